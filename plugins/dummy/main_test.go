package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/plugins/proto"
	"github.com/fenced-project/fenced/plugins/sdk"
)

// The conformance suite proves the built plugin (plugins/plugintest); these are the ways in which only this one could go wrong.

func TestTargetsStayInTheirDirectory(t *testing.T) {
	dir := t.TempDir()
	inside := filepath.Join(dir, "in")
	if err := os.Mkdir(inside, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"secret", "in/n1", "in/n1.uuid"} {
		if err := os.WriteFile(filepath.Join(dir, f), []byte("on"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := sdk.NewServer(dummy{})
	if r, err := s.Open(context.Background(), &proto.OpenRequest{Device: "d", Options: map[string]string{"dir": inside}}); err != nil || r.Failure != nil {
		t.Fatal(r, err)
	}
	for _, target := range []string{"../secret", "", ".", "..", "n1.uuid", "/etc/passwd"} {
		if r, _ := s.Do(context.Background(), &proto.DoRequest{Device: "d", Target: target, Action: "off"}); r.Failure.GetClass() != "refused" {
			t.Errorf("off of %q gives %v", target, r.Failure)
		}
	}
	if r, _ := s.Do(context.Background(), &proto.DoRequest{Device: "d", Target: "n1", Action: "off"}); r.Failure != nil {
		t.Errorf("off of n1 gives %v", r.Failure)
	}
	for f, want := range map[string]string{"secret": "on", "in/n1": "off", "in/n1.uuid": "on"} {
		if b, err := os.ReadFile(filepath.Join(dir, f)); err != nil || string(b) != want {
			t.Errorf("%s is %s, %v", f, b, err)
		}
	}
	if r, _ := s.List(context.Background(), &proto.ListRequest{Device: "d"}); len(r.Targets) != 1 || r.Targets[0].Id != "n1" {
		t.Errorf("List gives %v", r)
	}
}

// A device that switches slowly answers questions at once: the one that benchmarks measure crowds with.
func TestSwitchingTakesItsTime(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "n1"), []byte("on"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := sdk.NewServer(dummy{})
	if r, err := s.Open(context.Background(), &proto.OpenRequest{Device: "d", Options: map[string]string{"dir": dir, "switching": "1h"}}); err != nil || r.Failure != nil {
		t.Fatal(r, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if r, _ := s.Do(ctx, &proto.DoRequest{Device: "d", Target: "n1", Action: "off"}); r.Failure.GetClass() != "timeout" {
		t.Errorf("an off that takes an hour gives %v", r.Failure)
	}
	if r, _ := s.Status(context.Background(), &proto.StatusRequest{Device: "d", Target: "n1"}); r.Failure != nil || r.State != "on" {
		t.Errorf("its status is %v", r)
	}
}

func TestUnderAHundredLines(t *testing.T) {
	b, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), "\n"); n >= 100 {
		t.Errorf("main.go has %d lines: a vendor needs no more than 99", n)
	}
}

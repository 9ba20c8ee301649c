package api

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
)

func TestTheEndOfTheServer(t *testing.T) {
	r := start(t, Config{}, 0, nil)
	r.feed.Publish(client.Event{Event: client.EventView})
	next := r.stream(t, "?from=0")
	if line := next(); !strings.Contains(line, `"seq":1`) {
		t.Fatal(line)
	}
	inside := make(chan struct{})
	r.node.hook = func(ctx context.Context) error { close(inside); <-ctx.Done(); return ctx.Err() }
	answer := make(chan error, 1)
	c := r.client(t)
	go func() { _, err := c.Status(context.Background()); answer <- err }()
	<-inside
	began := time.Now()
	if err := r.stop(); err != nil {
		t.Errorf("Serve: %v", err)
	}
	if took := time.Since(began); took > slow(1500*time.Millisecond) {
		t.Errorf("open streams and calls held the end up for %s", took)
	}
	if err := <-answer; err == nil {
		t.Error("a call that was cut off says it succeeded")
	}
	if line := next(); !strings.HasPrefix(line, "end of stream") {
		t.Errorf("the stream goes on: %s", line)
	}
	if _, err := os.Stat(r.path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestListen(t *testing.T) {
	dir := socketDir(t)
	path := filepath.Join(dir, "s")
	s, err := New(Config{Group: "daemon"}, &fake{}, NewFeed("n", "r", 1))
	if err != nil {
		t.Fatal(err)
	}
	ln, err := s.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := s.Listen(path); err == nil || !strings.Contains(err.Error(), "another daemon") {
		t.Errorf("a socket that answers was taken: %v", err)
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}

	// A dead daemon's socket is replaced.
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	_ = dead.Close()
	open, err := New(Config{Readers: ReadersAll}, &fake{}, NewFeed("n", "r", 1))
	if err != nil {
		t.Fatal(err)
	}
	ln, err = open.Listen(path)
	if err != nil {
		t.Fatalf("over a dead socket: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o666 {
		t.Errorf("with readers: mode %v, %v", info.Mode(), err)
	}
	// Whoever took the name meanwhile keeps it.
	if err := errors.Join(os.Remove(path), os.WriteFile(path, []byte("mine"), 0o600), ln.Close()); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "mine" {
		t.Errorf("somebody else's file: %q, %v", b, err)
	}
	if _, err := s.Listen(path); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("a file was taken for a socket: %v", err)
	}
	if _, err := s.Listen(filepath.Join(dir, "none", "s")); err == nil {
		t.Error("a directory that does not exist")
	}
}

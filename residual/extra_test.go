package residual

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func scanWith(t *testing.T, o Options) Report {
	t.Helper()
	o.Boot, o.Session = boot, noSession
	if o.Probe == 0 {
		o.Probe = slow(20 * time.Second)
	}
	o.Total = slow(30 * time.Second)
	return Scan(context.Background(), o)
}

func script(t *testing.T, root, name, body string) {
	t.Helper()
	p := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestDirectories(t *testing.T) {
	root := tree(t, "run/mine/a", "srv/mine/b=x", "srv/empty", "srv/file=x")
	r := scanWith(t, Options{SystemRoot: root, Directories: []string{"/run/mine", "/srv/mine", "/srv/empty", "/srv/nowhere", "/srv/file", "/../srv/mine/"}})
	got := lines(r, root)
	for _, want := range []string{
		"directories|run/mine/a|state|a in /run/mine|reset=true", "directories|srv/mine/b|state|b in /srv/mine|reset=false",
		"directories|srv/file|state|unknown|reset=false|cannot read it: not a directory", "directories|srv/mine/b|state|b in /../srv/mine/|reset=false",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if len(r.Findings) != 4 {
		t.Error(got)
	}
}

// A command says 0 for nothing; whatever else happens to it is something, or unknown.
func TestCommands(t *testing.T) {
	t.Parallel()
	root := tree(t)
	script(t, root, "ok", "exit 0")
	script(t, root, "found", `echo "two leases of $1"; echo more; exit 7`)
	script(t, root, "mute", "exit 1")
	script(t, root, "flood", "yes")
	script(t, root, "killed", "kill -9 $$")
	script(t, root, "environment", `env | grep -v -e ^PATH= -e ^LC_ALL= -e ^PWD= -e ^SHLVL= -e ^_= && exit 1; exit 0`)
	r := scanWith(t, Options{SystemRoot: root, Commands: []Command{
		{Argv: []string{"/ok"}}, {Argv: []string{"/found", "db"}, Reset: true}, {Argv: []string{"/mute"}}, {Argv: []string{"/flood"}}, {Argv: []string{"/killed"}}, {Argv: []string{"/nowhere"}}, {Argv: []string{"/environment"}},
	}})
	got := lines(r, root)
	for _, want := range []string{
		"commands|/found db|state|two leases of db|reset=true|the command ended with status 7", "commands|/mute|state|something is left over|reset=false", "commands|/flood|state|unknown|reset=false|cannot tell: it wrote more than may be read",
		"commands|/killed|state|unknown|", "commands|/nowhere|state|unknown|",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if len(r.Findings) != 5 {
		t.Error(got)
	}
}

// A command that hangs is unknown, ends with everything that it started, and costs none of the others.
func TestCommandThatHangs(t *testing.T) {
	t.Parallel()
	root := tree(t)
	script(t, root, "hangs", `sleep 600 & echo $! >`+root+`/child; wait`)
	script(t, root, "found", "exit 1")
	r := scanWith(t, Options{SystemRoot: root, Commands: []Command{{Argv: []string{"/hangs"}}, {Argv: []string{"/found"}}}, Probe: slow(12 * time.Second)})
	got := lines(r, root)
	if !strings.Contains(got, "commands|/hangs|state|unknown|reset=false|cannot tell: no answer within") || !strings.Contains(got, "commands|/found|state|something is left over") {
		t.Error(got)
	}
	b, err := os.ReadFile(filepath.Join(root, "child"))
	if err != nil {
		t.Fatal(err)
	}
	stat := fmt.Sprintf("/proc/%s/stat", strings.TrimSpace(string(b)))
	for end := time.Now().Add(slow(20 * time.Second)); ; time.Sleep(time.Millisecond) {
		s, err := os.ReadFile(stat)
		if err != nil || strings.Contains(string(s), ") Z ") {
			break
		}
		if time.Now().After(end) {
			t.Fatal("what the command started goes on")
		}
	}
}

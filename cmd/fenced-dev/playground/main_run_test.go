package playground

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// terminal is one user with one well-known place; dev runs `fenced dev ARGS` there.
type terminal struct {
	t   *testing.T
	env []string
	bin string
}

func newTerminal(t *testing.T) terminal {
	t.Helper()
	dir, err := build()
	must(t, err)
	return terminal{t: t, env: append(os.Environ(), "XDG_RUNTIME_DIR="+t.TempDir()), bin: filepath.Join(dir, "fenced-dev")}
}

func (tt terminal) command(args ...string) *exec.Cmd {
	cmd := exec.Command(tt.bin, append([]string{"playground"}, args...)...)
	cmd.Env = tt.env
	return cmd
}

// dev runs a command to its end and returns what it says and its exit code.
func (tt terminal) dev(args ...string) (string, int) {
	tt.t.Helper()
	cmd := tt.command(args...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		tt.t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// stay starts a playground and waits until its cluster is up; end waits for its end.
func (tt terminal) stay(args ...string) (cmd *exec.Cmd, o owner, end func() int) {
	tt.t.Helper()
	cmd = tt.command(args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	must(tt.t, cmd.Start())
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	end = func() int {
		select {
		case <-ended:
		case <-time.After(patience(15 * time.Second)):
			tt.t.Error("the playground does not end")
			_ = cmd.Process.Kill()
			<-ended
		}
		return cmd.ProcessState.ExitCode()
	}
	tt.t.Cleanup(func() { _ = cmd.Process.Kill(); end() })
	for deadline := time.Now().Add(patience(20 * time.Second)); ; time.Sleep(50 * time.Millisecond) {
		text, code := tt.dev("status", "-o", "json")
		var s Status
		if code == 0 && json.Unmarshal([]byte(text), &s) == nil {
			o, _ = parseOwner(filepath.Base(s.Dir))
			tt.t.Cleanup(func() { _ = sweep(o) })
			return cmd, o, end
		}
		if time.Now().After(deadline) {
			tt.t.Fatalf("no playground: %s", text)
		}
	}
}

func TestPlaygroundFromAnotherTerminal(t *testing.T) {
	tt := newTerminal(t)
	if text, code := tt.dev("kill", "node-1"); code != 102 || !strings.Contains(text, "fenced dev") {
		t.Errorf("without a playground: %d, %s", code, text)
	}
	_, o, end := tt.stay("--network", "loopback")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"kill", "node-2"}, 0, "kill node-2: done"},
		{[]string{"kill", "node-2"}, 1, "nothing runs on it"},
		{[]string{"kill", "nod-2"}, 105, "node-2"},
		{[]string{"freeze", "node-3"}, 0, "done"},
		{[]string{"thaw", "node-3"}, 0, "done"},
		{[]string{"cut", "node-3"}, 1, "root"},
		{[]string{"kill"}, 64, "arg"},
		{[]string{"status"}, 0, "node-2"},
		{[]string{"--network", "loopback"}, 1, "a playground runs already"},
		{[]string{"--network", "wireless"}, 64, "loopback"},
		{[]string{"--script", "fail-all"}, 105, "fail-all"},
		{[]string{"stop"}, 0, "stopping"},
	} {
		if text, code := tt.dev(c.args...); code != c.code || !strings.Contains(text, c.want) {
			t.Errorf("%v: exit %d, %q; want %d, %q", c.args, code, text, c.code, c.want)
		}
	}
	if code := end(); code != 0 {
		t.Errorf("after stop the playground exits %d", code)
	}
	if left := remains(o); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestPlaygroundEndsWithSignalsAndLeavesNothing(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		tt := newTerminal(t)
		cmd, o, end := tt.stay("--network", "loopback")
		if len(remains(o)) < 6 {
			t.Errorf("%v: only %v runs", sig, remains(o))
		}
		must(t, cmd.Process.Signal(sig))
		if code := end(); sig != syscall.SIGKILL && code != 0 {
			t.Errorf("%v: exit %d", sig, code)
		}
		deadline := time.Now().Add(patience(10 * time.Second))
		for len(remains(o)) > 0 && time.Now().Before(deadline) {
			time.Sleep(20 * time.Millisecond) // after SIGKILL the guard needs a moment
		}
		if left := remains(o); len(left) > 0 {
			t.Errorf("%v: left behind: %v", sig, left)
		}
	}
}

// A shell that dies without a word takes its playground with it.
func TestPlaygroundEndsWithItsParent(t *testing.T) {
	tt := newTerminal(t)
	shell := exec.Command("/bin/sh", "-c", tt.bin+" playground --network loopback >/dev/null 2>&1; exit 0")
	shell.Env = tt.env
	must(t, shell.Start())
	var s Status
	for deadline := time.Now().Add(patience(20 * time.Second)); s.Dir == ""; time.Sleep(50 * time.Millisecond) {
		text, _ := tt.dev("status", "-o", "json")
		_ = json.Unmarshal([]byte(text), &s)
		if time.Now().After(deadline) {
			t.Fatalf("no playground: %s", text)
		}
	}
	o, _ := parseOwner(filepath.Base(s.Dir))
	t.Cleanup(func() { _ = sweep(o) })
	must(t, shell.Process.Kill())
	_ = shell.Wait()
	for deadline := time.Now().Add(patience(10 * time.Second)); len(remains(o)) > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("left behind: %v", remains(o))
		}
	}
	for deadline := time.Now().Add(patience(5 * time.Second)); o.alive(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the playground itself is still there")
		}
	}
}

package residual

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asHelper makes this test binary the helper, in one of several states of health.
func asHelper(kind string) {
	switch kind {
	case "serve":
		if err := Serve(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case "serve-tight": // in less memory than a Go program starts with
		if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}); err != nil {
			os.Exit(1)
		}
		b := make([]byte, 64<<20)
		for i := range b {
			b[i] = byte(i)
		}
		_ = Serve(os.Stdin, os.Stdout)
	case "deaf":
		_ = syscall.Pause()
	case "late": // slower than whoever is started beside it
		time.Sleep(slow(time.Second))
		_ = Serve(os.Stdin, os.Stdout)
	case "asked-deaf", "asked-dies", "asked-dies-late":
		_, _ = fmt.Println(`{"waits":true}`)
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		if kind == "asked-dies-late" {
			_, _ = fmt.Println(`{"up":true}`)
			_, _ = fmt.Println(`{"probe":"dlm","findings":[]}`)
		}
		if kind == "asked-deaf" {
			_ = syscall.Pause()
		}
		os.Exit(3)
	case "keeper", "closer":
		keeps(kind == "closer")
	case "next":
		_, _ = fmt.Println("next", strings.Join(children(os.Getpid()), ","))
	case "dies":
		os.Exit(3)
	case "says-nothing":
	case "babbles":
		_, _ = fmt.Println(`{"probe":"dlm","findings":[]} trailing`)
	case "invents":
		_, _ = fmt.Println(`{"probe":"nonsense","findings":[]}`)
	case "for-another":
		_, _ = fmt.Println(`{"probe":"dlm","findings":[{"probe":"gfs2"}]}`)
	case "twice":
		for range 2 {
			_, _ = fmt.Println(`{"probe":"dlm","findings":[]}`)
		}
		_ = syscall.Pause()
	case "endless":
		w := bufio.NewWriter(os.Stdout)
		for {
			if _, err := w.WriteString(strings.Repeat("x", 4096)); err != nil {
				return
			}
		}
	}
}

func helped(t *testing.T, root, kind string) *Scanner {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return New(Options{
		SystemRoot: root, Boot: boot, Session: noSession, Probe: slow(20 * time.Second), Total: slow(20 * time.Second), Helper: []string{self, helperWord + kind},
	})
}

// helperWord is the argument by which this binary knows that it is the helper.
const helperWord = "residual-helper-"

// settled waits until no probe of a scanner is under way.
func settled(t *testing.T, s *Scanner) {
	t.Helper()
	end := time.Now().Add(slow(20 * time.Second))
	for busy := true; busy; time.Sleep(time.Millisecond) {
		s.mu.Lock()
		busy = len(s.since) > 0
		s.mu.Unlock()
		if time.Now().After(end) {
			t.Fatal("a look never came back")
		}
	}
}

// The helper sees what a scan in this process sees.
func TestHelperSeesTheSame(t *testing.T) {
	for _, name := range []string{"shared", "local-only"} {
		root := t.TempDir()
		grow(t, filepath.Join("testdata", name), root)
		r := helped(t, root, "serve").Scan(context.Background())
		if got, want := lines(r, root), lines(scan(t, root), root); got != want || !r.Complete() || len(r.Findings) == 0 {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
}

// V12: a helper that dies, says nothing, or says what it was not asked for has found nothing good.
func TestHelperThatFailsIsDirty(t *testing.T) {
	for _, kind := range []string{"dies", "says-nothing", "babbles", "invents", "for-another", "twice", "endless", "serve-tight"} {
		s := helped(t, tree(t), kind)
		r := s.Scan(context.Background())
		if !r.Unknown() || len(r.Residue()) == 0 || r.Session != SessionNone {
			t.Errorf("%s:\n%s", kind, lines(r, ""))
		}
		settled(t, s)
	}
	s := New(Options{SystemRoot: tree(t), Boot: boot, Session: noSession, Helper: []string{"/nowhere/fenced"}})
	if r := s.Scan(context.Background()); !r.Unknown() {
		t.Error("a helper that cannot be started counts as clean")
	}
}

// S2.13: a helper that never answers is abandoned at the deadline and killed.
// part of: S2.13
func TestDeafHelperIsAbandoned(t *testing.T) {
	s := helped(t, tree(t), "deaf")
	s.o.Probe, s.o.Total = slow(200*time.Millisecond), slow(400*time.Millisecond)
	for range 2 {
		r := s.Scan(context.Background())
		if !r.Unknown() || r.Took > slow(10*time.Second) {
			t.Errorf("%s\n%s", r.Took, lines(r, ""))
		}
		settled(t, s)
	}
}

// S2.13: a read that hangs inside of the helper costs its own probe alone.
// part of: S2.13
func TestHungReadInTheHelper(t *testing.T) {
	t.Parallel()
	root := tree(t, "sys/kernel/dlm/ls")
	pipe(t, root+"/sys/fs/gfs2/c:f/lock_module/proto_name")
	s := helped(t, root, "serve")
	s.o.Probe = slow(10 * time.Second)
	r := s.Scan(context.Background())
	got := lines(r, root)
	if !strings.Contains(got, "dlm|sys/kernel/dlm/ls|state|dlm lockspace ls|reset=true") || !strings.Contains(got, "gfs2|"+root+"|state|unknown|reset=true|no answer within") {
		t.Error(got)
	}
	if strings.Count(got, "unknown") != 1 {
		t.Errorf("more than the probe that hangs:\n%s", got)
	}
	settled(t, s) // it could be killed: nothing of it is left
}

// A helper that could not be killed is not started again for the probe that hangs, and the others are scanned all the same.
func TestProbeThatHangsIsNotAskedAgain(t *testing.T) {
	root := tree(t, "sys/kernel/dlm/ls")
	s := helped(t, root, "serve")
	s.start(ProbeGFS2)
	got := lines(s.Scan(context.Background()), root)
	if !strings.Contains(got, "gfs2|"+root+"|state|unknown|reset=true|an earlier look has not returned") || !strings.Contains(got, "dlm lockspace ls") || strings.Count(got, "unknown") != 1 {
		t.Error(got)
	}
}

// The helper ends with whoever asked it.
func TestHelperEndsWithItsAsker(t *testing.T) {
	root := tree(t)
	release := pipe(t, root+"/sys/fs/gfs2/c:f/lock_module/proto_name")
	defer release()
	in, ask := io.Pipe()
	ended := make(chan error, 1)
	out := make(chan []byte, 100)
	go func() { ended <- serve(in, chanWriter(out)) }()
	if _, err := fmt.Fprintf(ask, `{"options":{"SystemRoot":%q},"probes":["gfs2","dlm"]}`, root); err != nil {
		t.Fatal(err)
	}
	select {
	case <-out: // dlm answered; gfs2 hangs
	case <-time.After(slow(20 * time.Second)):
		t.Fatal("no answer")
	}
	if err := ask.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err == nil {
			t.Error("it ended as if it were done")
		}
	case <-time.After(slow(20 * time.Second)):
		t.Fatal("it goes on")
	}
}

type chanWriter chan []byte

func (w chanWriter) Write(b []byte) (int, error) { w <- b; return len(b), nil }

func TestRequestOfTheHelper(t *testing.T) {
	for _, ask := range []string{"", "x", "[]", `{"probes":3}`} {
		var out strings.Builder
		if err := serve(strings.NewReader(ask), &out); err == nil || out.Len() > 0 {
			t.Errorf("%q: %v, %q", ask, err, out.String())
		}
	}
	if err := serve(strings.NewReader(`{"options":{"SystemRoot":"/nowhere"},"probes":["dlm"]}`), brokenWriter{}); err == nil {
		t.Error("an answer that was not taken counts as given")
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken") }

// What a helper takes to start is no probe's fault: only the scan's own limit counts until it is up. Probes that say nothing are told from those that
// found something.
// part of: S2.13
func TestTheHelpersStartIsNoProbesTime(t *testing.T) {
	s := helped(t, tree(t), "deaf")
	s.o.Probe, s.o.Total = time.Millisecond, 100*time.Millisecond
	r := s.Scan(context.Background())
	if r.Took < s.o.Total || !r.NoAnswer() {
		t.Errorf("after %s, no answer %v\n%s", r.Took, r.NoAnswer(), lines(r, ""))
	}
	settled(t, s)
}

func TestNoAnswerIsNothingElse(t *testing.T) {
	silent := Finding{Probe: ProbeDLM, Class: ClassState, What: WhatUnknown}
	for name, tt := range map[string]struct {
		r    Report
		want bool
	}{
		"nothing found":          {Report{}, false},
		"silence":                {Report{Findings: []Finding{silent}, Silent: []string{ProbeDLM}}, true},
		"silence, and access":    {Report{Findings: []Finding{silent, {Probe: ProbeISCSI, Class: ClassAccess}}, Silent: []string{ProbeDLM}}, true},
		"silence, and state":     {Report{Findings: []Finding{silent, {Probe: ProbeGFS2, Class: ClassState}}, Silent: []string{ProbeDLM}}, false},
		"refused":                {Report{Findings: []Finding{silent}}, false},
		"the record was silent":  {Report{Findings: []Finding{{Probe: ProbeSession, Class: ClassState, What: WhatUnknown}}, Silent: []string{ProbeSession}}, true},
		"the record is torn":     {Report{Findings: []Finding{silent, {Probe: ProbeSession, Class: ClassState, What: WhatUnknown}}, Silent: []string{ProbeDLM}}, false},
		"only the record's word": {Report{Findings: []Finding{{Probe: ProbeSession, Class: ClassState, What: "open session, stateful"}}}, false},
	} {
		if got := tt.r.NoAnswer(); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// The exit codes of the house that this program uses (INTERFACES.md).
const (
	exitUsage  = 64
	exitDenied = 77
	exitConfig = 78
)

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

// run is the whole program; it returns its exit code.
func run(args []string, stderr io.Writer) int {
	say := func(format string, a ...any) { fmt.Fprintf(stderr, "fenced-watchdog: "+format+"\n", a...) }
	fs := flag.NewFlagSet("fenced-watchdog", flag.ContinueOnError)
	fs.SetOutput(stderr)
	root := fs.String("system-root", "/", "where the devices are: / or the directory of a fake system")
	dir := fs.String("run-dir", "/run/fenced", "where the socket is made")
	if err := fs.Parse(args); err != nil || fs.NArg() > 0 {
		return exitUsage
	}
	open, err := choose(*root)
	if err != nil {
		say("%v", err)
		if errors.Is(err, errNotAllowed) {
			return exitDenied
		}
		return exitConfig
	}
	warnings := prepare(*root == "/")
	ln, err := listen(filepath.Join(*dir, "watchdog.sock"))
	if err != nil {
		say("cannot listen: %v", err)
		return exitConfig
	}
	h := newHolder(*root, filepath.Join(*dir, "watchdog.open"), open, bootMS, say)
	h.realtime, h.warnings = warnings.realtime, warnings.texts
	for _, w := range h.warnings {
		say("%s", w)
	}
	ctx, end := context.WithCancel(context.Background())
	defer end()
	stop := make(chan struct{})
	defer close(stop)
	go h.run(stop)
	go h.serve(ctx, ln)
	if err := tellSystemd("READY=1"); err != nil {
		say("%v", err)
	}
	h.wait(say)
	if h.custody() {
		say("a device cannot be stopped (nowayout): it is not fed from now on, and resets this machine unless that is down by then")
	}
	_ = ln.Close()
	return 0
}

// choose says which devices this process can reach at all.
func choose(root string) (opener, error) {
	switch {
	case root == "/" && !allowed():
		return nil, errNotAllowed
	case root == "/":
		return realOpener, nil
	case !filepath.IsAbs(root) || filepath.Clean(root) != root:
		return nil, fmt.Errorf("system root %q is neither / nor a clean absolute path", root)
	}
	return fakeOpener(root), nil
}

type prepared struct {
	realtime bool
	texts    []string
}

// prepare makes this process one that runs when nothing else does. A fake system is left alone but for its memory: a real-time process of a
// test would stand before everything on a machine of somebody else.
func prepare(real bool) prepared {
	var p prepared
	note := func(text string) {
		if text != "" {
			p.texts = append(p.texts, text)
		}
	}
	if real {
		var why string
		p.realtime, why = realtime()
		note(why)
		note(unkillable())
	}
	note(lockMemory())
	return p
}

// wait returns when this process is told to end and may: what a lease protects is not left alone (V14).
func (h *holder) wait(say func(string, ...any)) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(signals)
	told := false
	tick := time.NewTicker(idleTurnMS * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case s := <-signals:
			if s == syscall.SIGHUP {
				continue
			}
			if told = true; !h.mayEnd() {
				say("%s: the watchdog is open for a lease, so this process stays until that is released; it is not closed while something needs protection", s)
			}
		case <-tick.C:
		}
		if told && h.mayEnd() {
			return
		}
	}
}

package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fenced-project/fenced/test/harness"
)

// shared is the cluster of the last test: to boot three machines and form a cluster takes as long as most scenarios. The next test goes on with it
// where it wants the same configuration and the last one succeeded.
var shared oneLab

type oneLab struct {
	booted image
	lab    *Lab
}

// end switches it off.
func (s *oneLab) end() {
	if s.lab == nil {
		return
	}
	if dir := s.lab.End(keep()); dir != "" {
		fmt.Println("the lab's files are kept in", dir)
	}
	s.lab = nil
}

func keep() bool { return os.Getenv("KEEP") != "" }

// start builds what guests boot, once, and a lab of machines on which nothing runs yet.
func start(t *testing.T, setup Setup, nodes int) *Lab {
	t.Helper()
	for p, pkg := range Needs {
		harness.Program(t, p, pkg)
	}
	if shared.booted.dir == "" {
		root, err := filepath.Abs("../..")
		must(t, err)
		shared.booted, err = build(t.Context(), root)
		must(t, err)
	}
	l, err := Start(harness.Within(t, 5*time.Minute), shared.booted, setup, nodes)
	if err != nil {
		if l != nil {
			ended(t, l)
		}
		t.Fatal(err)
	}
	return l
}

// ended ends a lab, and says where its files are if they are kept.
func ended(t *testing.T, l *Lab) {
	if dir := l.End(t.Failed() || keep()); dir != "" {
		t.Logf("the lab's files are kept in %s", dir)
	}
}

// within bounds what a test waits for, by how slow its machines are.
func within(t *testing.T, l *Lab, d time.Duration) context.Context {
	t.Helper()
	return harness.Within(t, l.stretch(d))
}

// formWithin is within what time a cluster is formed, or is itself again after the last test.
const formWithin = 10 * time.Minute

// cluster returns three machines that are members of one armed cluster, with an empty file system that those of these numbers have mounted.
func cluster(t *testing.T, setup Setup, mounts ...int) *Lab {
	t.Helper()
	reported(t)
	if shared.lab != nil && shared.lab.setup != setup {
		shared.end()
	}
	fresh := shared.lab == nil
	if fresh {
		shared.lab = start(t, setup, 3)
		t.Logf("machines booted in %.1f times the time of a quiet host", shared.lab.slow)
	}
	l := shared.lab
	t.Cleanup(func() {
		if t.Failed() {
			shared.lab = nil
			ended(t, l)
		}
	})
	ctx := within(t, l, formWithin)
	if fresh {
		form(ctx, t, l)
	} else {
		again(ctx, t, l)
	}
	must(t, l.Begin())
	must(t, l.MakeFS(ctx))
	for _, id := range mounts {
		must(t, l.Machine(id).Mount(ctx))
	}
	return l
}

// form starts everything for the first time.
func form(ctx context.Context, t *testing.T, l *Lab) {
	t.Helper()
	must(t, l.Install(ctx, l.Machines...))
	must(t, l.Stack(ctx, "corosync", l.Machines...))
	must(t, l.Ring(ctx, l.Machines...))
	must(t, l.Stack(ctx, "watchdog", l.Machines...))
	must(t, l.Stack(ctx, "fenced", l.Machines...))
	bootstrap(ctx, t, l)
	members(ctx, t, l)
	_, err := l.Machine(1).Run(ctx, "fenced arm --reason lab")
	must(t, err)
	must(t, l.Stack(ctx, "dlm", l.Machines...))
}

// bootstrap makes the domain; the daemon may have just been started, and an answer that was too late for the command is an answer.
func bootstrap(ctx context.Context, t *testing.T, l *Lab) {
	t.Helper()
	_, err := l.Machine(1).Run(ctx, "until said=$(fenced bootstrap lab 2>&1) || echo $said | grep already; do sleep 1; done")
	must(t, err)
}

// again brings a cluster back to what form left: every machine on, linked, with a BMC that answers, a member, and no user of the file system.
func again(ctx context.Context, t *testing.T, l *Lab) {
	t.Helper()
	l.Heal()
	for _, m := range l.Machines {
		must(t, m.ReviveBMC())
		must(t, m.on())
	}
	members(ctx, t, l)
	must(t, each(l.Machines, func(m *Machine) error { return m.Unmount(ctx) }))
}

// members waits until every machine says of every machine that it is a member.
func members(ctx context.Context, t *testing.T, l *Lab) {
	t.Helper()
	for _, m := range l.Machines {
		_, err := m.Run(ctx, fmt.Sprintf("tool members %d", len(l.Machines)))
		must(t, err)
	}
}

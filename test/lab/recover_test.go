package lab

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/fenced-project/fenced/test/harness"
)

// cluster starts everything on all machines: corosync, fenced, dlm, a file system that the first ones mount.
func cluster(t *testing.T, l *Lab, mounts int) {
	t.Helper()
	ctx := harness.Within(t, 8*time.Minute)
	must(t, l.Corosync(ctx, l.Machines...))
	must(t, l.Fenced(ctx, l.Machines...))
	_, err := l.Machine(1).Run(ctx, "until fenced bootstrap lab; do sleep 0.5; done")
	must(t, err)
	for _, m := range l.Machines {
		await(ctx, t, fmt.Sprintf("%s is a member", m.Name()), func() (bool, error) { s, err := l.Machine(1).State(ctx, m); return s == "member", err })
	}
	_, err = l.Machine(1).Run(ctx, "fenced arm --reason lab")
	must(t, err)
	must(t, l.DLM(ctx, l.Machines...))
	must(t, l.MakeFS(ctx))
	for _, m := range l.Machines[:mounts] {
		must(t, m.Mount(ctx))
	}
}

// await asks again and again until something is so.
func await(ctx context.Context, t *testing.T, what string, f func() (bool, error)) {
	t.Helper()
	for {
		ok, err := f()
		if ok {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("not in time: %s (%v)", what, err)
		case <-time.After(300 * time.Millisecond):
		}
	}
}

func TestTheClusterItself(t *testing.T) {
	l := start(t, 3)
	cluster(t, l, 2)
}

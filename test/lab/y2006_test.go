package lab

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/test/harness"
)

// The demonstration of 2006 (SCENARIOS.md): A and B write to a cluster file system; the cluster's software is killed by force on all three and started
// again; C tries to mount. Then, C used the file system beside A and B and corrupted it. Required: A and B find what is left over, are reset, and
// only after that C mounts; no block was written by two. (S2.1)
func TestTheDemonstrationOf2006(t *testing.T) {
	l := start(t, 3)
	cluster(t, l, 2)
	ctx := harness.Within(t, 10*time.Minute)
	a, b, c := l.Machine(1), l.Machine(2), l.Machine(3)
	lives := map[*Machine]string{}
	for _, m := range []*Machine{a, b} {
		must(t, m.Write(ctx, m.Name()))
		life, err := m.Boot(ctx)
		must(t, err)
		lives[m] = life
	}
	await(ctx, t, "both write", func() (bool, error) { return a.Written(lives[a]) > 20 && b.Written(lives[b]) > 20, nil })

	must(t, each(l.Machines, func(m *Machine) error { return m.KillStack(ctx) }))
	killed, err := c.Now(ctx)
	must(t, err)
	must(t, l.Stack(ctx, "corosync", l.Machines...))
	must(t, l.Stack(ctx, "fenced", l.Machines...))
	for _, m := range []*Machine{a, b} { // dlm_controld waits behind fenced; in this life it never comes to that
		_, err := m.Run(ctx, "setsid stack dlm </dev/null >/dev/null 2>&1 &")
		must(t, err)
	}
	_, err = c.Run(ctx, "setsid sh -c 'stack dlm; until mount -t gfs2 /dev/shared "+mountpoint+"; do sleep 0.5; done' </dev/null >/share/node-3/mount.log 2>&1 &")
	must(t, err)

	verdicts := map[*Machine]time.Time{}
	for _, m := range []*Machine{a, b} {
		verdicts[m] = verdictOn(ctx, t, l, c, m)
	}
	await(ctx, t, "C mounts", func() (bool, error) {
		r, err := c.Try(ctx, "grep -q gfs2 /proc/mounts", "")
		return r.Code == 0 && err == nil, err
	})
	mounted := joinedAt(ctx, t, c)
	for m, at := range verdicts {
		if mounted.Before(at) {
			t.Errorf("C mounted %v before the verdict on %s", at.Sub(mounted), m.Name())
		}
		if found, err := l.Events(m, client.EventDirty, m); err != nil || len(found) == 0 {
			t.Errorf("%s did not say that it found something left over (%v)", m.Name(), err)
		}
		if n := m.Offs(); n < 1 || n > 2 {
			t.Errorf("the power of %s was cut %d times", m.Name(), n)
		}
		owner, n, err := c.Records(ctx, m.Name())
		if err != nil || owner != m.Name()+"/"+lives[m] || n < m.Written(lives[m]) {
			t.Errorf("the file of %s: %d records of %s, %d were acknowledged (%v)", m.Name(), n, owner, m.Written(lives[m]), err)
		}
	}
	if c.Offs() != 0 {
		t.Errorf("C was clean, and its power was cut %d times", c.Offs())
	}
	must(t, c.Write(ctx, c.Name()))
	for _, m := range []*Machine{a, b} {
		await(ctx, t, m.Name()+" is back, another life, clean", func() (bool, error) {
			life, err := m.Boot(ctx)
			if err != nil || life == lives[m] {
				return false, err
			}
			s, err := c.State(ctx, m)
			return s == "member", err
		})
	}
	t.Logf("killed to the verdicts %v and %v, to C's mount %v", verdicts[a].Sub(killed), verdicts[b].Sub(killed), mounted.Sub(killed))
	whole(ctx, t, l)
}

// joinedAt is when a machine's kernel had joined the file system's lockspace, by its own clock.
func joinedAt(ctx context.Context, t *testing.T, m *Machine) time.Time {
	t.Helper()
	log, err := m.KernelLog(ctx)
	must(t, err)
	for _, line := range log {
		if strings.Contains(line.Text, "gfs2: fsid=lab:shared: Now mounting") || strings.Contains(line.Text, "gfs2: fsid=lab:shared: Joined cluster") {
			return line.At
		}
	}
	t.Fatalf("%s does not say when it joined", m.Name())
	return time.Time{}
}

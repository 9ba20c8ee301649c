package lab

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
)

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
		case <-time.After(looks):
		}
	}
}

// looks is the pause between two looks: most of them are commands in an emulated machine, which has better things to do.
const looks = time.Second

// writing has these machines write, each to a file of its name, and returns their lives when all do.
func (l *Lab) writing(ctx context.Context, t *testing.T, ms ...*Machine) map[*Machine]string {
	t.Helper()
	lives := map[*Machine]string{}
	for _, m := range ms {
		life, err := m.Boot(ctx)
		must(t, err)
		lives[m] = life
		must(t, m.Write(ctx, m.Name()))
	}
	for _, m := range ms {
		await(ctx, t, m.Name()+" writes", func() (bool, error) { return m.Written(lives[m]) > 20, nil })
	}
	return lives
}

// verdictOn waits for the verdict that by knows on a node, and returns its time.
func verdictOn(ctx context.Context, t *testing.T, l *Lab, by, on *Machine) (at time.Time) {
	t.Helper()
	await(ctx, t, "a verdict on "+on.Name(), func() (bool, error) {
		e, err := l.Events(by, client.EventVerdict, on)
		if len(e) > 0 {
			at = e[0].At.Time
		}
		return len(e) > 0, err
	})
	return at
}

// replay waits until a machine's kernel has replayed a journal after a moment, and returns when it reached for it, by that machine's clock.
func replay(ctx context.Context, t *testing.T, m *Machine, after time.Time) (at time.Time) {
	t.Helper()
	await(ctx, t, m.Name()+" replays a journal", func() (bool, error) {
		log, err := m.KernelLog(ctx)
		reached, done := journalIn(log, after)
		at = reached
		return done, err
	})
	return at
}

func journalIn(log []Kernel, after time.Time) (reached time.Time, done bool) {
	for _, line := range log {
		switch {
		case line.At.Before(after) || !strings.Contains(line.Text, "gfs2: fsid=lab:shared"):
		case strings.Contains(line.Text, "Trying to acquire journal"):
			reached = line.At
		case strings.Contains(line.Text, "recover jid") && strings.Contains(line.Text, "result success") && !reached.IsZero():
			return reached, true
		}
	}
	return reached, false
}

// whole ends a test: nothing that was said or written breaks an invariant, and the file system has no error.
func whole(ctx context.Context, t *testing.T, l *Lab) {
	t.Helper()
	r, err := l.Check()
	must(t, err)
	for _, v := range r.Violations {
		t.Errorf("check-log: %s", v)
	}
	t.Logf("check-log: %d lines, %d victims, %d verdicts, %d releases, %d writes, %d violations", r.Lines, r.Victims, r.Verdicts, r.Releases, r.Writes, len(r.Violations))
	must(t, each(l.Machines, func(m *Machine) error { return m.Unmount(ctx) }))
	m := l.Machine(1)
	r2, err := m.Try(ctx, "fsck.gfs2 -n /dev/shared", "")
	if err != nil || r2.Code != 0 {
		t.Errorf("fsck.gfs2 -n ended with %d (%v):\n%s%s", r2.Code, err, r2.Out, r2.Err)
	}
}

// comesBack waits until a machine lives another life and is a member again, for another and for itself.
func comesBack(ctx context.Context, t *testing.T, by, m *Machine, earlier string) {
	t.Helper()
	await(ctx, t, m.Name()+" is back, another life, clean", func() (bool, error) {
		life, err := m.Boot(ctx)
		if err != nil || life == earlier {
			return false, err
		}
		for _, who := range []*Machine{by, m} {
			s, err := who.State(ctx, m)
			if err != nil || s != client.StateMember {
				return false, err
			}
		}
		return true, nil
	})
}

// holdsAll proves that the file of a machine has only its records of one life, and every one that the disk had acknowledged.
func holdsAll(ctx context.Context, t *testing.T, by, m *Machine, life string, acknowledged int) {
	t.Helper()
	owner, n, err := by.Records(ctx, m.Name())
	if err != nil || owner != m.Name()+"/"+life || n < acknowledged {
		t.Errorf("the file of %s: %d records of %s, %d were acknowledged (%v)", m.Name(), n, owner, acknowledged, err)
	}
}

// harmless proves that none of these machines had its power cut, and that none of them is a victim for anybody.
func harmless(t *testing.T, l *Lab, ms ...*Machine) {
	t.Helper()
	for _, m := range ms {
		if n := m.Offs(); n != 0 {
			t.Errorf("the power of %s was cut %d times", m.Name(), n)
		}
		for _, by := range l.Machines {
			if e, err := l.Events(by, client.EventVictim, m); err != nil || len(e) > 0 {
				t.Errorf("%s calls %s a victim (%v, %v)", by.Name(), m.Name(), e, err)
			}
		}
	}
}

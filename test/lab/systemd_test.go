package lab

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
)

// The machine of the administrator, and of the daemon that is restarted, runs systemd with fenced's own units; the other two stay as they are.
var underSystemd, restartsUnderSystemd = Setup{SelfFence: true, Systemd: 2}, Setup{SelfFence: true, Lease: restarts.Lease, Systemd: 2}

// An administrator reboots a machine that writes, and systemd shuts it down by nothing but its units and /etc/fstab (docs/howto/install.md): the writer ends, the
// file system is unmounted, dlm_controld ends, fenced leaves, corosync ends, each before the next. Nobody fences it and nobody reaches for its journal. It comes back by
// its enabled units alone, a member, and mounts.
func TestTheAdministratorRebootsUnderSystemd(t *testing.T) {
	l := cluster(t, underSystemd, 1, 2)
	ctx := within(t, l, scenarioWithin)
	a, b := l.Machine(1), l.Machine(2)
	lives := l.writing(ctx, t, a, b)
	begun, err := a.Now(ctx)
	must(t, err)
	asked := time.Now()
	_, err = b.Run(ctx, "systemctl reboot --no-block")
	must(t, err)
	await(ctx, t, "node-2 has left", func() (bool, error) {
		e, err := l.Events(a, client.EventLeft, b)
		return len(e) > 0, err
	})
	measured(t, "left", time.Since(asked))
	acknowledged, before := b.Written(lives[b]), a.Written(lives[a])
	comesBack(ctx, t, a, b, lives[b])
	measured(t, "back", time.Since(asked))
	await(ctx, t, "node-2 mounts by its fstab", func() (bool, error) {
		r, err := b.Try(ctx, "grep ' "+mountpoint+" gfs2 ' /proc/mounts", "")
		return r.Code == 0, err
	})
	measured(t, "mounted", time.Since(asked))
	endedInOrder(ctx, t, b, lives[b], "lab-writer@node-2.service", "mnt.mount", "dlm.service", "fenced.service", "corosync.service")
	if n := b.Written(lives[b]); n != acknowledged {
		t.Errorf("node-2 wrote %d records after it had left", n-acknowledged)
	}
	await(ctx, t, "the other writes on", func() (bool, error) { return a.Written(lives[a]) > before+5, nil })
	log, err := a.KernelLog(ctx)
	must(t, err)
	if reached, _ := journalIn(log, begun); !reached.IsZero() {
		t.Error("node-1 reached for the journal of a machine that had unmounted")
	}
	holdsAll(ctx, t, a, b, lives[b], acknowledged)
	harmless(t, l, l.Machines...)
	whole(ctx, t, l)
}

// A daemon is restarted as planned (docs/howto/upgrade.md) under its own unit while the file system is mounted by fstab and written: systemd sees the same process all
// the time, no other unit is stopped, nobody is fenced, and the writer goes on (R26).
func TestAPlannedRestartUnderSystemd(t *testing.T) {
	goesOnOverARestart(t, restartsUnderSystemd, (*Machine).runs)
}

// runs is what systemd says of the units that are to live on: each with its state, its main process, when it began, and how often it was started again.
func (m *Machine) runs(ctx context.Context, t *testing.T) string {
	t.Helper()
	out, err := m.Run(ctx, "systemctl show --property=Id,ActiveState,SubState,MainPID,NRestarts,ActiveEnterTimestampMonotonic corosync.service fenced.service dlm.service mnt.mount lab-writer@"+m.Name())
	must(t, err)
	if n := strings.Count(out, "ActiveState=active"); n != 5 {
		t.Fatalf("%d of 5 units are active:\n%s", n, out)
	}
	return out
}

// endedInOrder proves by the journal that these units of a life of a machine ended well at its shutdown, each before the next began to.
func endedInOrder(ctx context.Context, t *testing.T, m *Machine, life string, units ...string) {
	t.Helper()
	ends, err := m.Ends(ctx, life)
	must(t, err)
	wrong, err := outOfOrder(ends, units...)
	must(t, err)
	for _, w := range wrong {
		t.Error(w)
	}
}

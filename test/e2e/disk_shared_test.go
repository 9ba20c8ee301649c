package e2e

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// shared is a disk that every machine can write to: a line for each write, with the life that wrote it.
type shared struct {
	t    *testing.T
	path string
	c    *playground.Cluster // whose nodes reach it through ports, nil where nothing can be closed
}

func sharedDisk(t *testing.T) *shared {
	return &shared{t: t, path: filepath.Join(t.TempDir(), "disk")}
}

// writes starts a program on a machine that writes to the disk and hears nobody: only the end of its machine ends it (S4.8).
func (d *shared) writes(n *playground.Node) {
	d.t.Helper()
	closed := "/nowhere"
	if d.c != nil {
		closed = filepath.Join(d.c.Dir(), "closed-"+n.Name)
	}
	runsOn(d.t, n, "sh", "-c", `while :; do [ -e "$3" ] || echo "$1" >> "$2"; sleep 0.01; done`, "writer", n.BootID(), d.path, closed)
}

// lives are the lives that wrote, in the order of their writes.
func (d *shared) lives() []string {
	b, err := os.ReadFile(d.path)
	if err != nil && !os.IsNotExist(err) {
		d.t.Error(err)
	}
	return slices.Compact(strings.Fields(string(b)))
}

// watched is an armed cluster whose node 3 has a watchdog and a program on a shared disk; a program on node 1 may take over.
type watched struct {
	*accident
	ctx  context.Context
	g    *guarded
	disk *shared
	next *program
}

func watch(t *testing.T, start starter) *watched {
	c, ctx := start(t, playground.Options{Disarmed: true})
	must(t, c.AwaitClean(ctx))
	w := &watched{ctx: ctx, disk: sharedDisk(t), g: guard(t, ctx, c, c.Node(3), "auto")}
	w.g.armed(t, ctx, c)
	w.accident = accidentOf(t, c)
	w.next = stubborn(t, c.Node(1), "next")
	holder := stubborn(t, w.g.Node, "holder")
	w.awaits(ctx, w.next, client.NoticeGranted)
	w.awaits(ctx, holder, client.NoticeGranted)
	w.disk.writes(w.g.Node)
	w.await(ctx, "its first write", func() bool { return len(w.disk.lives()) == 1 })
	return w
}

// reset waits for the watchdog and does what it does to a real machine: everything on it ends at once, and it boots. Its device is gone then.
func (w *watched) reset() {
	w.t.Helper()
	w.g.bites(w.t)
	must(w.t, w.g.LosePower(w.ctx))
	w.g.dog.Close()
	must(w.t, w.g.RegainPower(w.ctx))
}

// takenOver waits for the release of node 3's life, starts the program that was waiting for it, and asks the disk who wrote when.
func (w *watched) takenOver() {
	w.t.Helper()
	w.awaits(w.ctx, w.next, client.NoticeReleased)
	w.disk.writes(w.c.Node(1))
	w.await(w.ctx, "the first write of who takes over", func() bool { return len(w.disk.lives()) > 1 })
	w.await(w.ctx, "the release on node 2", func() bool { return w.saw(2, 3, playground.Release) })
	must(w.t, w.c.AwaitClean(w.ctx))
	if got, want := w.disk.lives(), []string{w.lives[3], w.lives[1]}; !slices.Equal(got, want) {
		w.t.Errorf("the disk was written by the lives %v, want %v", got, want)
	}
	if w.g.BootID() == w.lives[3] {
		w.t.Errorf("%s lives on", w.g.Name)
	}
}

// long is start for tests in which a machine is reset by its watchdog while a BMC hangs.
func long(t *testing.T, opt playground.Options) (*playground.Cluster, context.Context) {
	t.Helper()
	return startWithin(t, opt, patience(30*time.Second), patience(120*time.Second))
}

// hit is what happens to the node of a program on a shared disk.
type hit struct {
	name string
	does func(context.Context, *playground.Node) error
	bmc  bool // its BMC works; without one its watchdog must end it
}

// sharedDiskWhen: a program on node 3 writes to a disk that all of them share, and never stops (S4.8). The node is hit, and node 1's program takes over when it
// hears the release: after its first write there is none of the old life (I1), whether the BMC ended it or its own watchdog.
func sharedDiskWhen(t *testing.T, start starter, hits ...hit) {
	for _, h := range hits {
		t.Run(h.name, func(t *testing.T) {
			w := watch(t, start)
			if !h.bmc {
				must(t, w.c.BMC(3).SetKnobs(w.ctx, "hang"))
			}
			must(t, h.does(w.ctx, w.g.Node))
			if !h.bmc {
				w.reset()
			}
			w.takenOver()
		})
	}
}

// proves: S4.1, S4.2
func TestASharedDiskWhenTheDaemonIs(t *testing.T) {
	kill := func(_ context.Context, n *playground.Node) error { return n.Kill() }
	stop := func(_ context.Context, n *playground.Node) error { return n.SignalDaemon(unix.SIGSTOP) }
	sharedDiskWhen(t, long, hit{"killed, with a BMC", kill, true}, hit{"killed, by its watchdog", kill, false},
		hit{"stopped, with a BMC", stop, true}, hit{"stopped, by its watchdog", stop, false})
}

// proves: S4.3
func TestRingSharedDiskWhenCorosyncIs(t *testing.T) {
	kill := func(ctx context.Context, n *playground.Node) error { return n.SignalCorosync(ctx, unix.SIGKILL) }
	stop := func(ctx context.Context, n *playground.Node) error { return n.SignalCorosync(ctx, unix.SIGSTOP) }
	sharedDiskWhen(t, ring, hit{"killed, with a BMC", kill, true}, hit{"killed, by its watchdog", kill, false},
		hit{"stopped, with a BMC", stop, true}, hit{"stopped, by its watchdog", stop, false})
}

// The daemon of node 3 is killed where the kernel holds a lockspace, and its unit starts it again: it says nothing clean, its watchdog ends the
// machine, and only the next life is clean. There is no device any more, and with mode auto that life starts and status says what it lacks.
// proves: S2.10, S4.9
func TestAWatchdogAndKernelState(t *testing.T) {
	w := watch(t, long)
	must(t, w.c.BMC(3).SetKnobs(w.ctx, "hang"))
	must(t, os.Mkdir(filepath.Join(w.c.Dir(), w.g.Name, "root/sys/kernel/dlm/vol1"), 0o755))
	must(t, w.g.Kill())
	must(t, w.g.Restart(w.ctx))
	w.await(w.ctx, "node 3 to be a victim", func() bool { return w.saw(1, 3, playground.Detection) })
	was := len(w.about(1, 3, client.EventClean))
	w.reset()
	w.takenOver()
	if is := len(w.about(1, 3, client.EventClean)); is != was {
		t.Errorf("the life that its unit started again said that it is clean")
	}
	w.await(w.ctx, "status to say that there is no watchdog", func() bool {
		s, err := w.g.Client().Status(w.ctx)
		return err == nil && slices.ContainsFunc(s.Attention, func(a client.Attention) bool { return a.Code == client.AttentionWatchdogAbsent && a.Node == w.g.Name })
	})
}

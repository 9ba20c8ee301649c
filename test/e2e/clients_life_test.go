package e2e

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// A program that holds a grant keeps its node from leaving, and is named (S2.11); once it says that it is done, the node leaves and comes back
// without a reboot. What it had not handled is told again, also by another run of the daemon: the index is the log's.
// part of: S2.11
func TestLeaveWaitsForTheProgram(t *testing.T) {
	p := atPeace(t)
	a := accidentOf(t, p.c)
	must(t, p.c.Node(3).Kill())
	a.over(p.ctx, 3)
	verdict := a.sight(2, 3).First[playground.Verdict].Index
	for _, n := range p.c.Nodes() {
		p.lives[n.Name] = n.BootID()
	}
	n := p.c.Node(2)
	db := runs(p.ctx, t, n, client.Registration{Name: "db"})
	a.awaits(p.ctx, db, client.NoticeGranted)
	_, err := p.ask(n, true)
	if client.CodeOf(err) != client.CodeTryAgain || !strings.Contains(err.Error(), "db") {
		t.Fatalf("%v, code %d", err, client.CodeOf(err))
	}
	must(t, db.Done(p.ctx))
	a.ends(p.ctx, db)
	p.leave(n, false)
	p.again(n)
	must(t, p.c.AwaitClean(p.ctx))
	again := runs(p.ctx, t, n, client.Registration{Name: "db", After: verdict - 1})
	handled := runs(p.ctx, t, n, client.Registration{Name: "handled", After: verdict})
	a.awaits(p.ctx, again, client.NoticeGranted)
	a.awaits(p.ctx, handled, client.NoticeGranted)
	a.releasedOnce(again, 2, 3)
	a.releasedOnce(handled, 2)
	for _, n := range p.c.Nodes() {
		if n.BootID() != p.lives[n.Name] {
			t.Errorf("%s was reset", n.Name)
		}
	}
}

// SIGTERM while a program holds a grant: the node does not leave behind its back. The program hears the end, and the others fence the node.
func TestTermWhileAProgramHoldsAGrant(t *testing.T) {
	p := atPeace(t)
	a := accidentOf(t, p.c)
	db := runs(p.ctx, t, p.c.Node(3), client.Registration{Name: "db"})
	a.awaits(p.ctx, db, client.NoticeGranted)
	p.terminate(p.c.Node(3))
	a.ends(p.ctx, db)
	a.over(p.ctx, 3)
	if n := p.saw(p.c.Node(1), client.EventLeft); n != 0 {
		t.Errorf("node-3 left, %d times", n)
	}
}

// With idle_stateless the daemon of an idle node may die: nobody fences the node, and it comes back in the same life (S4.4). Of one on which a
// program is granted it may not.
// proves: S4.4
func TestAnIdleNodesDaemonMayDie(t *testing.T) {
	c, ctx := start(t, playground.Options{IdleStateless: true})
	a := accidentOf(t, c)
	db := runs(ctx, t, c.Node(2), client.Registration{Name: "db"})
	a.awaits(ctx, db, client.NoticeGranted)
	a.await(ctx, "node-3 to be stateless", func() bool {
		s, err := c.Node(1).Client().Status(ctx)
		return err == nil && slices.Contains(s.Nodes[2].Flags, client.FlagStateless)
	})
	record := filepath.Join(c.Dir(), "node-3", "state/session", a.lives[3]+".json")
	a.await(ctx, "node-3 to have written that down", func() bool { // killed before, it is fenced: its own record is believed too
		b, err := os.ReadFile(record)
		return err == nil && bytes.Contains(b, []byte(`"stateful":false`))
	})
	must(t, c.Node(3).Kill())
	a.await(ctx, "node-3 to be gone", func() bool { return len(a.about(1, 3, client.EventGone)) > 0 })
	p := &peace{t: t, c: c, ctx: ctx}
	p.again(c.Node(3))
	a.over(ctx)
	if db.hears(client.NoticeReleased) {
		t.Errorf("%s heard %s", db.name, db.story())
	}
	must(t, c.Node(2).Kill())
	a.ends(ctx, db)
	a.over(ctx, 2)
}

// A critical program goes without a word while it may use what is shared: its node ends its own life, by sysrq where there is one (S4), and the
// others fence it. One that says that it is done harms nobody.
func TestACriticalProgramDies(t *testing.T) {
	c, ctx := start(t, playground.Options{})
	a := accidentOf(t, c)
	done := runs(ctx, t, c.Node(2), client.Registration{Name: "well-behaved", Critical: true})
	lost, beside := runs(ctx, t, c.Node(3), client.Registration{Name: "db", Critical: true}), runs(ctx, t, c.Node(3), client.Registration{Name: "beside"})
	for _, p := range []*program{done, lost, beside} {
		a.awaits(ctx, p, client.NoticeGranted)
	}
	must(t, done.Done(ctx))
	must(t, c.BMC(3).SetKnobs(ctx, "hang")) // the trace must be seen before the power goes
	lost.end()
	trigger := filepath.Join(c.Dir(), "node-3", "root/proc/sysrq-trigger")
	a.await(ctx, "the reset of node-3", func() bool {
		b, err := os.ReadFile(trigger)
		return err == nil && bytes.Equal(b, []byte("b"))
	})
	a.ends(ctx, beside)
	must(t, c.BMC(3).SetKnobs(ctx))
	must(t, c.Node(3).Kill()) // what the byte does to a real machine
	a.over(ctx, 3)
	if _, err := os.Stat(filepath.Join(c.Dir(), "node-2", "root/proc/sysrq-trigger")); err == nil {
		t.Error("node-2 reset itself")
	}
}

// Two hundred programs on one node, one of which reads nothing: it is dropped at its bound, and the others hear a release as if it were not
// there. Their status is one answer.
func TestManyProgramsAndOneThatReadsNothing(t *testing.T) {
	const many = 200
	c, ctx := start(t, playground.Options{})
	a := accidentOf(t, c)
	sleeper, err := net.Dial("unix", c.Node(1).Socket())
	must(t, err)
	defer sleeper.Close()
	fmt.Fprint(sleeper, "POST /v1/clients HTTP/1.0\r\nContent-Length: 18\r\n\r\n{\"name\":\"sleeper\"}")
	a.await(ctx, "the sleeper to be registered", func() bool { _, ok := clientOn(ctx, c.Node(1), "sleeper"); return ok })
	var all []*program
	for i := range many {
		all = append(all, runs(ctx, t, c.Node(1), client.Registration{Name: fmt.Sprintf("p%d", i)}))
	}
	for _, p := range all {
		a.awaits(ctx, p, client.NoticeGranted)
	}
	must(t, c.Node(3).Kill())
	a.await(ctx, "all of them to hear the release", func() bool {
		for _, p := range all {
			if !p.hears(client.NoticeReleased) {
				return false
			}
		}
		return true
	})
	began := time.Now()
	s, err := c.Node(1).Client().Status(ctx)
	must(t, err)
	if took := time.Since(began); len(s.Clients) < many || took > patience(time.Second) {
		t.Errorf("status shows %d programs after %s", len(s.Clients), took)
	}
	a.await(ctx, "the sleeper to be dropped", func() bool { _, ok := clientOn(ctx, c.Node(1), "sleeper"); return !ok })
	told := 0
	for _, e := range c.Events(1) {
		if e.Event.Event == client.EventClientGone && e.Client == "sleeper" && e.Result == "gone" {
			told++
			t.Logf("dropped %s after the start: %s", e.Since, e.Text)
		}
	}
	if told != 1 {
		t.Errorf("it was told %d times that the sleeper is gone", told)
	}
	a.over(ctx, 3)
	for _, p := range all {
		a.releasedOnce(p, 1, 3)
		if err := p.Err(); err != nil {
			t.Errorf("%s: %v", p.name, err)
		}
	}
}

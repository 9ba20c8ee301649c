package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// What a node says that is a victim and in the ring is no word: a result of its own, that it is clean, that another has ended, that another is to end.
//
// proves: S1.12
func TestRingWordOfADirtyNodeIsNoWord(t *testing.T) {
	t.Run("StartsAndAcks", dirtyNodeSpeaks)
	t.Run("Results", dirtyNodeHasAResult)
}

// The actor of a claim is made a victim by a person, and has not been told when its device answers: it proposes its verdict, as a victim and in the view.
// That is refused on all nodes, and another one proves the end of its victim again. Programs on the clean nodes do not fail.
func dirtyNodeHasAResult(t *testing.T) {
	w := withholds(t, "libcpg.so.4")
	c, ctx := ring(t, playground.Options{Nodes: 5, OnResidual: "vote-only", Env: w.env(), FailureTimeout: patience(4 * time.Second)})
	a := accidentOf(t, c)
	must(t, c.BMC(5).SetKnobs(ctx, "hang"))
	must(t, c.Node(5).Kill())
	dirty := a.actor(ctx, 1, 5, client.ActionOff)
	from := a.bystander(dirty, 5)
	p := stubborn(t, c.Node(from), "app")
	must(t, c.BMC(dirty).SetKnobs(ctx, "hang"))
	w.hold(c.Node(dirty), now)
	if out, code, err := c.Node(from).Run(ctx, "reboot", c.Node(dirty).Name, "--yes", "--reason", "e2e", "--no-wait"); err != nil || code != 0 {
		t.Fatalf("fenced reboot: %v, code %d\n%s", err, code, out)
	}
	a.await(ctx, c.Node(dirty).Name+" to be a victim", func() bool { return a.saw(from, dirty, playground.Detection) })
	must(t, c.BMC(5).SetKnobs(ctx))
	a.await(ctx, "its result to be refused", func() bool {
		return slices.ContainsFunc(c.Events(from), func(e playground.Event) bool {
			return e.Event.Event == client.EventRefused && e.Node == c.Node(dirty).Name && strings.Contains(e.Text, "entry rejected: ") &&
				(strings.Contains(e.Text, "node-5 has no victim") || strings.Contains(e.Text, "(R7)"))
		})
	})
	must(t, c.BMC(dirty).SetKnobs(ctx))
	w.tell(c.Node(dirty))
	a.over(ctx, dirty, 5)
	a.once(ctx, dirty, 5)
	a.oneView(ctx)
	for _, n := range c.Nodes() {
		for _, e := range a.about(n.Index, 5, client.EventVerdict) {
			if e.Actor == c.Node(dirty).Name {
				t.Errorf("%s shows a verdict of a victim: %+v", n.Name, e.Event)
			}
		}
	}
	if p.hears(client.NoticeFailed) {
		t.Errorf("a program of a clean node failed: %s", p.story())
	}
}

// A node is dirty, a victim, and in the ring again; its device answers nothing. It vouches for itself and asks for another's end, in vain; it claims
// nothing; programs on the clean nodes do not fail. When its device answers it is fenced, once.
func dirtyNodeSpeaks(t *testing.T) {
	c, ctx := ring(t, playground.Options{BMCs: stuck, OnResidual: "vote-only"})
	a := accidentOf(t, c)
	programs := []*program{stubborn(t, c.Node(1), "app"), stubborn(t, c.Node(2), "app")}
	for _, p := range programs {
		a.awaits(ctx, p, client.NoticeGranted)
	}
	must(t, c.BMC(3).SetKnobs(ctx, "hang"))
	must(t, c.Node(3).SignalDaemon(unix.SIGKILL))
	a.await(ctx, "node-3 to be a victim", func() bool { return a.saw(1, 3, playground.Claim) && a.saw(2, 3, playground.Claim) })
	must(t, c.Node(3).Restart(ctx))
	victim := a.victims(1)[0]
	a.await(ctx, "node-3 to be in the view again, and to be told that it is a victim", func() bool {
		back := slices.ContainsFunc(a.viewsSince(1, victim), func(e playground.Event) bool { return slices.Contains(e.Members, "node-3") })
		return back && len(a.about(3, 3, client.EventRefused)) > 0
	})
	for rule, args := range map[string][]string{
		"R22": {"ack", "node-3", "--boot", a.lives[3], "--yes", "--reason", "it says so itself"},
		"R29": {"off", "node-1", "--yes", "--reason", "it is dirty", "--no-wait"},
	} {
		if out, code, err := c.Node(3).Run(ctx, args...); err != nil || code == 0 || !strings.Contains(out, rule) {
			t.Errorf("fenced %v on a dirty node: code %d, %v, want a refusal by %s\n%s", args, code, err, rule, out)
		}
	}
	if got := stateOn(ctx, c.Node(1), "node-3"); got == client.StateMember || a.saw(1, 3, playground.Verdict) {
		t.Errorf("node-3 is %s, and nothing has ended it", got)
	}
	must(t, c.BMC(3).SetKnobs(ctx))
	a.over(ctx, 3)
	a.once(ctx, 3)
	for _, n := range c.Nodes() {
		for _, e := range c.Events(n.Index) {
			if e.Event.Event == client.EventClaim && e.Actor == "node-3" || e.Event.Event == client.EventAck {
				t.Errorf("%s shows %+v", n.Name, e.Event)
			}
		}
	}
	for _, p := range programs { // a change of the view may freeze them for a moment
		a.await(ctx, p.name+" to go on", func() bool { return len(p.notices(client.NoticeThawed)) >= len(p.notices(client.NoticeFrozen)) })
		if p.hears(client.NoticeFailed) {
			t.Errorf("a program of a clean node failed: %s", p.story())
		}
	}
	a.devicesSpare(ctx, 1, 2)
}

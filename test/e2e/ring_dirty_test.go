package e2e

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// A node is dirty, a victim, and in the ring again; its device answers nothing. It vouches for itself and asks for another's end, in vain; it claims
// nothing; programs on the clean nodes do not fail. When its device answers it is fenced, once.
//
// part of: S1.12
func TestRingWordOfADirtyNodeIsNoWord(t *testing.T) {
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

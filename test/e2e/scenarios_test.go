package e2e

import (
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// A machine crashes: everything on it is gone at once, its power stays on.
func TestKillOfANode(t *testing.T) {
	c, ctx := start(t, playground.Options{})
	f := begin(t, c, 3)
	must(t, c.Node(3).Kill())
	f.fencedAndBack(ctx, expectation{device: "bmc-3"})
}

// The cluster network of a node is cut; its BMC answers. The majority fences it, and it must not fence anybody while it is alone. The link
// is repaired once the verdict is there: the next life must find its way back.
func TestNetworkCutWithBMCsReachable(t *testing.T) {
	c, ctx := start(t, playground.Options{})
	f := begin(t, c, 3)
	must(t, c.Node(3).Cut())
	f.await(ctx, "the verdict of every survivor", func() bool { return f.survivorsSaw(playground.Verdict) })
	must(t, c.Node(3).Heal())
	f.fencedAndBack(ctx, expectation{device: "bmc-3"})
}

// The leader dies: who must elect a new one and who must fence are the same two.
func TestKillOfTheLeader(t *testing.T) {
	c, ctx := start(t, playground.Options{})
	leader := leaderOf(ctx, t, c)
	f := begin(t, c, leader)
	must(t, c.Node(leader).Kill())
	f.fencedAndBack(ctx, expectation{device: "bmc-" + itoa(leader)})
}

// The first BMC accepts off and does nothing: accepted is not done (V2). The second level takes it.
func TestBMCThatAcceptsAndDoesNothing(t *testing.T) {
	c, ctx := start(t, playground.Options{BMCs: func(node int) []playground.BMCSpec {
		if node != 3 {
			return []playground.BMCSpec{{}}
		}
		return []playground.BMCSpec{{Knobs: []string{"ignore"}, AttemptTimeout: 2 * time.Second}, {}}
	}})
	f := begin(t, c, 3)
	must(t, c.Node(3).Kill())
	f.fencedAndBack(ctx, expectation{
		device: "bmc-3-b", failed: map[string][]string{"bmc-3": {client.ClassLied, client.ClassTimeout}},
		counts: map[string]playground.Counts{"bmc-3": {Off: 1}, "bmc-3-b": {Off: 1, AppliedOff: 1}},
	})
}

// The first BMC belongs to another machine: nothing is switched there (R16). The second level takes it.
func TestBMCWithWrongIdentityFallsToTheNextLevel(t *testing.T) {
	c, ctx := start(t, playground.Options{BMCs: func(node int) []playground.BMCSpec {
		if node != 3 {
			return []playground.BMCSpec{{}}
		}
		return []playground.BMCSpec{{Knobs: []string{"wrong-identity"}}, {}}
	}})
	f := begin(t, c, 3)
	must(t, c.Node(3).Kill())
	f.fencedAndBack(ctx, expectation{
		device: "bmc-3-b", failed: map[string][]string{"bmc-3": {client.ClassMismatch}},
		counts: map[string]playground.Counts{"bmc-3": {}, "bmc-3-b": {Off: 1, AppliedOff: 1}},
	})
}

// The only BMC belongs to another machine: nothing is switched, nothing is released, an operator is asked for. When the BMC is corrected
// the fence is done without anybody's help.
func TestOnlyBMCWithWrongIdentityNeedsAnOperator(t *testing.T) {
	c, ctx := start(t, playground.Options{BMCs: func(int) []playground.BMCSpec { return []playground.BMCSpec{{}} }})
	must(t, c.BMC(3).SetKnobs(ctx, "wrong-identity"))
	f := begin(t, c, 3)
	must(t, c.Node(3).Kill())
	for _, n := range f.survivors() {
		f.await(ctx, n.Name+" to ask for an operator", func() bool { return stateOn(ctx, n, "node-3") == client.StateNeedsOperator })
	}
	f.nothingSwitched(ctx, "bmc-3")
	f.nothingReleased()
	must(t, c.BMC(3).SetKnobs(ctx))
	f.fencedAndBack(ctx, expectation{device: "bmc-3", failed: map[string][]string{"bmc-3": {client.ClassMismatch}}})
}

// A machine hangs: it answers nothing, and would go on as if no time had passed. It is reset while it stands still.
func TestHangOfANode(t *testing.T) {
	c, ctx := start(t, playground.Options{})
	f := begin(t, c, 2)
	must(t, c.Node(2).Freeze())
	f.fencedAndBack(ctx, expectation{device: "bmc-2"})
}

// The member that would act first has a dead management link. Another one must take over (R8).
func TestActorWithoutManagementNetwork(t *testing.T) {
	c, ctx := start(t, playground.Options{BMCs: func(int) []playground.BMCSpec { return []playground.BMCSpec{{AttemptTimeout: 2 * time.Second}} }})
	f := begin(t, c, 3)
	must(t, c.Node(1).CutMgmt())
	must(t, c.Node(3).Kill())
	f.fencedAndBack(ctx, expectation{device: "bmc-3", actor: "node-2"})
}

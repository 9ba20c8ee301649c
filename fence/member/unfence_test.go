package member

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/operation"
)

// withFabric gives each node a first level that closes its port, which is its only way to san.
func withFabric(r *fence.Roster) {
	cut := fence.Shared{Name: "san"}
	for i := range r.Nodes {
		fc := fmt.Sprintf("fc-%d", r.Nodes[i].ID)
		r.Nodes[i].Levels = append([]fence.Level{{Steps: []fence.Step{{Device: fc}}}}, r.Nodes[i].Levels...)
		r.Nodes[i].Shared = []string{"san"}
		r.Devices = append(r.Devices, fence.Device{
			Name: fc, Plugin: "pdu", Kind: fence.KindStorage, Accepted: true, Mapping: fc, SettleMS: 100, AttemptMS: 2000, Attempts: 2, PollMS: 100, EffectMS: 10_000, Limit: 1,
		})
		cut.CutBy = append(cut.CutBy, []string{fc})
	}
	r.Shared = []fence.Shared{cut}
}

// port answers for the port of a node at the switch.
func (c *cluster) port(id uint64, node fence.NodeID, action fence.Action) operation.CallResult {
	switch action {
	case fence.ActionOff:
		c.closed[node] = true
	case fence.ActionOn:
		c.closed[node] = false
	}
	r := operation.CallResult{ID: id, Class: operation.ClassOK, State: fence.PowerOn, StartedMS: c.now, FinishedMS: c.now + 10}
	if c.closed[node] {
		r.State = fence.PowerOff
	}
	return r
}

// fabricCluster is armed, with fabric; what nodes use is in the log.
func fabricCluster(t *testing.T) *cluster {
	c := startCluster(&cluster{t: t, fabric: true}, 3, true)
	c.run(1000)
	for i := range c.nodes {
		if n := c.dom(1).Node(fence.NodeID(i + 1)); !slices.Equal(n.Shared, []string{"san"}) {
			t.Fatalf("node %d announced %q", i+1, n.Shared)
		}
	}
	return c
}

// R18: a life that hangs is cut off, all are told, and it is heard all the while: no alarm, no closed gate, no power switched. R16 d is not about it.
func TestR18ACutLifeIsHeardOn(t *testing.T) {
	c := fabricCluster(t)
	c.pings = true
	c.policy.OnResidual = fence.ResidualVoteOnly
	life := c.n(3).self().Incarnation
	c.append(record{by: c.n(1).self(), data: encode(t, domain.Entry{Request: &domain.Request{ID: "r", Node: 3, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: "op"}})})
	c.n(3).lag = true // it does not learn of it
	c.run(3000)
	d := c.dom(1)
	if !d.IsCut(life) || d.Node(3).Last.Kind != fence.VerdictCut || !c.closed[3] || c.offs[3] > 0 || !c.n(3).power {
		t.Fatalf("%+v", d.Node(3))
	}
	c.run(15_000)
	for _, id := range []fence.NodeID{1, 2} {
		if !slices.Contains(c.n(id).released, life) {
			t.Errorf("node %d was not told", id)
		}
		if why := c.n(id).m.refusal(); why != "" {
			t.Errorf("node %d grants nothing: %s", id, why)
		}
	}
	for _, n := range c.n(1).notices {
		if n.Node == 3 && strings.Contains(n.Text, "heard") {
			t.Errorf("an alarm about a life that may go on: %s", n.Text)
		}
	}
	if !c.closed[3] || c.dom(1).Node(3).Cut == nil {
		t.Error("it was opened")
	}
}

// R2, R18, V11: its next boot is let in when its ways are open again, and not a moment before.
func TestR18TheNextBootIsUnfenced(t *testing.T) {
	c := fabricCluster(t)
	c.kill(3)
	c.install()
	c.run(3000)
	if !c.closed[3] || !c.dom(1).IsCut(c.n(3).self().Incarnation) || c.dom(1).Node(3).PowerOn != nil {
		t.Fatalf("%+v", c.dom(1).Node(3))
	}
	c.run(20_000)
	if !c.closed[3] {
		t.Fatal("opened for nobody")
	}
	c.powerOff(3)
	c.boot(3)
	c.install()
	for range 300 {
		c.run(50)
		if c.closed[3] && c.dom(1).Clean(3) {
			t.Fatal("admitted behind a closed port")
		}
	}
	if c.closed[3] || !c.dom(1).Clean(3) || c.dom(1).Node(3).Cut != nil || !slices.Equal(c.dom(1).Node(3).Shared, []string{"san"}) {
		t.Fatalf("%+v", c.dom(1).Node(3))
	}
	c.agree()
}

// R18: its next daemon of the same boot opens nothing and comes in nowhere.
func TestR18ANewDaemonOfACutLifeIsNobody(t *testing.T) {
	c := fabricCluster(t)
	c.policy.OnResidual = fence.ResidualHalt
	c.kill(3)
	c.install()
	c.run(3000)
	c.start(3)
	c.install()
	c.run(20_000)
	if !c.closed[3] || c.dom(1).Clean(3) || len(c.dom(1).Unresolved()) > 0 || c.offs[3] > 0 {
		t.Fatalf("%+v", c.dom(1).Node(3))
	}
}

// R31: forced power has nothing to do with ports: no claim would open them again.
func TestR31ForcedPowerCutsNothing(t *testing.T) {
	c := fabricCluster(t)
	for _, l := range c.n(1).m.localSpec(c.dom(1).Node(3), 1).Judge.Levels {
		if l.Gives(c.roster().Devices) != fence.EvidencePowerOff {
			t.Errorf("%v", l)
		}
	}
}

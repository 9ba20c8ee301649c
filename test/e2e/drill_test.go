package e2e

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// outletOnly gives node 3 nothing but an outlet that cannot say whose it is.
func outletOnly(spec playground.BMCSpec) playground.Options {
	spec.PDU, spec.AttemptTimeout = true, patience(8*time.Second)
	return playground.Options{BMCs: func(node int) []playground.BMCSpec {
		if node == 3 {
			return []playground.BMCSpec{spec}
		}
		return []playground.BMCSpec{{}}
	}}
}

// tested runs `fenced test` on a node for another and returns what it said of its first device, with its exit code.
func tested(ctx context.Context, t *testing.T, on *playground.Node, node string) (client.TestRead, int) {
	t.Helper()
	out, code, err := on.Run(ctx, "test", node, "-o", "json")
	must(t, err)
	var doc client.Test
	if err := json.Unmarshal([]byte(out), &doc); err != nil || len(doc.Nodes) != 1 || len(doc.Nodes[0].Devices) == 0 {
		t.Fatalf("fenced test says %v: %s", err, out)
	}
	return doc.Nodes[0].Devices[0], code
}

// R16 a: an outlet proves nothing before a drill; after one it fences by itself, with proof.
func TestDrillProvesAnOutlet(t *testing.T) {
	c, ctx := start(t, outletOnly(playground.BMCSpec{}))
	must(t, c.AwaitClean(ctx))
	one, three := c.Node(1), c.Node(3)
	if r, code := tested(ctx, t, one, "node-3"); code != int(client.CodeAttention) || r.State != client.PowerOn || r.Proof != client.ProofNone || r.OK {
		t.Errorf("before the drill fenced test ends with %d and says %+v", code, r)
	}
	if r, code := tested(ctx, t, one, "node-2"); code != 0 || r.Proof != client.ProofIdentity || !r.OK {
		t.Errorf("fenced test of a BMC ends with %d and says %+v", code, r)
	}
	outlet := c.BMC(3)
	if n := counts(ctx, t, outlet); n.Off+n.On != 0 {
		t.Fatalf("fenced test switched something: %+v", n)
	}
	life := three.BootID()
	out, code, err := one.Run(ctx, "drill", "node-3", "--yes", "--reason", "test", "--timeout", patience(60*time.Second).String())
	must(t, err)
	if code != 0 || three.BootID() == life || !three.PowerOn() {
		t.Fatalf("the drill ended with %d, the life was %s and is %s:\n%s", code, life, three.BootID(), out)
	}
	for _, phase := range []string{"leave", "off", "verify", "listen", "boot", "total"} {
		if !strings.Contains(out, phase) {
			t.Errorf("the drill does not say how long %q took:\n%s", phase, out)
		}
	}
	if n := counts(ctx, t, outlet); n.Off != 1 || n.On != 1 {
		t.Errorf("the outlet counts %+v", n)
	}
	must(t, c.AwaitClean(ctx))
	for _, n := range c.Nodes() {
		must(t, c.Await(ctx, n.Name+" to show the proven outlet", func() bool {
			s, err := n.Client().Status(ctx)
			return err == nil && len(s.Nodes[2].Mapped) == 1 && s.Nodes[2].Drill != nil && s.Nodes[2].Drill.Passed
		}))
	}
	for _, n := range c.Nodes() {
		for _, e := range c.Events(n.Index) {
			if e.Event.Event == client.EventVictim || e.Event.Event == client.EventRelease {
				t.Errorf("%s saw %s of %s in a drill", n.Name, e.Event.Event, e.Event.Node)
			}
		}
	}
	if r, code := tested(ctx, t, c.Node(2), "node-3"); code != 0 || r.Proof != client.ProofDrill || !r.OK {
		t.Errorf("after the drill fenced test ends with %d and says %+v", code, r)
	}
	if out, code, err := c.Node(2).Run(ctx, "test", "--all"); err != nil || code != 0 || !strings.Contains(out, "3 of 3 devices") || !strings.Contains(out, "after a mains failure") {
		t.Errorf("fenced test --all ends with %d (%v):\n%s", code, err, out)
	}

	life = three.BootID()
	must(t, three.Kill())
	must(t, c.Await(ctx, "a verdict by the outlet", func() bool {
		s, err := one.Client().Status(ctx)
		return err == nil && s.Nodes[2].Last != nil && s.Nodes[2].Last.Evidence == client.EvidencePowerOff && three.BootID() != life
	}))
	must(t, c.AwaitClean(ctx))
}

// R16 a: the outlet reads off and the node goes on speaking: it is another one's, and is switched on again.
func TestDrillOfAnIdleOutletFails(t *testing.T) {
	c, ctx := start(t, outletOnly(playground.BMCSpec{Idle: true}))
	must(t, c.AwaitClean(ctx))
	three := c.Node(3)
	outlet, life := c.BMC(3), three.BootID()
	out, code, err := c.Node(1).Run(ctx, "drill", "node-3", "--yes", "--timeout", patience(60*time.Second).String())
	must(t, err)
	if code != int(client.CodeError) || !strings.Contains(out, "was heard after its power read off") {
		t.Errorf("the drill ended with %d:\n%s", code, out)
	}
	must(t, c.Await(ctx, "the outlet to be on again", func() bool { n := counts(ctx, t, outlet); return n.Off > 0 && n.On > 0 }))
	if three.BootID() != life {
		t.Error("node-3 was reset")
	}
	if r, code := tested(ctx, t, c.Node(1), "node-3"); code == 0 || r.Proof != client.ProofNone {
		t.Errorf("fenced test ends with %d and says %+v", code, r)
	}
}

// A drill hurts nobody: it is refused while a program holds a grant there, and where the others would not be quorate.
func TestDrillIsRefusedWhereItWouldHurt(t *testing.T) {
	c, ctx := start(t, outletOnly(playground.BMCSpec{}))
	must(t, c.AwaitClean(ctx))
	one, three := c.Node(1), c.Node(3)
	life := three.BootID()
	must(t, os.Mkdir(filepath.Join(c.Dir(), three.Name, "root/sys/kernel/dlm/vol1"), 0o755))
	out, code, err := one.Run(ctx, "drill", "node-3", "--yes")
	must(t, err)
	if code != int(client.CodeError) || !strings.Contains(out, "does not leave") {
		t.Errorf("with a lockspace the drill ended with %d:\n%s", code, out)
	}
	if _, code, err := one.Run(ctx, "drill", "node-33", "--yes"); err != nil || code != int(client.CodeNoSuch) {
		t.Errorf("no such node: %d %v", code, err)
	}
	if out, code, err := one.Run(ctx, "drill", "node-3"); err != nil || code != int(client.CodeUsage) {
		t.Errorf("without --yes and a terminal: %d %v %s", code, err, out)
	}
	must(t, c.Node(2).Kill())
	must(t, c.Await(ctx, "node-2 to be fenced", func() bool {
		s, err := one.Client().Status(ctx)
		return err == nil && s.Nodes[1].Last != nil
	}))
	if n := counts(ctx, t, c.BMC(3)); n.Off+n.On != 0 || three.BootID() != life {
		t.Errorf("it was switched: %+v", n)
	}
}

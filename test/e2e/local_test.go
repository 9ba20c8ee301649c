package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
	"github.com/fenced-project/fenced/test/product"
)

// alone kills the daemons of nodes 2 and 3 and waits until node 1 knows that it has no quorum.
func (a *accident) alone(ctx context.Context) {
	a.t.Helper()
	must(a.t, a.c.Node(2).Kill())
	must(a.t, a.c.Node(3).Kill())
	a.await(ctx, "node-1 to stand still, and to suspect both", func() bool { // whoever came back before that would be in its view still
		s, err := a.c.Node(1).Client().Status(ctx)
		return err == nil && !s.Quorate && attends(s, "E103") && s.Nodes[1].State == client.StateSuspect && s.Nodes[2].State == client.StateSuspect
	})
}

// force runs `fenced off|reboot NODE --local …` on node 1 and demands an exit code; the document is zero where none was printed.
func (a *accident) force(ctx context.Context, want client.Code, action, node string, flags ...string) client.LocalPower {
	a.t.Helper()
	build, err := product.Dir()
	must(a.t, err)
	cmd := exec.CommandContext(ctx, filepath.Join(build, "fenced"), append([]string{action, node, "--local", "--socket", a.c.Node(1).Socket(), "-o", "json"}, flags...)...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err = cmd.Run()
	if cmd.ProcessState == nil {
		a.t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != int(want) {
		a.t.Fatalf("fenced %s %s --local %v: exit %d, want %d: %s%s", action, node, flags, got, want, &out, &said)
	}
	var doc client.LocalPower
	if json.Valid(out.Bytes()) {
		must(a.t, json.Unmarshal(out.Bytes(), &doc))
	}
	if doc.Local && !bytes.Contains(out.Bytes(), []byte(`"verdict":null`)) {
		a.t.Errorf("forced power shows a verdict: %s", &out)
	}
	return doc
}

// toldOf is the moment at which a node's stream shows that the log knows of forced power on a node.
func (a *accident) toldOf(from int, node string) (playground.Event, bool) {
	for _, e := range a.c.Events(from) {
		if e.Event.Event == client.EventLocalPower && e.Node == node && e.Index != 0 {
			return e, e.Local
		}
	}
	return playground.Event{}, false
}

// knows reports whether a node has applied what the log says of forced power: its stream tells it, or, where the entry is older than the
// first view with this start of the node in it, its log names it as past.
func (a *accident) knows(i int, node string) bool {
	if _, ok := a.toldOf(i, node); ok {
		return true
	}
	text, err := os.ReadFile(a.c.Node(i).LogPath())
	must(a.t, err)
	return regexp.MustCompile(`msg="replayed local-power" index=\d+ node=` + regexp.QuoteMeta(node) + `\b`).Match(text)
}

// Two of three daemons are dead: without quorum nobody is fenced. Forced power from the survivor works all the same, once, read back, and
// decides nothing: no verdict, no release. When quorum is back the domain knows of it, and fences as ever (R31).
func TestForcedPowerWithoutQuorum(t *testing.T) {
	c, ctx := start(t, playground.Options{BMCs: short})
	a := accidentOf(t, c)
	a.alone(ctx)
	victim := c.Node(2)
	a.force(ctx, client.CodeUnsafe, client.ActionOff, victim.Name, "--reason", "it hangs", "--yes")
	a.devicesSpare(ctx, 1, 2, 3)
	doc := a.force(ctx, client.CodeOK, client.ActionOff, victim.Name, "--force", "--reason", "it hangs", "--yes")
	if doc.State != client.PowerOff || doc.Verdict != nil || doc.Told || victim.PowerOn() {
		t.Errorf("%+v, power %v", doc, victim.PowerOn())
	}
	if n := counts(ctx, t, c.BMC(2)); n.AppliedOff != 1 || n.Off != 1 {
		t.Errorf("the BMC counts %+v", n)
	}
	s, err := c.Node(1).Client().Status(ctx)
	must(t, err)
	if !attends(s, "W210") || s.Quorate {
		t.Errorf("nothing says that the cluster does not know: %+v", s.Attention)
	}
	for _, m := range []playground.Milestone{playground.Detection, playground.Verdict, playground.Release} {
		if a.saw(1, 2, m) {
			t.Errorf("forced power led to %s", m)
		}
	}
	must(t, c.Node(3).LosePower(ctx))
	must(t, c.Node(3).RegainPower(ctx))
	a.await(ctx, "node-1 to know of the forced power", func() bool { _, ok := a.toldOf(1, victim.Name); return ok })
	a.await(ctx, "node-3 to know of the forced power", func() bool { return a.knows(3, victim.Name) })
	a.await(ctx, "a verdict on "+victim.Name, func() bool { return a.saw(1, 2, playground.Release) })
	a.await(ctx, "another life of "+victim.Name, func() bool { return victim.BootID() != a.lives[2] })
	must(t, c.AwaitClean(ctx))
	if s, err := c.Node(1).Client().Status(ctx); err != nil || attends(s, "W210") {
		t.Errorf("it is told, and the attention stays: %+v %v", s.Attention, err)
	}
	a.devicesSpare(ctx, 1, 3)
}

// A BMC accepts a forced off and does nothing: it may still take effect. The victim's next life is admitted only when that time is over (R9).
func TestAdmissionWaitsForForcedPower(t *testing.T) {
	const effect = 9 * time.Second
	c, ctx := start(t, playground.Options{BMCs: func(int) []playground.BMCSpec {
		return []playground.BMCSpec{{AttemptTimeout: patience(1200 * time.Millisecond), Effect: patience(effect)}}
	}})
	a := accidentOf(t, c)
	a.alone(ctx)
	victim := c.Node(2)
	must(t, c.BMC(2).SetKnobs(ctx, "ignore"))
	doc := a.force(ctx, client.CodeUnknown, client.ActionOff, victim.Name, "--force", "--reason", "it hangs", "--yes")
	ended := c.Since()
	if doc.State != client.PowerUnknown || len(doc.Attempts) == 0 {
		t.Errorf("%+v", doc)
	}
	must(t, c.BMC(2).SetKnobs(ctx))
	for _, n := range []*playground.Node{victim, c.Node(3)} {
		must(t, n.LosePower(ctx))
		must(t, n.RegainPower(ctx))
	}
	a.await(ctx, "node-1 to know of the forced power", func() bool { _, ok := a.toldOf(1, victim.Name); return ok })
	told, _ := a.toldOf(1, victim.Name)
	must(t, c.AwaitClean(ctx))
	for _, e := range c.Events(1) {
		if e.Event.Event == client.EventClean && e.Node == victim.Name && e.Index > told.Index && e.Since < ended+patience(effect)-2*time.Second {
			t.Errorf("%s is clean after %v, and a forced off of %v may take effect until %v after it", victim.Name, e.Since, ended, patience(effect))
		}
	}
	if n := counts(ctx, t, c.BMC(2)); n.AppliedOff != 0 {
		t.Errorf("the power of %s was cut %d times", victim.Name, n.AppliedOff)
	}
}

// Forced power asks for the machine as ever (R16 a): a BMC that is another machine's is not switched.
func TestForcedPowerOnAnotherMachine(t *testing.T) {
	c, ctx := start(t, playground.Options{BMCs: short})
	a := accidentOf(t, c)
	a.alone(ctx)
	must(t, c.BMC(2).SetKnobs(ctx, "wrong-identity"))
	doc := a.force(ctx, client.CodeError, client.ActionReboot, c.Node(2).Name, "--force", "--reason", "it hangs", "--yes")
	if doc.State != client.PowerUnknown || len(doc.Attempts) == 0 || doc.Attempts[0].Class != client.ClassMismatch {
		t.Errorf("%+v", doc)
	}
	a.devicesSpare(ctx, 1, 2, 3)
}

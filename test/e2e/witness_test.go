package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
	"github.com/fenced-project/fenced/test/product"
)

// witness is the number of the witness in a cluster of two nodes and one.
const witness = 3

// beside is an accident in a cluster of two nodes and a witness, which runs from the one file that `fenced witness export` wrote.
func beside(t *testing.T, opt playground.Options) (*accident, context.Context) {
	t.Helper()
	opt.Nodes, opt.Witness = 3, true
	c, ctx := start(t, opt)
	a := accidentOf(t, c)
	t.Cleanup(func() { a.onlyVoted() })
	return a, ctx
}

// onlyVoted: no stream shows an act of the witness, a word against it, or a release to its clients.
func (a *accident) onlyVoted() {
	a.t.Helper()
	name := a.c.Node(witness).Name
	for _, n := range a.c.Nodes() {
		for _, e := range a.c.Events(n.Index) {
			if e.Actor == name || (e.Node == name && (e.Event.Event == client.EventVictim || e.Event.Event == client.EventSuspect && e.Epoch == 0)) {
				a.t.Errorf("%s shows %+v", n.Name, e.Event)
			}
			if n.Index == witness && e.Event.Event == client.EventRelease {
				a.t.Errorf("the witness released: %+v", e.Event)
			}
		}
	}
}

// fencedBy waits until the survivor has released the victim and everybody is a clean member again; power was cut at the victim and nowhere else.
func (a *accident) fencedBy(ctx context.Context, survivor, victim int) {
	a.t.Helper()
	a.await(ctx, a.c.Node(survivor).Name+" to release "+a.c.Node(victim).Name, func() bool { return a.saw(survivor, victim, playground.Release) })
	a.await(ctx, "another life of "+a.c.Node(victim).Name, func() bool { return a.c.Node(victim).BootID() != a.lives[victim] })
	must(a.t, a.c.AwaitClean(ctx))
	if a.c.Node(survivor).BootID() != a.lives[survivor] {
		a.t.Errorf("%s was reset", a.c.Node(survivor).Name)
	}
	a.devices(ctx, victim)
	a.streams(victim)
	a.oneStory(ctx, victim)
}

// One of two nodes dies: the other has quorum with the witness's vote, and fences it.
func TestWitnessGivesTheVote(t *testing.T) {
	a, ctx := beside(t, playground.Options{})
	s, err := a.c.Node(witness).Client().Status(ctx)
	must(t, err)
	mine := s.Nodes[witness-1]
	if !s.Quorate || mine.Role != client.RoleWitness || mine.State != client.StateMember || len(mine.Levels) != 0 || !s.Roster.Equal {
		t.Errorf("the witness shows itself as %+v, quorate %v, its file equal %v", mine, s.Quorate, s.Roster.Equal)
	}
	must(t, a.c.Node(2).Kill())
	a.fencedBy(ctx, 1, 2)
	if a.c.Node(witness).BootID() != a.lives[witness] {
		t.Error("the witness was reset")
	}
	a.asked(ctx)
}

// asked: a witness answers questions, and is asked in vain for anything else; nobody can ask for the witness to be switched.
func (a *accident) asked(ctx context.Context) {
	a.t.Helper()
	w, node := a.c.Node(witness).Client(), a.c.Node(1).Client()
	_, request := w.Request(ctx, client.Request{Node: a.c.Node(1).Name, Action: client.ActionOff})
	_, arm := w.Arm(ctx, client.Arm{Reason: "x"})
	_, apply := w.Apply(ctx, client.Apply{})
	_, boot := w.Bootstrap(ctx, client.Bootstrap{Cluster: "playground"})
	_, leave := w.Leave(ctx, client.Leave{TimeoutMS: 1000})
	for name, err := range map[string]error{"request": request, "arm": arm, "apply": apply, "bootstrap": boot, "leave": leave} {
		if client.CodeOf(err) != client.CodeNotPermitted || !strings.Contains(err.Error(), "this is a witness") {
			a.t.Errorf("%s at the witness: %v", name, err)
		}
	}
	_, err := node.Request(ctx, client.Request{Node: a.c.Node(witness).Name, Action: client.ActionReboot, Force: true})
	if err == nil || !strings.Contains(err.Error(), "is a witness") {
		a.t.Errorf("a witness is asked for: %v", err)
	}
	if s, err := w.Status(ctx); err != nil || !s.Armed {
		a.t.Errorf("after that: %+v, %v", s, err)
	}
}

// The two nodes do not hear each other, and both hear the witness: exactly one survives, and fences the other.
func TestWitnessInAPartition(t *testing.T) {
	a, ctx := beside(t, playground.Options{})
	one, two := a.c.Node(1), a.c.Node(2)
	must(t, one.Mute(two))
	must(t, two.Mute(one))
	survivor, victim := 0, 0
	a.await(ctx, "one of them to release the other", func() bool {
		switch {
		case a.saw(1, 2, playground.Release):
			survivor, victim = 1, 2
		case a.saw(2, 1, playground.Release):
			survivor, victim = 2, 1
		}
		return survivor != 0
	})
	must(t, one.Unmute(two))
	must(t, two.Unmute(one))
	a.fencedBy(ctx, survivor, victim)
	if a.c.Node(witness).BootID() != a.lives[witness] {
		t.Error("the witness was reset")
	}
}

// The witness dies: the nodes go on, and say so. Then a node dies: one vote of three is no quorum, so the survivor stands still and says so. The
// witness comes back: the survivor fences.
func TestWitnessDiesThenANode(t *testing.T) {
	a, ctx := beside(t, playground.Options{PostJoinDelay: patience(4 * time.Second)})
	survivor := a.c.Node(1)
	must(t, a.c.Node(witness).LosePower(ctx))
	a.await(ctx, "the nodes to miss the witness", func() bool {
		s, err := survivor.Client().Status(ctx)
		return err == nil && attends(s, "W209") && s.Quorate && len(s.Operations) == 0
	})
	must(t, a.c.Node(2).Kill())
	a.await(ctx, "the survivor to stand still", func() bool {
		s, err := survivor.Client().Status(ctx)
		return err == nil && !s.Quorate && attends(s, "E103")
	})
	if a.saw(1, 2, playground.Detection) {
		t.Error("a view without quorum made a victim")
	}
	a.devicesSpare(ctx, 1, 2)
	must(t, a.c.Node(witness).RegainPower(ctx))
	a.await(ctx, survivor.Name+" to fence "+a.c.Node(2).Name, func() bool { return a.saw(1, 2, playground.Release) })
	a.lives[witness] = a.c.Node(witness).BootID()
	a.fencedBy(ctx, 1, 2)
	if s, err := survivor.Client().Status(ctx); err != nil || attends(s, "W209") {
		t.Errorf("the witness is back: %+v, %v", s.Attention, err)
	}
}

func attends(s client.Status, code string) bool {
	for _, a := range s.Attention {
		if a.Code == code {
			return true
		}
	}
	return false
}

// Both nodes lose their power at once and the witness stays: they come back without anybody being fenced, by the rules of a cold start (R10).
// Without post_fail_delay a node whose next life is heard before it is in a view may be fenced in the milliseconds between: safe, and for nothing.
func TestWitnessStaysWhileBothNodesDie(t *testing.T) {
	a, ctx := beside(t, playground.Options{PostFailDelay: 2 * time.Second})
	must(t, a.c.Node(1).LosePower(ctx))
	must(t, a.c.Node(2).LosePower(ctx))
	must(t, a.c.Node(1).RegainPower(ctx))
	must(t, a.c.Node(2).RegainPower(ctx))
	must(t, a.c.AwaitClean(ctx))
	a.devicesSpare(ctx, 1, 2)
}

// Two voters without a witness are refused wherever they are met: by the check, by the daemon that would start, and by apply. So is a node
// that would run as the witness from the nodes' configuration.
func TestTwoVotersWithoutAWitnessAreRefused(t *testing.T) {
	a, ctx := beside(t, playground.Options{Disarmed: true})
	build, err := product.Dir()
	must(t, err)
	first := filepath.Join(a.c.Dir(), a.c.Node(1).Name)
	path := filepath.Join(first, "fenced.yaml")
	whole, err := os.ReadFile(path)
	must(t, err)
	text := string(whole)
	i := strings.Index(text, "  node-3:\n")
	j := strings.Index(text, "devices:\n")
	if i < 0 || j < i {
		t.Fatalf("the configuration has no witness: %s", text)
	}
	run := func(words ...string) (int, string) {
		cmd := exec.CommandContext(ctx, filepath.Join(build, "fenced"), words...)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return cmd.ProcessState.ExitCode(), string(out)
	}
	root := []string{"--config", path, "--system-root", filepath.Join(first, "root")}
	elsewhere := append([]string{"run", "--state-dir", t.TempDir(), "--run-dir", t.TempDir()}, root...)
	if code, out := run(append(elsewhere, "--node", "node-3")...); code != int(client.CodeConfig) || !strings.Contains(out, "fenced witness export node-3") {
		t.Errorf("a witness from the nodes' configuration: %d %s", code, out)
	}
	must(t, os.WriteFile(path, []byte(text[:i]+text[j:]), 0o640))
	for name, words := range map[string][]string{
		"config check": append([]string{"config", "check"}, root...),
		"run":          elsewhere,
		"apply":        {"apply", "--reason", "x", "--socket", a.c.Node(1).Socket()},
		"apply dry":    {"apply", "--dry-run", "--socket", a.c.Node(1).Socket()},
	} {
		code, out := run(words...)
		if code != int(client.CodeConfig) || !strings.Contains(out, path+":") || !strings.Contains(out, "two voters and no witness") || !strings.Contains(out, "role: witness") {
			t.Errorf("%s: %d %s", name, code, out)
		}
	}
	must(t, os.WriteFile(path, whole, 0o640))
	if code, out := run("apply", "--dry-run", "--socket", a.c.Node(1).Socket()); code != 0 {
		t.Errorf("with the witness again: %d %s", code, out)
	}
}

package e2e

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// ruin is a cluster of which two of three nodes are gone for ever.
type ruin struct {
	offline
	ctx  context.Context
	was  string // the domain that is lost
	gone []*playground.Node
	left *playground.Node
}

func inRuins(t *testing.T, opt playground.Options) *ruin {
	t.Helper()
	c, ctx := start(t, opt)
	must(t, c.AwaitClean(ctx))
	r := &ruin{offline: offline{t, c}, ctx: ctx, gone: []*playground.Node{c.Node(1), c.Node(2)}, left: c.Node(3)}
	r.was = status(ctx, r.left).Domain
	for _, n := range r.gone {
		must(t, n.LosePower(ctx))
	}
	must(t, c.Await(ctx, "node-3 to lose quorum", func() bool { s, err := r.left.Client().Status(ctx); return err == nil && !s.Quorate }))
	return r
}

// recover makes another domain on the one that is left and starts that with a new life: its old one was stateful, and ended without a leave.
func (r *ruin) recover(args ...string) client.Recovery {
	r.t.Helper()
	args = append([]string{"--lost", "node-1,node-2", "--yes", "--reason", "the room burnt down"}, args...)
	if code, _, talk := r.run(r.ctx, r.left, "recover", args...); code != client.CodeTryAgain || !strings.Contains(talk, "systemctl stop fenced") {
		r.t.Fatalf("recover beside a running daemon: code %d, %s", code, talk)
	}
	must(r.t, r.left.LosePower(r.ctx))
	done := r.recovers(r.ctx, r.left, args...)
	if done.Was != r.was || done.Domain == r.was || done.Domain == "" || !slices.Equal(done.Lost, []string{"node-1", "node-2"}) {
		r.t.Errorf("%+v, and the domain was %s", done, r.was)
	}
	must(r.t, r.left.RegainPower(r.ctx))
	must(r.t, r.c.Await(r.ctx, "node-3 to be quorate alone in its new domain", func() bool {
		s := status(r.ctx, r.left)
		return s.Quorate && s.Domain == done.Domain && s.Votes.Have == 1 && s.Votes.Need == 1 && stateOn(r.ctx, r.left, "node-3") == client.StateMember
	}))
	return done
}

// verdict waits for the end of the operation on a lost node.
func (r *ruin) verdict(name string) client.HistoryLine {
	r.t.Helper()
	var line client.HistoryLine
	must(r.t, r.c.Await(r.ctx, "the verdict on "+name, func() bool {
		h, err := r.left.Client().History(r.ctx, client.HistoryQuery{Node: name})
		if err != nil {
			return false
		}
		for _, l := range h.Lines {
			if l.Cause == client.CauseRecover && l.Verdict != "" {
				line = l
				return true
			}
		}
		return false
	}))
	if line.Reason != "the room burnt down" || !strings.Contains(line.RequestedBy, "uid=") {
		r.t.Errorf("history does not say who gave %s up and why: %+v", name, line)
	}
	return line
}

// S5.13: two of three are gone for ever. The third makes another domain, cuts their power and holds it, and is at work alone. The old majority
// comes back with its old stores and stays outside: nobody fences anybody. With new stores they are members again.
// proves: S5.13, R4
func TestRecoverAndTheOldMajorityReturns(t *testing.T) {
	r := inRuins(t, playground.Options{})
	done := r.recover()
	for _, n := range r.gone {
		if l := r.verdict(n.Name); l.Verdict != client.VerdictOff || l.Evidence.Kind != client.EvidencePowerOff {
			t.Errorf("%s: verdict %s by %+v, want off by its device", n.Name, l.Verdict, l.Evidence)
		}
		if got := counts(r.ctx, t, r.c.BMC(n.Index)); got.Off == 0 || got.On != 0 || n.PowerOn() {
			t.Errorf("%s is not held off: %+v", n.Name, got)
		}
	}
	before, life := map[string]playground.Counts{}, r.left.BootID()
	for _, b := range r.c.BMCs() {
		before[b.Name] = counts(r.ctx, t, b)
	}
	for _, n := range r.gone {
		must(t, n.RegainPower(r.ctx))
	}
	for _, n := range r.gone {
		r.attention(r.ctx, r.left, "E108", n.Name, "domain "+r.was)
		r.attention(r.ctx, n, "E108", r.left.Name, "domain "+done.Domain)
		must(t, r.c.Await(r.ctx, n.Name+" to act no more", func() bool {
			s := status(r.ctx, n)
			return slices.ContainsFunc(s.Waiting, func(w client.Waiting) bool { return strings.Contains(w.What, "given up") }) && !s.Quorate
		}))
	}
	r.nothingHappens(before, life, done.Domain)
	for _, n := range r.gone {
		r.stop(r.ctx, n)
		mark := r.logEnd(n)
		r.begin(r.ctx, n)
		r.ended(r.ctx, n)
		if !r.said(n, mark, "given up") || !r.said(n, mark, "fenced recover --new-store") {
			t.Errorf("%s starts on a store that was given up, and does not say what to do", n.Name)
		}
		r.newStore(r.ctx, n)
		r.begin(r.ctx, n)
	}
	must(t, r.c.AwaitClean(r.ctx))
	must(t, r.c.Await(r.ctx, "all votes to count again", func() bool {
		s := status(r.ctx, r.left)
		return s.Quorate && s.Votes.Have == 3 && s.Votes.Need == 2
	}))
	r.nothingHappens(before, life, done.Domain)
}

// nothingHappens watches for longer than it takes to fence somebody that no device is touched and the survivor lives and works.
func (r *ruin) nothingHappens(before map[string]playground.Counts, life, domain string) {
	r.t.Helper()
	end := time.NewTimer(patience(6 * time.Second))
	defer end.Stop()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for waiting := true; waiting; {
		for _, b := range r.c.BMCs() {
			if got := counts(r.ctx, r.t, b); got.Off != before[b.Name].Off || got.On != before[b.Name].On {
				r.t.Fatalf("%s was used: %+v, before %+v", b.Name, got, before[b.Name])
			}
		}
		if s := status(r.ctx, r.left); r.left.BootID() != life || s.Domain != domain || !s.Quorate {
			r.t.Fatalf("the survivor was harmed: life %s (was %s), domain %s, quorate %v", r.left.BootID(), life, s.Domain, s.Quorate)
		}
		select {
		case <-tick.C:
		case <-end.C:
			waiting = false
		}
	}
}

// The BMCs burnt too. What a person vouched for is released, but only after every level was tried; the other one waits for a person (R4, R19).
func TestRecoverWithoutDevices(t *testing.T) {
	r := inRuins(t, playground.Options{BMCs: func(node int) []playground.BMCSpec {
		if node == 3 {
			return []playground.BMCSpec{{}}
		}
		return []playground.BMCSpec{{Knobs: []string{"hang"}, AttemptTimeout: patience(1200 * time.Millisecond), Effect: 500 * time.Millisecond}}
	}})
	r.recover("--unproven", "node-1")
	l := r.verdict("node-1")
	if l.Verdict != client.VerdictAcknowledged || len(l.Attempts) == 0 || !strings.Contains(l.Evidence.Detail, "the room burnt down") {
		t.Errorf("node-1: verdict %s after %d attempts, %+v", l.Verdict, len(l.Attempts), l.Evidence)
	}
	must(t, r.c.Await(r.ctx, "the release of node-1", func() bool {
		return slices.ContainsFunc(r.c.Events(3), func(e playground.Event) bool { return e.Event.Event == client.EventRelease && e.Node == "node-1" })
	}))
	must(t, r.c.Await(r.ctx, "node-2 to need an operator", func() bool { return stateOn(r.ctx, r.left, "node-2") == client.StateNeedsOperator }))
	for _, e := range r.c.Events(3) {
		if e.Event.Event == client.EventRelease && e.Node == "node-2" {
			t.Fatalf("node-2 was released without proof and without a word: %+v", e.Event)
		}
	}
	var boot string
	for _, o := range status(r.ctx, r.left).Operations {
		if o.Victim == "node-2" {
			boot = o.Incarnation
		}
	}
	_, err := r.left.Client().Ack(r.ctx, client.Ack{Node: "node-2", Boot: boot, Reason: "the room burnt down"})
	must(t, err)
	if l := r.verdict("node-2"); l.Verdict != client.VerdictAcknowledged {
		t.Errorf("node-2: verdict %s", l.Verdict)
	}
}

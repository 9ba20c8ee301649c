package claims

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anishathalye/porcupine"
	"go.uber.org/goleak"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/membership"
	"github.com/fenced-project/fenced/membership/embedded"
	"github.com/fenced-project/fenced/membership/membershiptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder keeps the history. Its clock counts: of two operations one came before the other only if it returned before the other was called.
type recorder struct {
	clock atomic.Int64
	mu    sync.Mutex
	ops   []porcupine.Operation
	ended map[uint64]bool
	count map[string]int
}

func newRecorder() *recorder { return &recorder{ended: map[uint64]bool{}, count: map[string]int{}} }

func (r *recorder) add(op porcupine.Operation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = append(r.ops, op)
	r.count[op.Input.(input).do+" "+op.Output.(output).what]++
}

// lost is the end of a claim that nobody asked for; it came before anybody knew of it.
func (r *recorder) lost(number uint64) {
	r.mu.Lock()
	first := !r.ended[number]
	r.ended[number] = true
	r.mu.Unlock()
	if first {
		r.add(porcupine.Operation{ClientId: 1000 + int(number), Call: 0, Return: r.clock.Add(1), Input: input{do: doLost, number: number}, Output: output{what: granted}})
	}
}

// do performs one operation of a node and notes it.
func (r *recorder) do(d *daemon, in input, e domain.Entry) answer {
	call := r.clock.Add(1)
	a := d.ask(e)
	op := porcupine.Operation{ClientId: int(d.self.Node), Call: call, Return: r.clock.Add(1), Input: in, Output: output{what: granted}}
	switch {
	case !a.known:
		if in.do == doRead {
			r.mu.Lock()
			r.count["read unknown"]++
			r.mu.Unlock()
			return a // it changes nothing
		}
		op.Output, op.Return = output{what: unknown}, never
		op.ClientId = int(100_000 + call) // it is still under way when this client does something else
	case a.err != nil:
		op.Output = output{what: refused}
	case in.do == doRead:
		op.Output = output{what: granted, saw: a.saw}
	}
	r.add(op)
	return a
}

// network is what a test does to the three nodes' network.
type network struct {
	start func(membership.Self) (membership.Provider, error)
	cut   func(a, b fence.NodeID)
	heal  func()
}

func roster() fence.Roster {
	r := fence.Roster{
		Version: 1, Cluster: "claims", Timing: fence.Timing{FailureTimeoutMS: 500, PingMS: 50, LeaseMS: 1000, PostJoinDelayMS: 1000, StaggerMS: 50},
		Policy:  fence.Policy{MaxConcurrent: 64, OnResidual: fence.ResidualSelfFence},
		Devices: []fence.Device{{Name: "bmc", Kind: fence.KindPower, Mapping: "bmc", SettleMS: 1, EffectMS: 1}},
	}
	for id := fence.NodeID(1); id <= victim; id++ {
		n := fence.RosterNode{ID: id, Name: fmt.Sprintf("n%d", id), Votes: 1, Levels: []fence.Level{{Steps: []fence.Step{{Device: "bmc"}}}}}
		if id == victim {
			n.Votes = 0
		}
		r.Nodes = append(r.Nodes, n)
	}
	return r
}

// settle waits, or ends the test.
func settle(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(membershiptest.Slow(30 * time.Second)); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s in time", what)
		}
	}
}

// play lets three nodes claim, end and read while links come and go, and returns what they saw, and the register before. With stale they read
// what they know themselves.
func play(t *testing.T, n network, rounds int, timeout time.Duration, rnd *rand.Rand, stale bool) (*recorder, register) {
	t.Helper()
	rec := newRecorder()
	var ds []*daemon
	for id := fence.NodeID(1); id <= 3; id++ {
		ds = append(ds, newDaemon(t, id, rec, n.start))
	}
	defer func() {
		for _, d := range ds {
			if err := d.p.Close(); err != nil {
				t.Error(err)
			}
			<-d.done
		}
	}()
	whole := func() bool {
		for _, d := range ds {
			if !d.look(func(s *domain.State) bool { return s.View.Quorate && len(s.View.Members) == 3 }) {
				return false
			}
		}
		return true
	}
	clean := func() bool {
		for _, d := range ds {
			if !d.look(func(s *domain.State) bool { return s.Eligible(1) && s.Eligible(2) && s.Eligible(3) }) {
				return false
			}
		}
		return true
	}
	settle(t, "view", whole)
	settle(t, "roster", func() bool {
		a := ds[0].ask(domain.Entry{Roster: &domain.Roster{Roster: roster(), By: "test"}})
		return a.known && a.err == nil || ds[0].look(func(s *domain.State) bool { return s.Roster.Version == 1 })
	})
	settle(t, "clean members", clean)
	// Nothing is armed, so that who comes back may announce itself clean; the victim is one by force.
	settle(t, "victim", func() bool {
		a := ds[0].ask(domain.Entry{Request: &domain.Request{ID: "r", Node: victim, Action: fence.ActionOff, Cause: fence.CauseOperator, By: "test", Force: true}})
		return a.known && a.err == nil
	})
	var first register
	for _, d := range ds {
		settle(t, "victim everywhere", func() bool {
			return d.look(func(s *domain.State) bool { first = d.register(); return len(s.Victims()) == 1 })
		})
	}

	stop := make(chan struct{})
	var wg sync.WaitGroup
	for _, d := range ds {
		seed := rnd.Uint64()
		wg.Go(func() { client(d, rec, rand.New(rand.NewPCG(seed, 1)), stop, stale) })
	}
	for range rounds {
		alone := fence.NodeID(rnd.IntN(3) + 1)
		for _, d := range ds { // who holds the claim has most to lose
			d.look(func(*domain.State) bool {
				if h := d.register().Holder; h != 0 {
					alone = h
				}
				return true
			})
		}
		other := alone%3 + 1
		n.cut(alone, other)
		if rnd.IntN(4) > 0 { // else the two still hear the third: who is in the view is the mesh's business
			n.cut(alone, other%3+1)
		}
		time.Sleep(3*timeout + time.Duration(rnd.Int64N(int64(3*timeout))))
		n.heal()
		time.Sleep(time.Duration(rnd.Int64N(int64(4 * timeout))))
	}
	settle(t, "whole view again", whole)
	settle(t, "clean members again", clean)
	close(stop)
	wg.Wait()
	return rec, first
}

// client does something, again and again.
func client(d *daemon, rec *recorder, rnd *rand.Rand, stop chan struct{}, stale bool) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(time.Duration(rnd.IntN(40)) * time.Millisecond):
		}
		var r register
		boot := ""
		d.look(func(s *domain.State) bool { r, boot = d.register(), s.Node(victim).Victim.Boot; return true })
		switch k := rnd.IntN(3); {
		case k == 0 && stale:
			call := rec.clock.Add(1)
			d.look(func(*domain.State) bool { r = d.register(); return true })
			rec.add(porcupine.Operation{ClientId: int(d.self.Node), Call: call, Return: rec.clock.Add(1), Input: input{do: doRead}, Output: output{what: granted, saw: r}})
		case k == 0:
			rec.do(d, input{do: doRead}, domain.Entry{Stateful: &domain.Stateful{On: true}})
		case r.Holder == d.self.Node || k == 1 && r.Active != 0:
			rec.do(d, input{do: doEnd, by: d.self.Node, number: r.Active}, domain.Entry{ClaimEnd: &domain.ClaimEnd{Node: victim, Number: r.Active, Quiet: true}})
		default:
			rec.do(d, input{do: doClaim, by: d.self.Node, number: r.Next}, domain.Entry{Claim: &domain.ClaimEntry{Node: victim, Boot: boot, Number: r.Next, DurationMS: 1000, Again: true}})
		}
	}
}

// verdict says whether one register could have given these answers. Nobody adds to them any more.
func verdict(rec *recorder, first register) porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(model(first), rec.ops, membershiptest.Slow(time.Minute))
}

func judge(t *testing.T, rec *recorder, first register) {
	t.Helper()
	t.Logf("%d operations: %v", len(rec.ops), rec.count)
	for _, what := range []string{"claim granted", "claim refused", "end granted", "read granted"} {
		if rec.count[what] == 0 {
			t.Errorf("nothing was %q: this judges nothing", what)
		}
	}
	if rec.count["lost granted"]+rec.count["claim unknown"]+rec.count["end unknown"]+rec.count["read unknown"] == 0 {
		t.Error("no claim was lost and no fate was unknown: the partitions cut nothing")
	}
	switch verdict(rec, first) {
	case porcupine.Illegal:
		for _, op := range rec.ops {
			t.Logf("%d to %d: %+v %+v", op.Call, op.Return, op.Input, op.Output)
		}
		t.Error("no register gives this history (I3, I5)")
	case porcupine.Unknown:
		t.Error("the judge did not come to an end")
	}
}

// bubble is the embedded provider itself, three times: its own log, handshakes, TLS, mesh and files; the wires between them and the clock are
// the bubble's. Files are real: a write takes time of the machine and none of the bubble.
func bubble(t *testing.T, seed uint64, timeout time.Duration) network {
	faults, w, dir := embedded.NewFaults(), newWires(rand.New(rand.NewPCG(seed, 4))), memoryDir(t)
	var nodes []embedded.NodeConfig
	for id := fence.NodeID(1); id <= 3; id++ {
		nodes = append(nodes, embedded.NodeConfig{ID: id, Name: fmt.Sprintf("n%d", id), Address: fmt.Sprintf("10.0.0.%d:7777", id), Votes: 1})
	}
	return network{
		start: func(self membership.Self) (membership.Provider, error) {
			n := nodes[self.Node-1]
			p, err := embedded.Open(embedded.Config{
				Self: self, Name: n.Name, Cluster: "claims", Authkey: []byte("0123456789abcdef0123456789abcdef"), StateDir: filepath.Join(dir, n.Name),
				Listen: n.Address, Nodes: nodes, FailureTimeout: timeout, Outcome: 2 * timeout, Faults: faults, Version: "test", SnapshotEvery: 64,
				Network: port{w, n.Address}, Clock: func() int64 { return time.Now().UnixMilli() },
			})
			if err == nil && self.Node == 1 {
				err = p.Bootstrap("")
			}
			return p, err
		},
		cut: faults.Cut, heal: faults.Heal,
	}
}

// memoryDir keeps the stores in memory where this machine has such a place: nobody is killed here, and a disk makes it ten times as slow.
func memoryDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "fenced-claims-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// ends lets what the log left behind come to its end: Raft's own timers run on for a while after it was shut down.
func ends() { time.Sleep(time.Minute) }

const timeout = 500 * time.Millisecond

func TestTheClaimIsOneRegisterOverEmbedded(t *testing.T) {
	for seed := range uint64(3) {
		synctest.Test(t, func(t *testing.T) {
			rec, first := play(t, bubble(t, seed, timeout), 6, timeout, rand.New(rand.NewPCG(seed, 3)), false)
			ends()
			judge(t, rec, first)
		})
	}
}

// The mistake that this test is for: an answer from what this node knows, and not from the log. A node that is cut off knows of no claim that the
// others made since.
func TestAReadOfLocalStateIsFound(t *testing.T) {
	for seed := range uint64(5) {
		found := false
		synctest.Test(t, func(t *testing.T) {
			rec, first := play(t, bubble(t, seed, timeout), 3, timeout, rand.New(rand.NewPCG(seed, 3)), true)
			ends()
			found = verdict(rec, first) == porcupine.Illegal
		})
		if found {
			return
		}
	}
	t.Error("five histories with stale reads, and every one of them passed for a register's")
}

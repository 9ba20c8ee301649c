package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/engine"
	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/internal/api"
	"github.com/fenced-project/fenced/internal/config"
	"github.com/fenced-project/fenced/membership"
	"github.com/fenced-project/fenced/membership/memory"

	"github.com/fenced-project/fenced/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lab is three daemons over the memory provider, with devices whose power ends them.
type lab struct {
	t       *testing.T
	cluster *memory.Cluster
	nodes   map[fence.NodeID]*running
	mu      sync.Mutex
	power   map[fence.NodeID]bool
	offs    map[fence.NodeID]int
	resets  map[fence.NodeID]string // why a node reset itself; it goes on
	hang    atomic.Bool             // Status of every device hangs until its deadline
	roster  fence.Roster
	files   map[fence.NodeID]func() (*config.Config, error) // what a node reads when it reads its file again
	calls   [4]atomic.Int32                                 // at devices, in flight, by node
	torn    atomic.Int32                                    // devices were changed under a call
	holders map[fence.NodeID]*holderFake                    // of the nodes that have a watchdog
	// withdraw is residual.on_withdraw of whoever starts
	withdraw string
	// cores are the core processes of whoever starts
	cores []config.Core
	// configured is what the devices of somebody were configured with last
	configured *config.Config
}

type running struct {
	d      *Daemon
	cancel context.CancelFunc
	done   chan error
	p      *memory.Provider
	failed *atomic.Value
}

const testTimeout = 20 * time.Second

func uuid(id fence.NodeID) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", id) }

func newLab(t *testing.T, change ...func(*fence.Roster)) *lab {
	return newGuardedLab(t, nil, change...)
}

// newGuardedLab is a lab in which some nodes have watchdogs.
func newGuardedLab(t *testing.T, holders map[fence.NodeID]*holderFake, change ...func(*fence.Roster)) *lab {
	_ = t.TempDir() // the first one registers the removal of all, which must come after the daemons' end
	l := &lab{t: t, holders: holders, nodes: map[fence.NodeID]*running{}, power: map[fence.NodeID]bool{}, offs: map[fence.NodeID]int{}, resets: map[fence.NodeID]string{}}
	var voters []membership.Voter
	l.roster = fence.Roster{
		Cluster: "test",
		Timing:  fence.Timing{FailureTimeoutMS: 300, PingMS: 50, PostJoinDelayMS: 1000, LeaseMS: 600, StaggerMS: 100},
		Policy:  fence.Policy{MaxConcurrent: 64, BrakeWindowMS: 600_000, OnResidual: fence.ResidualSelfFence, HistoryKeep: 10},
	}
	for id := fence.NodeID(1); id <= 3; id++ {
		voters = append(voters, membership.Voter{ID: id, Votes: 1})
		bmc := fmt.Sprintf("bmc-%d", id)
		l.roster.Nodes = append(l.roster.Nodes, fence.RosterNode{
			ID: id, Name: fmt.Sprintf("node-%d", id), Votes: 1, Action: fence.ActionOff, Levels: []fence.Level{{Steps: []fence.Step{{Device: bmc}}}},
		})
		l.roster.Devices = append(l.roster.Devices, fence.Device{
			Name: bmc, Plugin: "test", Kind: fence.KindPower, Mapping: bmc, SettleMS: 10, AttemptMS: 500, Attempts: 1, PollMS: 10, EffectMS: 1000, Limit: 1,
		})
	}
	for _, c := range change {
		c(&l.roster)
	}
	l.cluster = memory.New(memory.Config{Nodes: voters, FailureTimeout: 300 * time.Millisecond})
	t.Cleanup(func() {
		for id := range l.nodes {
			l.stop(id)
		}
		l.cluster.Close()
	})
	for id := fence.NodeID(1); id <= 3; id++ {
		l.start(id, "boot-1")
	}
	l.until(1, "bootstrap", func(client.Status) bool {
		_, err := l.nodes[1].d.Bootstrap(l.ctx(), api.BootstrapArgs{Cluster: "test"})
		return err == nil
	})
	l.until(1, "three members", func(s client.Status) bool { return members(s) == 3 })
	if _, err := l.nodes[1].d.Arm(l.ctx(), api.ArmArgs{Armed: true, Reason: "test"}); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *lab) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	l.t.Cleanup(cancel)
	return ctx
}

func members(s client.Status) int {
	n := 0
	for _, x := range s.Nodes {
		if x.State == client.StateMember {
			n++
		}
	}
	return n
}

// provider gives the memory provider the methods of Cluster that only a real one needs.
type provider struct {
	*memory.Provider
	failed *atomic.Value // why Fail was called
}

func (provider) Bootstrap() (string, error)                                 { return "domain", nil }
func (provider) Members(fence.Roster, []fence.NodeID, []fence.NodeID) error { return nil }

func (p provider) Fail(why string) { p.failed.Store(why) }

// devices is the device side: Do off ends the daemon of that node, as power does.
type devices struct {
	l  *lab
	by fence.NodeID
}

func (d devices) Plugins() client.Plugins { return client.Plugins{} }

func (d devices) Reload(context.Context, []string) (client.PluginsReloaded, error) {
	return client.PluginsReloaded{}, nil
}
func (d devices) Demand(context.Context, *config.Config) {}

func (d devices) Close() error { return nil }

func (d devices) Configure(c *config.Config) error {
	d.l.mu.Lock()
	d.l.configured = c
	d.l.mu.Unlock()
	if d.l.calls[d.by].Load() > 0 {
		d.l.torn.Add(1)
	}
	return nil
}

func (d devices) Look(ctx context.Context, device, target string) (engine.Reading, error) {
	return d.Status(ctx, device, target)
}

func (d devices) Status(ctx context.Context, device, _ string) (engine.Reading, error) {
	d.l.calls[d.by].Add(1)
	defer d.l.calls[d.by].Add(-1)
	if d.l.hang.Load() {
		<-ctx.Done()
		return engine.Reading{}, ctx.Err()
	}
	var id fence.NodeID
	if _, err := fmt.Sscanf(device, "bmc-%d", &id); err != nil {
		return engine.Reading{}, err
	}
	d.l.mu.Lock()
	defer d.l.mu.Unlock()
	state := fence.PowerOff
	if d.l.power[id] {
		state = fence.PowerOn
	}
	return engine.Reading{State: state, Identity: fence.Identity{UUIDs: []string{uuid(id)}}, Detail: "after a mains failure: stays off"}, nil
}

func (d devices) Do(_ context.Context, device, _ string, action fence.Action) error {
	var id fence.NodeID
	if _, err := fmt.Sscanf(device, "bmc-%d", &id); err != nil {
		return err
	}
	if action != fence.ActionOff {
		return errors.New("only off here")
	}
	d.l.cluster.Kill(id) // what has no power says nothing any more (R16 d)
	d.l.mu.Lock()
	defer d.l.mu.Unlock()
	d.l.offs[id]++
	d.l.power[id] = false
	return nil
}

func (l *lab) count(id fence.NodeID) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.offs[id]
}

func (l *lab) start(id fence.NodeID, boot string) {
	l.t.Helper()
	self := membership.Self{Node: id, Boot: boot, Instance: fmt.Sprintf("i-%d-%d", id, time.Now().UnixNano())}
	p, err := l.cluster.Start(self)
	if err != nil {
		l.t.Fatal(err)
	}
	l.mu.Lock()
	l.power[id] = true
	withdraw, cores := l.withdraw, l.cores
	l.mu.Unlock()
	cfg := &config.Config{Roster: l.roster, Self: id, SelfName: fmt.Sprintf("node-%d", id), StateDir: l.t.TempDir(), SystemRoot: "/nowhere", Simulated: true}
	cfg.Residual.OnWithdraw, cfg.Cores = withdraw, cores
	var failed atomic.Value
	var dog Watchdog
	if h := l.holders[id]; h != nil {
		dog, cfg.Watchdog = h, config.Watchdog{Mode: config.WatchdogAuto, Devices: []string{"/dev/watchdog0"}, TimeoutMS: 10_000}
	}
	d, err := New(Config{
		Watchdog: dog, Config: cfg, Self: self, Machine: fence.Machine{UUID: uuid(id)}, Version: "test", Provider: provider{p, &failed}, Devices: devices{l, id},
		Scan: func(context.Context) member.ResidualScanned {
			return member.ResidualScanned{Session: member.Session{State: member.SessionNone}, Resettable: true}
		},
		Reload: func() (*config.Config, error) { return l.file(id, cfg) }, Now: Boottime, LeaveTimeout: -1,
		Reset: func(why string) error {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.resets[id] = why
			return nil
		},
	})
	if err != nil {
		l.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{d: d, cancel: cancel, done: make(chan error, 1), p: p, failed: &failed}
	go func() { r.done <- d.Run(ctx) }()
	l.nodes[id] = r
}

// file is what a node reads.
func (l *lab) file(id fence.NodeID, first *config.Config) (*config.Config, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if read := l.files[id]; read != nil {
		return read()
	}
	return first, nil
}

// write gives nodes another file.
func (l *lab) write(change func(*fence.Roster), ids ...fence.NodeID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.files == nil {
		l.files = map[fence.NodeID]func() (*config.Config, error){}
	}
	for _, id := range ids {
		r := l.roster
		r.Nodes, r.Devices = slices.Clone(r.Nodes), slices.Clone(r.Devices)
		change(&r)
		c := &config.Config{Roster: r, Self: id, SelfName: r.Name(id), StateDir: "/nowhere", SystemRoot: "/nowhere", Simulated: true}
		l.files[id] = func() (*config.Config, error) { return c, nil }
	}
}

// stop ends a daemon without a word, as a crash does to the others.
func (l *lab) stop(id fence.NodeID) {
	r := l.nodes[id]
	delete(l.nodes, id)
	r.cancel()
	select {
	case err := <-r.done:
		if err != nil && !errors.Is(err, errProviderClosed) { // its power was cut
			l.t.Errorf("daemon %d: %v", id, err)
		}
	case <-time.After(testTimeout):
		l.t.Errorf("daemon %d did not end", id)
	}
}

// until polls a node's status until it shows what is wanted.
func (l *lab) until(id fence.NodeID, what string, ok func(client.Status) bool) client.Status {
	l.t.Helper()
	ctx := l.ctx()
	var s client.Status
	var err error
	for ctx.Err() == nil {
		if s, err = l.nodes[id].d.Status(ctx); err == nil && ok(s) {
			return s
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	l.t.Fatalf("never: %s (%v): %+v", what, err, s)
	return s
}

// patient keeps the order of who claims, and the time of an attempt, where a busy machine stands still for a moment.
func patient(r *fence.Roster) {
	r.Timing.StaggerMS = 5000
	for i := range r.Devices {
		r.Devices[i].AttemptMS = 5000
	}
}

func TestAFailedNodeIsFencedAndToldInOrder(t *testing.T) {
	l := newLab(t, patient)
	l.stop(3)
	l.until(1, "node-3 fenced", func(s client.Status) bool { return s.Nodes[2].State == client.StateFenced })
	l.until(2, "node-3 fenced", func(s client.Status) bool { return s.Nodes[2].State == client.StateFenced })
	if n := l.count(3); n != 1 {
		t.Fatalf("%d power-offs", n)
	}
	h, err := l.nodes[2].d.History(l.ctx(), api.HistoryQuery{Limit: 10})
	if err != nil || len(h.Lines) != 1 {
		t.Fatalf("history %+v, %v", h, err)
	}
	line := h.Lines[0]
	if line.Victim != "node-3" || line.Verdict != client.VerdictOff || line.Evidence.Kind != client.EvidencePowerOff || line.Cause != client.CauseFailed || line.Actor != "node-1" {
		t.Fatalf("%+v", line)
	}
}

func TestStatusAnswersWhileADeviceHangs(t *testing.T) { // pitfall 19: status < 100 ms while an agent hangs
	l := newLab(t)
	l.hang.Store(true)
	l.stop(3)
	l.until(1, "an operation", func(s client.Status) bool { return len(s.Operations) > 0 && s.Operations[0].Actor != "" })
	worst := time.Duration(0)
	for range 20 {
		begin := time.Now()
		if _, err := l.nodes[1].d.Status(l.ctx()); err != nil {
			t.Fatal(err)
		}
		worst = max(worst, time.Since(begin))
	}
	if worst > 2*time.Second {
		t.Fatalf("status took %s while a device hung", worst)
	}
	l.hang.Store(false)
	l.until(1, "node-3 fenced", func(s client.Status) bool { return s.Nodes[2].State == client.StateFenced })
}

func TestRequestsEndWithTheRightCode(t *testing.T) {
	l := newLab(t)
	d := l.nodes[1].d
	for _, c := range []struct {
		name string
		args api.RequestArgs
		code client.Code
	}{
		{"unknown node", api.RequestArgs{ID: "a", Node: "node-9", Action: client.ActionOff}, client.CodeNoSuch},
		{"another life", api.RequestArgs{ID: "b", Node: "node-3", Boot: "nope", Action: client.ActionOff}, client.CodeError},
		{"a node that runs is not powered on", api.RequestArgs{ID: "c", Node: "node-3", Action: client.ActionOn}, client.CodeError},
	} {
		_, err := d.Request(l.ctx(), c.args)
		if client.CodeOf(err) != c.code {
			t.Errorf("%s: %v, code %d, want %d", c.name, err, client.CodeOf(err), c.code)
		}
	}
	if _, err := d.Arm(l.ctx(), api.ArmArgs{Armed: false, Reason: "test"}); err != nil {
		t.Fatal(err)
	}
	_, err := d.Request(l.ctx(), api.RequestArgs{ID: "d", Node: "node-3", Action: client.ActionOff})
	if client.CodeOf(err) != client.CodeNotArmed {
		t.Errorf("disarmed: %v", err)
	}
	l.stop(2)
	l.stop(3)
	l.until(1, "no quorum", func(s client.Status) bool { return !s.Quorate })
	_, err = d.Request(l.ctx(), api.RequestArgs{ID: "e", Node: "node-3", Action: client.ActionOff, Force: true})
	if client.CodeOf(err) != client.CodeNoQuorum {
		t.Errorf("without quorum: %v", err)
	}
	if l.count(2)+l.count(3) != 0 {
		t.Error("a device was touched")
	}
}

func TestAnOperatorsRequestIsAnsweredAndDone(t *testing.T) {
	l := newLab(t)
	d := l.nodes[1].d
	a, err := d.Request(l.ctx(), api.RequestArgs{ID: "x", Node: "node-3", Action: client.ActionOff, Reason: "test"})
	if err != nil || a.Operation == 0 || a.Incarnation != "boot-1" {
		t.Fatalf("%+v, %v", a, err)
	}
	l.until(1, "node-3 off", func(s client.Status) bool { return s.Nodes[2].Last != nil })
	l.stop(3)
	show, err := d.Show(l.ctx(), a.Operation)
	if err != nil || !show.Done || show.History.Verdict != client.VerdictOff || len(show.Requests) != 1 {
		t.Fatalf("%+v, %v", show, err)
	}
	again, err := d.Request(l.ctx(), api.RequestArgs{ID: "x", Node: "node-3", Action: client.ActionOff, Reason: "test"})
	if err != nil || again.Operation != a.Operation {
		t.Fatalf("the same request again: %+v, %v", again, err)
	}
	plan, err := d.Plan(l.ctx(), api.PlanQuery{Node: "node-2", Action: client.ActionReboot, Read: true})
	if err != nil || len(plan.Reads) != 1 || plan.Reads[0].State != "on" || plan.Reads[0].Class != client.ClassOK || plan.Reads[0].Text != "after a mains failure: stays off" {
		t.Fatalf("%+v, %v", plan, err)
	}
	if l.count(2) != 0 {
		t.Fatal("a plan switched something")
	}
}

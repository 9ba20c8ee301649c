package engine_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/engine"
	"github.com/fenced-project/fenced/fence/operation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const uuidV = "4c4c4544-0042-3510-8052-b4c04f564831"

// failure is an error with a class, as the plugin host gives them.
type failure struct{ class, text string }

func (f failure) Error() string { return f.text }
func (f failure) Class() string { return f.class }

// site is a fake host: every target is a machine of its own with the one identity, and hooks decide what a device does.
type site struct {
	mu    sync.Mutex
	off   map[string]bool
	calls map[string]int // by device
	now   map[string]int // in flight, by device
	most  map[string]int
	took  time.Duration
	hook  func(ctx context.Context, kind, device string) error // nil error: go on
}

func newSite() *site {
	return &site{off: map[string]bool{}, calls: map[string]int{}, now: map[string]int{}, most: map[string]int{}}
}

func (s *site) count(of map[string]int, device string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return of[device]
}

func (s *site) isOff(target string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.off[target]
}

func (s *site) enter(ctx context.Context, kind, device string) (func(), error) {
	s.mu.Lock()
	s.calls[device]++
	s.now[device]++
	s.most[device] = max(s.most[device], s.now[device])
	took, hook := s.took, s.hook
	s.mu.Unlock()
	leave := func() {
		s.mu.Lock()
		s.now[device]--
		s.mu.Unlock()
	}
	if hook != nil {
		if err := hook(ctx, kind, device); err != nil {
			return leave, err
		}
	}
	if took > 0 {
		time.Sleep(took)
	}
	return leave, nil
}

func (s *site) Do(ctx context.Context, device, target string, action fence.Action) error {
	leave, err := s.enter(ctx, "do", device)
	defer leave()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.off[device+target] = action == fence.ActionOff
	return nil
}

func (s *site) Status(ctx context.Context, device, target string) (engine.Reading, error) {
	leave, err := s.enter(ctx, "status", device)
	defer leave()
	if err != nil {
		return engine.Reading{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	state := fence.PowerOn
	if s.off[device+target] {
		state = fence.PowerOff
	}
	return engine.Reading{State: state, Identity: fence.Identity{UUIDs: []string{uuidV}}}, nil
}

// sink keeps the events that must not be lost and lets tests wait for them.
type sink struct {
	mu       sync.Mutex
	finished map[fence.NodeID]engine.Finished
	returned map[fence.NodeID]int
	all      []engine.Event
	at       map[fence.NodeID]int64
	now      func() int64
}

func newSink(now func() int64) *sink {
	return &sink{finished: map[fence.NodeID]engine.Finished{}, returned: map[fence.NodeID]int{}, at: map[fence.NodeID]int64{}, now: now}
}

func (k *sink) report(ev engine.Event) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all = append(k.all, ev)
	switch ev := ev.(type) {
	case engine.Finished:
		k.finished[ev.Victim.Node] = ev
		k.at[ev.Victim.Node] = k.now()
	case engine.Returned:
		k.returned[ev.Victim.Node]++
	}
}

func (k *sink) get(n fence.NodeID) (engine.Finished, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f, ok := k.finished[n]
	return f, ok
}

func (k *sink) back(n fence.NodeID) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.returned[n]
}

func (k *sink) when(n fence.NodeID) int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.at[n]
}

func (k *sink) events() []engine.Event {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.all)
}

// clock is a CLOCK_BOOTTIME that starts at 50 s.
func clock() func() int64 {
	begin := time.Now()
	return func() int64 { return 50_000 + time.Since(begin).Milliseconds() }
}

// spec is a victim with one level for each list of device steps.
func spec(node fence.NodeID, levels ...[]fence.Step) operation.Spec {
	s := operation.Spec{
		Victim: fence.Victim{Incarnation: fence.Incarnation{Node: node, Boot: "boot"}, Machine: fence.Machine{UUID: uuidV}, Cause: fence.CauseFailed, Index: 1},
		Claim:  7, ReadIndex: 1, Action: fence.ActionOff, Judge: fence.Judge{Claim: 7},
	}
	seen := map[string]bool{}
	for _, l := range levels {
		s.Judge.Levels = append(s.Judge.Levels, fence.Level{Steps: l})
		for _, step := range l {
			if step.Device != "" && !seen[step.Device] {
				seen[step.Device] = true
				s.Judge.Devices = append(s.Judge.Devices, fence.Device{
					Name: step.Device, Kind: fence.KindPower, Mapping: step.Device, SettleMS: 100, AttemptMS: 5000, Attempts: 2, PollMS: 200, EffectMS: 1000,
				})
			}
		}
	}
	return s
}

func steps(devices ...string) []fence.Step {
	var l []fence.Step
	for _, d := range devices {
		l = append(l, fence.Step{Device: d})
	}
	return l
}

package world

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/member"
)

// seen is a watcher that counts.
type seen struct {
	verdicts, switched, boots int
	kill                      bool // the next verdict's proposer
}

func (s *seen) Committed(_ int, e domain.Event, _ *domain.State) {
	if e.Kind == domain.EventVerdict {
		s.verdicts++
	}
}
func (s *seen) Rejected(domain.Origin, domain.Entry, error)   {}
func (s *seen) Switched(string, string, fence.Action, uint64) { s.switched++ }
func (s *seen) Booted(string, string)                         { s.boots++ }
func (s *seen) Answered(string, string, member.Answer)        {}
func (s *seen) Effect(_ string, e member.Effect) (dies bool) {
	if p, ok := e.(member.Propose); ok && p.Entry.Verdict != nil {
		dies, s.kill = s.kill, false
	}
	return dies
}

func scripted(t *testing.T, watch Watcher) *Script {
	t.Helper()
	s, err := NewScript(Setup{
		Timing: fence.Timing{PingMS: 1000, FailureTimeoutMS: 4000, LeaseMS: 5000, PostJoinDelayMS: 10_000, StaggerMS: 500},
		Policy: fence.Policy{MaxConcurrent: 4, BrakeWindowMS: 600_000, OnResidual: fence.ResidualSelfFence, EvenSplit: "freeze", HistoryKeep: 10},
		Nodes: []ScriptNode{
			{Name: "A", Levels: [][]string{{"bmc"}}, Action: fence.ActionReboot},
			{Name: "B", Levels: [][]string{{"bmc"}}, Action: fence.ActionReboot},
			{Name: "C", Levels: [][]string{{"bmc"}}, Action: fence.ActionReboot},
		},
		BootMS: 3000, EffectMS: 2000, Attempt: 3000, Attempts: 2, Choose: options(0, 3, 1).Choose, Watch: watch,
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		s.PowerOn(i)
	}
	if !s.Until(120_000, 100, func() bool { return s.Unresolved() == "" }) {
		t.Fatalf("not all is well: %s", s.Unresolved())
	}
	return s
}

// Nothing goes wrong in a scripted world until the script lets it; then the watcher sees what comes of it.
func TestScriptedWorld(t *testing.T) {
	watch := &seen{}
	s := scripted(t, watch)
	s.Run(10 * 60_000)
	if watch.verdicts != 0 || watch.boots != 3 || s.Unresolved() != "" {
		t.Fatalf("%d verdicts, %d boots, %q before anything happened", watch.verdicts, watch.boots, s.Unresolved())
	}
	s.Panic(2)
	if !s.Until(120_000, 100, func() bool { return watch.verdicts == 1 && s.Unresolved() == "" }) {
		t.Fatalf("%d verdicts, %s", watch.verdicts, s.Unresolved())
	}
	if watch.switched != 2 || watch.boots != 4 {
		t.Errorf("switched %d times, booted %d times", watch.switched, watch.boots)
	}
	if v := s.Violation(); v != nil {
		t.Errorf("%s: %s", v.Invariant, v.Text)
	}
}

// A watcher may kill a daemon right before an effect: it does not come about, and nobody starts the daemon again.
func TestScriptKillsBeforeAnEffect(t *testing.T) {
	watch := &seen{}
	s := scripted(t, watch)
	watch.kill = true
	s.Panic(2)
	if !s.Until(120_000, 100, func() bool { return !watch.kill }) {
		t.Fatal("nobody proposed a verdict")
	}
	s.Run(20_000)
	if watch.verdicts != 0 || s.Look(0).Daemon == s.Look(1).Daemon {
		t.Errorf("%d verdicts by one of two; daemons run: %v %v", watch.verdicts, s.Look(0).Daemon, s.Look(1).Daemon)
	}
}

func TestImpossibleSetupsAreRefused(t *testing.T) {
	if _, err := NewScript(Setup{Nodes: make([]ScriptNode, 2), Choose: options(0, 3, 1).Choose}); err == nil {
		t.Error("two nodes are no cluster here")
	}
	if _, err := NewScript(Setup{Nodes: make([]ScriptNode, 3), Choose: options(0, 3, 1).Choose}); err == nil {
		t.Error("timings of zero contradict each other")
	}
}

package main

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/member"
)

// pure measures the deciding code alone at several sizes of cluster: each kind of entry that is frequent, decoded and applied, one view in which a node has gone,
// and one tick of a member in a cluster in which nothing happens. A view lists every node, so it is told for each node too, and is no part of the growth.
func pure(_ context.Context, r *run) error {
	sizes := []int{5, 50, 500, 5000}
	if r.quick {
		sizes = sizes[:3]
	}
	small, large := map[string]float64{}, map[string]float64{}
	for _, n := range sizes {
		got, err := sized(n, r.n())
		if err != nil {
			return err
		}
		note := fmt.Sprintf("%d nodes", n)
		clear(large)
		var mean []float64
		for _, kind := range kinds {
			l := line(fmt.Sprintf("%s:%d:%s", nameApplyEntry, n, kind), "µs", note+", decoding and applying", got[kind])
			large[kind] = l.Median
			mean = append(mean, l.Median)
			r.add(l)
		}
		if len(small) == 0 {
			maps.Copy(small, large)
		}
		r.add(line(fmt.Sprintf("%s:%d", nameApplyEntry, n), "µs", note+", the mean of all kinds", []float64{sumOf(mean) / float64(len(mean))}))
		view := line(fmt.Sprintf("%s:%d", nameApplyView, n), "µs", note+", a view without one of them", got[nameApplyView])
		r.add(view)
		r.add(line(fmt.Sprintf("%s:%d:each", nameApplyView, n), "µs", note+", the same for each node of it", []float64{view.Median / float64(n)}))
		r.add(line(fmt.Sprintf("%s:%d", nameTick, n), "µs", note+", one tick of a member, idle", got[nameTick]))
	}
	worst, before, after := "", 0.0, 0.0
	for _, kind := range kinds {
		ratio := large[kind] / small[kind]
		r.add(line(nameGrowth+":"+kind, "x", "", []float64{ratio}))
		if worst == "" || ratio > large[worst]/small[worst] {
			worst = kind
		}
		before, after = before+small[kind], after+large[kind]
	}
	r.add(line(nameGrowth, "x", fmt.Sprintf("an entry with %d nodes to one with %d, the mean of all kinds; %s grows the most, %.1f times", sizes[len(sizes)-1], sizes[0], worst, large[worst]/small[worst]), []float64{after / before}))
	return nil
}

// sized takes each sample in a cluster of its own, after what was left of the one before is collected.
func sized(n, samples int) (map[string][]float64, error) {
	got := map[string][]float64{}
	for range samples {
		w, err := newWorld(n)
		if err != nil {
			return nil, err
		}
		runtime.GC()
		tick, err := w.tick()
		if err != nil {
			return nil, err
		}
		got[nameTick] = append(got[nameTick], tick)
		if err := w.live(); err != nil {
			return nil, err
		}
		view, err := w.depart()
		if err != nil {
			return nil, err
		}
		got[nameApplyView] = append(got[nameApplyView], view)
		if err := w.operation(); err != nil {
			return nil, err
		}
		for kind, took := range w.took {
			got[kind] = append(got[kind], took)
		}
	}
	return got, nil
}

func sumOf(all []float64) (sum float64) {
	for _, v := range all {
		sum += v
	}
	return sum
}

// world is a domain of n clean members, the last of which will go.
type world struct {
	s *domain.State
	n int
	// took is how long each kind of entry took, in microseconds.
	took map[string]float64
}

func origin(id int) domain.Origin {
	return domain.Origin{Incarnation: fence.Incarnation{Node: fence.NodeID(id), Boot: fmt.Sprintf("b%d", id)}, Instance: fmt.Sprintf("i%d", id)}
}

func machine(id int) fence.Machine {
	return fence.Machine{UUID: fmt.Sprintf("00000000-0000-4000-8000-%012d", id)}
}

// newWorld admits everybody by hand, and raises the feature level to what a cluster of this build has. Then it is read from a snapshot, as by a daemon that comes
// to a cluster: what the state counts beforehand knows of it. Each device was probed, and half of the members have told their hashes.
func newWorld(n int) (*world, error) {
	r := fence.Roster{
		Version: 1, Cluster: clusterName, Timing: fence.Timing{FailureTimeoutMS: 2000, PingMS: 250, LeaseMS: 5000, PostJoinDelayMS: 20000, StaggerMS: 500},
		Policy: fence.Policy{MaxConcurrent: 64, BrakeWindowMS: 600_000, OnResidual: fence.ResidualSelfFence, HistoryKeep: 100},
	}
	for i := 1; i <= n; i++ {
		d := fmt.Sprintf("bmc-%05d", i)
		r.Nodes = append(r.Nodes, fence.RosterNode{ID: fence.NodeID(i), Name: fmt.Sprintf("n%d", i), Votes: 1, Action: fence.ActionReboot, Levels: []fence.Level{{Steps: []fence.Step{{Device: d}}}}})
		r.Devices = append(r.Devices, fence.Device{Name: d, Kind: fence.KindPower, Mapping: "map-" + d, SettleMS: 100, EffectMS: 5000, AttemptMS: 4000, Attempts: 1, PollMS: 100})
	}
	w := &world{s: domain.New(), n: n, took: map[string]float64{}}
	w.view(n)
	if _, err := w.apply(1, domain.Entry{Roster: &domain.Roster{Roster: r, By: clusterName}}); err != nil {
		return nil, err
	}
	for i := range w.s.Nodes {
		node := &w.s.Nodes[i]
		node.Phase, node.Machine, node.Roster, node.Feature, node.Unknown = domain.PhaseMember, machine(i+1), w.s.RosterHash, domain.FeatureLevel, false
	}
	b, err := w.s.Snapshot()
	if err != nil {
		return nil, err
	}
	if w.s, err = domain.Restore(b); err != nil {
		return nil, err
	}
	before := []domain.Entry{{Feature: &domain.Feature{Level: domain.FeatureLevel}}, {Arm: &domain.Arm{Armed: true, By: clusterName}}, {Compare: &domain.Compare{}}}
	for i := 1; i <= n; i++ {
		before = append(before, w.probed(i, domain.Healthy))
	}
	for _, e := range before {
		if _, err := w.apply(1, e); err != nil {
			return nil, err
		}
	}
	for i := 2; i < n; i += 2 {
		if _, err := w.apply(i, w.hashed()); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (w *world) view(n int) []domain.Event {
	ms := make([]domain.Origin, 0, n)
	for i := 1; i <= n; i++ {
		ms = append(ms, origin(i))
	}
	return w.s.ApplyView(w.s.Index+1, ms, true)
}

func (w *world) apply(by int, e domain.Entry) ([]domain.Event, error) {
	return w.s.Apply(w.s.Index+1, origin(by), e)
}

// tick is one tick of member 1 after a first one.
func (w *world) tick() (float64, error) {
	m := member.New(member.Config{Self: origin(1), Machine: machine(1), RosterHash: w.s.RosterHash})
	now := int64(1_000_000)
	m.Step(now, member.SnapshotInstalled{State: w.s})
	m.Step(now, member.QuorumHeld{})
	if !m.Quorate() {
		return 0, fmt.Errorf("the member of a cluster of %d is not quorate", w.n)
	}
	m.Step(now+50, member.Tick{})
	began := time.Now()
	effects := m.Step(now+100, member.Tick{})
	took := time.Since(began)
	for _, e := range effects {
		if p, ok := e.(member.Propose); ok {
			return 0, fmt.Errorf("an idle member proposes %+v", p.Entry)
		}
	}
	return us(took), nil
}

// depart takes the last node out of the view, which makes it a victim.
func (w *world) depart() (float64, error) {
	began := time.Now()
	w.view(w.n - 1)
	took := us(time.Since(began))
	if w.s.Node(fence.NodeID(w.n)).Victim == nil {
		return 0, fmt.Errorf("node %d of %d left the view and is no victim", w.n, w.n)
	}
	return took, nil
}

func us(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/member"
)

// pure measures the deciding code alone at several sizes of cluster: one entry of an operation, decoded and applied (the mean of request,
// claim and verdict), one announcement, one view in which a node has gone, and one tick of a member in a cluster in which nothing happens.
func pure(_ context.Context, r *run) error {
	sizes := []int{5, 50, 500, 5000}
	if r.quick {
		sizes = sizes[:3]
	}
	small, large := 0.0, 0.0
	for _, n := range sizes {
		var entry, announce, view, tick []float64
		for range r.n() {
			w, err := newWorld(n)
			if err != nil {
				return err
			}
			one, err := w.tick()
			if err != nil {
				return err
			}
			tick = append(tick, one)
			if one, err = w.announce(); err != nil {
				return err
			}
			announce = append(announce, one)
			if one, err = w.depart(); err != nil {
				return err
			}
			view = append(view, one)
			if one, err = w.operation(); err != nil {
				return err
			}
			entry = append(entry, one)
		}
		if large = line(nameApplyEntry, "µs", "", entry).Median; small == 0 {
			small = large
		}
		note := fmt.Sprintf("%d nodes", n)
		r.add(line(fmt.Sprintf("%s:%d", nameApplyEntry, n), "µs", note+", decoding and one entry of an operation", entry))
		r.add(line(fmt.Sprintf("%s:%d", nameApplyAnnounce, n), "µs", note+", one clean announcement", announce))
		r.add(line(fmt.Sprintf("%s:%d", nameApplyView, n), "µs", note+", a view without one of them", view))
		r.add(line(fmt.Sprintf("%s:%d", nameTick, n), "µs", note+", one tick of a member, idle", tick))
	}
	r.add(line(nameGrowth, "x", fmt.Sprintf("an entry with %d nodes to one with %d", sizes[len(sizes)-1], sizes[0]), []float64{large / small}))
	return nil
}

// world is a domain of n clean members, the last of which will go.
type world struct {
	s *domain.State
	n int
}

func origin(id int) domain.Origin {
	return domain.Origin{Incarnation: fence.Incarnation{Node: fence.NodeID(id), Boot: fmt.Sprintf("b%d", id)}, Instance: fmt.Sprintf("i%d", id)}
}

func machine(id int) fence.Machine {
	return fence.Machine{UUID: fmt.Sprintf("00000000-0000-4000-8000-%012d", id)}
}

// newWorld admits everybody by hand: n announcements of a cluster of n are n² comparisons of machines, and they are measured one at a time.
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
	w := &world{s: domain.New(), n: n}
	w.view(n)
	if _, err := w.apply(1, domain.Entry{Roster: &domain.Roster{Roster: r, By: clusterName}}); err != nil {
		return nil, err
	}
	for i := range w.s.Nodes {
		node := &w.s.Nodes[i]
		node.Phase, node.Machine, node.Roster, node.Feature, node.Unknown = domain.PhaseMember, machine(i+1), w.s.RosterHash, domain.FeatureLevel, false
	}
	if _, err := w.apply(1, domain.Entry{Arm: &domain.Arm{Armed: true, By: clusterName}}); err != nil {
		return nil, err
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

// wire encodes an entry, takes the time of decoding and applying it, in microseconds.
func (w *world) wire(by int, e domain.Entry) (float64, error) {
	b, err := domain.Encode(e)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if e, err = domain.Decode(b); err != nil {
		return 0, err
	}
	if _, err = w.apply(by, e); err != nil {
		return 0, err
	}
	return us(time.Since(began)), nil
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

// announce lets the last node say again that it is clean.
func (w *world) announce() (float64, error) {
	return w.wire(w.n, domain.Entry{Announce: &domain.Announce{
		Clean: true, Machine: machine(w.n), Since: w.s.Node(fence.NodeID(w.n)).Arrived, Roster: w.s.RosterHash, Feature: domain.FeatureLevel,
	}})
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

// operation goes through the entries of an operation on the victim; the mean of its request, claim and verdict.
func (w *world) operation() (float64, error) {
	id := fence.NodeID(w.n)
	node := w.s.Node(id)
	asked, err := w.wire(1, domain.Entry{Request: &domain.Request{ID: "r", Node: id, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: clusterName}})
	if err != nil {
		return 0, err
	}
	claimed, err := w.wire(1, domain.Entry{Claim: &domain.ClaimEntry{Node: id, Boot: node.Victim.Boot, Number: node.NextClaim, DurationMS: 10_000}})
	if err != nil {
		return 0, err
	}
	c, device := node.Victim.Claim, fmt.Sprintf("bmc-%05d", w.n)
	read := func(at int64) fence.Read {
		return fence.Read{State: fence.PowerOff, Identity: fence.Identity{UUIDs: []string{machine(w.n).UUID}}, StartedMS: at, FinishedMS: at + 10}
	}
	proven, err := w.wire(1, domain.Entry{Verdict: &domain.Proof{Node: id, Boot: node.Victim.Boot, Quiet: true, Evidence: fence.Evidence{
		Kind: fence.EvidencePowerOff, Claim: c.Number, ReadIndex: c.Index,
		Devices: []fence.DeviceEvidence{{Device: device, Mapping: "map-" + device, Before: fence.PowerOn, CommandedMS: 10, First: read(20), Final: read(200)}},
	}}})
	if err != nil {
		return 0, err
	}
	return (asked + claimed + proven) / 3, nil
}

func us(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }

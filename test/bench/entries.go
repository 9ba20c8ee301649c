package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// kinds are the kinds of entry that are frequent in a cluster: what its members say of themselves, of their devices and of their states, and all entries of an
// operation whose first walk fails.
var kinds = []string{"announce", "stateful", "health", "compare", "request", "claim", "claim-end", "claim-again", "verdict", "claim-on", "power-on"}

// wire encodes an entry, and takes the time of decoding and applying it.
func (w *world) wire(kind string, by int, e domain.Entry) error {
	b, err := domain.Encode(e)
	if err != nil {
		return err
	}
	began := time.Now()
	if e, err = domain.Decode(b); err != nil {
		return err
	}
	if _, err = w.apply(by, e); err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	w.took[kind] = us(time.Since(began))
	return nil
}

// probed is what a probe of a node's device found.
func (w *world) probed(id int, class string) domain.Entry {
	name := device(id)
	return domain.Entry{Health: &domain.HealthEntry{Login: "login", Health: domain.DeviceHealth{Device: name, Mapping: "map-" + name, Class: class, Named: class == domain.Healthy}}}
}

// hashed is a word of the comparison that is open.
func (w *world) hashed() domain.Entry {
	return domain.Entry{Compare: &domain.Compare{At: w.s.Comparison.Index, Hash: strings.Repeat("0", 16)}}
}

func device(id int) string { return fmt.Sprintf("bmc-%05d", id) }

// live is what members say while nothing happens: the last node announces itself again and will use what is shared, a device does not answer, and one in the middle
// of the list tells its hash.
func (w *world) live() error {
	middle := w.n/2 | 1
	announce := &domain.Announce{
		Clean: true, Machine: machine(w.n), Since: w.s.Node(fence.NodeID(w.n)).Arrived, Roster: w.s.RosterHash, Feature: domain.FeatureLevel,
	}
	for _, c := range []struct {
		kind string
		by   int
		e    domain.Entry
	}{
		{"announce", w.n, domain.Entry{Announce: announce}},
		{"stateful", w.n, domain.Entry{Stateful: &domain.Stateful{On: true}}},
		{"health", 1, w.probed(middle, "timeout")},
		{"compare", middle, w.hashed()},
	} {
		if err := w.wire(c.kind, c.by, c.e); err != nil {
			return err
		}
	}
	return nil
}

// operation goes through all entries of an operation on the victim: asked for, tried in vain by one, done by another, and powered on again.
func (w *world) operation() error {
	id := fence.NodeID(w.n)
	node, name := w.s.Node(id), device(w.n)
	life := node.Victim.Boot
	off := []domain.Attempt{{Device: name, Action: "off", Result: "ok", Class: domain.Healthy, MS: 10, Login: "login"}}
	if err := w.wire("request", 1, domain.Entry{Request: &domain.Request{ID: "r", Node: id, Action: fence.ActionReboot, Cause: fence.CauseOperator, By: clusterName}}); err != nil {
		return err
	}
	claim := func(on bool) domain.Entry {
		return domain.Entry{Claim: &domain.ClaimEntry{Node: id, Boot: life, Number: node.NextClaim, DurationMS: 10_000, On: on}}
	}
	if err := w.wire("claim", 1, claim(false)); err != nil {
		return err
	}
	late := []domain.Attempt{{Device: name, Action: "off", Result: "timeout", Class: "timeout", MS: 4000, Login: "login"}}
	if err := w.wire("claim-end", 1, domain.Entry{ClaimEnd: &domain.ClaimEnd{Node: id, Number: node.Victim.Claim.Number, Quiet: true, Attempts: late, Switched: []int{0}}}); err != nil {
		return err
	}
	if err := w.wire("claim-again", 2, claim(false)); err != nil {
		return err
	}
	c := node.Victim.Claim
	read := func(at int64) fence.Read {
		return fence.Read{State: fence.PowerOff, Identity: fence.Identity{UUIDs: []string{machine(w.n).UUID}}, StartedMS: at, FinishedMS: at + 10}
	}
	if err := w.wire("verdict", 2, domain.Entry{Verdict: &domain.Proof{Node: id, Boot: life, Quiet: true, Attempts: off, Switched: []int{0}, Evidence: fence.Evidence{
		Kind: fence.EvidencePowerOff, Claim: c.Number, ReadIndex: c.Index,
		Devices: []fence.DeviceEvidence{{Device: name, Mapping: "map-" + name, Before: fence.PowerOn, CommandedMS: 10, First: read(20), Final: read(200)}},
	}}}); err != nil {
		return err
	}
	if err := w.wire("claim-on", 1, claim(true)); err != nil {
		return err
	}
	return w.wire("power-on", 1, domain.Entry{PowerOn: &domain.PowerDone{Node: id, Number: node.PowerOn.Claim.Number, OK: true, Quiet: true, Attempts: off}})
}

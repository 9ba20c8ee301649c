package playground

import (
	"fmt"
	"time"

	"github.com/fenced-project/fenced/client"
)

// Event is one event of one node's stream, as it was received.
type Event struct {
	client.Event
	// Since is when this process received it, on its monotonic clock, since the cluster was begun. Wall times order nothing.
	Since time.Duration
	// From is the node whose stream it is (from 1).
	From int
}

// Milestone is one step of the life of a fence as a survivor's event stream shows it.
type Milestone string

// The milestones of one fence, in the order in which they come (DESIGN.md, the life of a fence).
const (
	Detection Milestone = "detection" // the life is a victim
	Claim     Milestone = "claim"
	PowerOff  Milestone = "power-off" // a device was asked for off and accepted
	ReadBack  Milestone = "read-back" // evidence: read off, twice
	Verdict   Milestone = "verdict"
	Release   Milestone = "release"
	PowerOn   Milestone = "power-on"
	Rejoin    Milestone = "clean rejoin" // the next life is clean
)

// Milestones are all of them in order.
var Milestones = []Milestone{Detection, Claim, PowerOff, ReadBack, Verdict, Release, PowerOn, Rejoin}

// mustPrecede are the pairs whose order safety depends on (V1, V5, V11). Between release and power-on there is none, and the machine may be
// clean before the actor has read its power as on.
var mustPrecede = [][2]Milestone{
	{Detection, Claim}, {Claim, PowerOff}, {PowerOff, ReadBack}, {ReadBack, Verdict}, {Verdict, Release}, {Verdict, PowerOn}, {Verdict, Rejoin},
}

// milestonesOf says which milestones of the fence of one life an event shows. Attempts are told by the actor while they happen, and again
// by the others with the verdict: only the actor's own count here.
func milestonesOf(e Event, victim, life string) []Milestone {
	if e.Node != victim {
		return nil
	}
	kind := e.Event.Event
	if kind == client.EventClean && e.Incarnation != "" && e.Incarnation != life {
		return []Milestone{Rejoin}
	}
	if e.Incarnation != life {
		return nil
	}
	switch kind {
	case client.EventVictim:
		return []Milestone{Detection}
	case client.EventClaim:
		if e.Action != client.ActionOn { // the obligation to power on has a claim of its own (R9)
			return []Milestone{Claim}
		}
	case client.EventAttempt:
		own := (e.Actor == "" || e.Actor == e.By) && !e.Local // forced power has no claim (R31)
		if own && e.Action == client.ActionOff && e.Class == client.ClassOK && e.Result == powerOff {
			return []Milestone{PowerOff, ReadBack} // an attempt is ok when what was asked for is read back
		}
	case client.EventEvidence:
		return []Milestone{ReadBack}
	case client.EventVerdict:
		return []Milestone{Verdict}
	case client.EventRelease:
		return []Milestone{Release}
	case client.EventPowerOn:
		if e.Result == powerOn {
			return []Milestone{PowerOn}
		}
	}
	return nil
}

// What an attempt and a power-on read last.
const (
	powerOn  = "on"
	powerOff = "off"
)

// Sightings are the first events of one stream that show each milestone.
type Sightings struct {
	Life  string // the life that was fenced
	First map[Milestone]Event
	place map[Milestone]int // position in the stream: the order that counts
}

// Sight finds the milestones of the fence of one life of victim in one node's stream.
func Sight(stream []Event, victim, life string) Sightings {
	s := Sightings{Life: life, First: map[Milestone]Event{}, place: map[Milestone]int{}}
	for i, e := range stream {
		for _, m := range milestonesOf(e, victim, life) {
			if _, had := s.First[m]; !had {
				s.First[m], s.place[m] = e, i
			}
		}
	}
	return s
}

// Missing lists which of the milestones were not seen, in order.
func (s Sightings) Missing() []Milestone {
	var out []Milestone
	for _, m := range Milestones {
		if _, ok := s.First[m]; !ok {
			out = append(out, m)
		}
	}
	return out
}

// Disorder names every pair of milestones that came in an order that safety forbids.
func (s Sightings) Disorder(from string) []string {
	var out []string
	for _, pair := range mustPrecede {
		a, okA := s.place[pair[0]]
		b, okB := s.place[pair[1]]
		if okA && okB && b < a {
			out = append(out, fmt.Sprintf("%s saw %s (seq %d) before %s (seq %d)", from, pair[1], s.First[pair[1]].Seq, pair[0], s.First[pair[0]].Seq))
		}
	}
	return out
}

// EarlyReleases finds every release in one node's stream for which the stream shows no verdict on the same life before: this must never
// be (V1). A stream begins with its daemon, so every life that is released in it got its verdict in it.
func EarlyReleases(from string, stream []Event) []string {
	type life struct{ node, boot string }
	verdicts := map[life]bool{}
	var out []string
	for _, e := range stream {
		switch e.Event.Event {
		case client.EventVerdict:
			verdicts[life{e.Node, e.Incarnation}] = true
		case client.EventRelease:
			if !verdicts[life{e.Node, e.Incarnation}] {
				out = append(out, fmt.Sprintf("%s released %s/%s (seq %d) before any verdict on it", from, e.Node, e.Incarnation, e.Seq))
			}
		}
	}
	return out
}

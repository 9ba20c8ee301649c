package domain

import (
	"errors"
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// FeatureLocal is the feature level from which local forced power may be told (R11).
const FeatureLocal = 2

// LocalPower tells the domain of forced power that a node commanded by itself, without claim and quorum (R31). It is no verdict and releases
// nobody. What it may still do is waited for like what an earlier claim may do: admission, cancellation and power-on (R9). It is told by the
// very node that did it, whatever that node is otherwise: this is bad news, and bad news is not refused (V12).
// Kept for R31: R31-forced-power.txt, I1.
type LocalPower struct {
	// ID is the same however often it is told.
	ID     string       `json:"id"`
	Node   fence.NodeID `json:"node"`
	Boot   string       `json:"boot,omitempty"` // the life that was known to who did it, "" for none
	Action fence.Action `json:"action"`         // off, or reboot: then a power-on may be in flight too
	By     string       `json:"by"`
	Reason string       `json:"reason"`
	// DurationMS is how long from now requests may still be on their way, EffectMS how long after that they may take effect.
	DurationMS int64 `json:"duration_ms"`
	EffectMS   int64 `json:"effect_ms"`
	// Quiet: all of that is over already.
	Quiet    bool      `json:"quiet,omitempty"`
	Text     string    `json:"text,omitempty"`
	Attempts []Attempt `json:"attempts,omitempty"`
}

// ByItself is in whose name one of two nodes switches off the other (ADR 0083), and nobody else's.
const ByItself = "fenced"

// maxLocal bounds what local power adds to Node.Unquiet beyond what claims may.
const maxLocal = 64

func (t *turn) local(e LocalPower) error {
	if t.s.Feature < FeatureLocal {
		return fmt.Errorf("local power needs feature level %d, the committed one is %d (R11)", FeatureLocal, t.s.Feature)
	}
	if err := t.quorate(); err != nil {
		return err
	}
	if _, err := t.present(); err != nil {
		return err
	}
	n, err := t.node(e.Node)
	if err != nil {
		return err
	}
	switch {
	case e.ID == "" || e.By == "" || e.Reason == "":
		return errors.New("local power needs an id, a name and a reason (R31)")
	case e.Node == t.by.Node:
		return errors.New("nobody fences itself remotely (V7)")
	case e.Action != fence.ActionOff && e.Action != fence.ActionReboot:
		return fmt.Errorf("local power cannot be %q", e.Action)
	case e.DurationMS < 0 || e.DurationMS > maxClaimMS || e.EffectMS < 0 || e.EffectMS > maxClaimMS:
		return fmt.Errorf("durations of %d ms and %d ms are out of bounds", e.DurationMS, e.EffectMS)
	case len(n.Unquiet) >= maxUnquiet+maxLocal:
		return fmt.Errorf("%d claims may still have something in flight (R9)", len(n.Unquiet))
	}
	if err := checkTexts(e.ID, e.Boot, e.By, e.Reason); err != nil {
		return err
	}
	if err := checkAttempts(e.Attempts, e.Text); err != nil {
		return err
	}
	if slices.ContainsFunc(n.Unquiet, func(c Claim) bool { return c.Local == e.ID }) {
		return nil // told again because the first word's fate was unknown: it is waited for already
	}
	t.switched(n, t.s.powering(n.ID)) // it may have commanded devices of any of them, whatever else proves that machine off (R9)
	number := n.NextClaim
	if !e.Quiet {
		n.NextClaim++
		n.Unquiet = append(n.Unquiet, Claim{
			Number: number, Boot: e.Boot, Actor: t.by, Index: t.index, On: e.Action == fence.ActionReboot, DurationMS: e.DurationMS, EffectMS: e.EffectMS, Local: e.ID,
		})
	}
	t.emit(Event{
		Kind: EventLocal, Node: n.ID, Life: fence.Incarnation{Node: n.ID, Boot: e.Boot}, Actor: t.by.Node, By: e.By, Reason: e.Reason, Action: e.Action,
		Request: e.ID, Attempts: e.Attempts, Text: e.By + ": " + e.Reason,
	})
	return nil
}

package operation

import (
	"errors"
	"slices"
	"strings"

	"github.com/fenced-project/fenced/fence"
)

// hopeless says why a level can never prove anything, whatever its devices answer; then none of them is touched. It asks
// fence.Admissible about the best evidence that the level could give, so that every demand that does not depend on a device is met first.
func (o *Operation) hopeless(st stage) error {
	if o.spec.on() {
		for _, p := range st.places {
			if _, ok := o.spec.device(p.Device); !ok {
				return errors.New("the roster has no device " + p.Device)
			}
		}
		return nil
	}
	j := o.spec.Judge
	if o.spec.Victim.Cause == fence.CauseOperator {
		// An operator may switch what was never proven; the verdict still needs the proof.
		j.Proven = slices.Clone(j.Proven)
		j.Proven = append(j.Proven, o.spec.Judge.Levels[st.level].Proofs(j.Devices)...)
	}
	e := fence.Evidence{Kind: o.gives(st.level), Claim: o.spec.Claim, ReadIndex: o.spec.ReadIndex, Level: st.level}
	if st.waits {
		e.WaitedMS = fence.AssumeDeadAfterMS(j.Watchdog)
	}
	for _, p := range st.places {
		d, _ := o.spec.device(p.Device)
		e.Devices = append(e.Devices, ideal(p.Step, d, o.spec.bestIdentity(p, j)))
	}
	return shorter(fence.Admissible(o.spec.Victim, e, j))
}

// notVictims says why the machine that a device identified is not the victim's, or nothing (R16 a): it asks fence.Admissible about
// evidence that is ideal but for this identity.
func (o *Operation) notVictims(d *device, id fence.Identity) error {
	v, j := o.spec.Victim, o.spec.Judge
	// Only the identity is asked about: claim and index were judged when the level began, and power-on has a claim of its own.
	v.Index, j.Claim = 1, 1
	dev := d.Device
	dev.Kind = fence.KindPower
	proven := o.spec.proven(d.place, j)
	if d.Kind == fence.KindStorage { // what it covers was judged when the level began
		proven = o.spec.declared(d.place)
	}
	j.Devices = []fence.Device{dev}
	j.Levels = []fence.Level{{Steps: []fence.Step{{Device: d.Name, Target: d.Target}}}}
	if j.Proven = nil; proven { // as one of its level's; here it stands alone
		j.Proven = j.Levels[0].Proofs(j.Devices)
	}
	e := fence.Evidence{Kind: fence.EvidencePowerOff, Claim: 1, ReadIndex: 1}
	e.Devices = []fence.DeviceEvidence{ideal(j.Levels[0].Steps[0], dev, id)}
	return shorter(fence.Admissible(v, e, j))
}

// proven reports whether a drill has proven a device as one of its level's.
func (s Spec) proven(p place, j fence.Judge) bool {
	return p.level < len(s.Judge.Levels) && slices.Contains(j.Proven, s.Judge.Levels[p.level].Proof(p.Step, s.Judge.Devices))
}

// declared reports whether an operator has declared whose ways a storage device closes (R16 a, 0078).
func (s Spec) declared(p place) bool {
	d, _ := s.device(p.Device)
	return d.Kind == fence.KindStorage && d.Accepted
}

// bestIdentity is the identity with which a device could be admissible at best.
func (s Spec) bestIdentity(p place, j fence.Judge) fence.Identity {
	switch m := s.Victim.Machine; {
	case s.proven(p, j), s.declared(p):
		return fence.Identity{}
	case m.Known():
		return fence.Identity{UUIDs: []string{m.UUID}, Serial: m.Serial}
	case m.Serial != "":
		return fence.Identity{Serial: m.Serial}
	}
	return fence.Identity{Serial: "any"} // refused with the reason that nothing can be matched
}

// ideal is evidence of a device that did everything right in time.
func ideal(s fence.Step, d fence.Device, id fence.Identity) fence.DeviceEvidence {
	const commanded = 1
	first := fence.Read{State: fence.PowerOff, Identity: id, StartedMS: commanded, FinishedMS: commanded}
	final := first
	// Devices of one level settle and hold up differently: far enough away for any of them.
	final.StartedMS = commanded + farMS
	final.FinishedMS = final.StartedMS
	return fence.DeviceEvidence{Device: s.Device, Target: s.Target, Mapping: d.Mapping, Before: fence.PowerOn, CommandedMS: commanded, First: first, Final: final}
}

// farMS is longer than any settling or hold-up time can be set to.
const farMS = int64(1) << 50

// shorter drops the sentinel's text: the walk's own texts say already that something was refused.
func shorter(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(strings.TrimPrefix(err.Error(), fence.ErrNotAdmissible.Error()+": "))
}

package fence_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/fenced-project/fenced/fence"
)

// drawProof makes a level of up to three devices and evidence near the edge of being admissible: about half of the draws are.
func drawProof(t *rapid.T) proof {
	ms := func(lo, hi int64, name string) int64 { return rapid.Int64Range(lo, hi).Draw(t, name) }
	// rarely draws true once in n.
	rarely := func(n int64, name string) bool { return ms(1, n, name) == n }
	state := func(name string) fence.PowerState {
		if rarely(30, name) {
			return rapid.SampledFrom([]fence.PowerState{fence.PowerOn, fence.PowerUnknown, ""}).Draw(t, name)
		}
		return fence.PowerOff
	}
	id := func(name string) fence.Identity {
		if rarely(20, name) {
			return rapid.SampledFrom([]fence.Identity{{}, identity(uuidO), {Serial: "SN-1"}}).Draw(t, name)
		}
		return identity(uuidV)
	}
	p := powerProof()
	p.v.Index, p.e.ReadIndex = 3, 3
	if rarely(20, "index") {
		p.v.Index, p.e.ReadIndex = uint64(ms(0, 4, "index")), uint64(ms(0, 4, "readIndex"))
	}
	p.e.Devices, p.j.Devices, p.j.Levels[0].Steps = nil, nil, nil
	for _, name := range []string{"a", "b", "c"}[:ms(0, 3, "devices")] {
		d := fence.Device{Name: name, Kind: fence.KindPower, Mapping: "map-" + name, SettleMS: ms(1, 3, "settle"), HoldUpMS: ms(0, 3, "holdUp")}
		p.j.Devices = append(p.j.Devices, d)
		p.j.Levels[0].Steps = append(p.j.Levels[0].Steps, fence.Step{Device: name})
		c := ms(1, 3, "commanded")
		if rarely(20, "uncommanded") {
			c = 0
		}
		f1 := c + ms(0, 2, "first")
		if rarely(20, "early") {
			f1--
		}
		f2 := ms(6, 14, "final")
		p.e.Devices = append(p.e.Devices, fence.DeviceEvidence{
			Device: name, Mapping: d.Mapping, CommandedMS: c,
			First: read(state("s1"), id("i1"), f1, f1+ms(0, 1, "d1")),
			Final: read(state("s2"), id("i2"), f2, f2+ms(0, 1, "d2")),
		})
	}
	p.j.Proven = []string{"another"}
	if rapid.Bool().Draw(t, "proven") {
		p.j.Proven = append(p.j.Proven, p.j.Levels[0].Proofs(p.j.Devices)...)
	}
	return p
}

// demands is R16 and R17 written a second time, in the words of SAFETY.md, as one conjunction.
func demands(p proof) bool {
	ok := p.v.Index > 0 && p.e.ReadIndex >= p.v.Index && p.e.Claim == p.j.Claim && len(p.e.Devices) > 0
	for i, x := range p.e.Devices {
		d := p.j.Devices[i]
		ok = ok && x.CommandedMS > 0 && x.First.StartedMS >= x.CommandedMS
		for _, r := range []fence.Read{x.First, x.Final} {
			named := slices.Equal(r.Identity.UUIDs, []string{uuidV})
			nameless := r.Identity.Serial == "" && len(r.Identity.UUIDs) == 0 && len(p.j.Proven) > 1
			ok = ok && r.State == fence.PowerOff && r.FinishedMS >= r.StartedMS && (named || nameless)
		}
		ok = ok && x.First.Identity.Empty() == x.Final.Identity.Empty()
		ok = ok && x.Final.StartedMS >= x.First.FinishedMS+d.SettleMS
		for k, y := range p.e.Devices {
			for _, z := range p.j.Devices {
				ok = ok && x.Final.StartedMS >= y.First.FinishedMS+z.HoldUpMS
			}
			ok = ok && x.Final.StartedMS >= p.e.Devices[k].First.FinishedMS
		}
	}
	return ok
}

// Admissible says exactly what R16 and R17 say.
func TestAdmissibleIsTheRules(t *testing.T) {
	yes, no := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		p := drawProof(t)
		err := fence.Admissible(p.v, p.e, p.j)
		if want := demands(p); (err == nil) != want {
			t.Fatalf("Admissible says %v, the rules say %v", err, want)
		}
		if err == nil {
			yes++
		} else {
			no++
		}
	})
	t.Logf("%d admissible, %d not", yes, no)
	if no == 0 || yes == 0 {
		t.Errorf("%d admissible, %d not: the draw tests nothing", yes, no)
	}
}

// Whatever is admissible stays so for every member: nothing depends on the order of devices, proofs or others.
func TestAdmissibleIgnoresOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawProof(t)
		before := fence.Admissible(p.v, p.e, p.j)
		p.e.Devices = rapid.Permutation(p.e.Devices).Draw(t, "evidence")
		p.j.Devices = rapid.Permutation(p.j.Devices).Draw(t, "roster")
		p.j.Proven = rapid.Permutation(p.j.Proven).Draw(t, "proven")
		if after := fence.Admissible(p.v, p.e, p.j); (before == nil) != (after == nil) {
			t.Fatalf("before %v, after %v", before, after)
		}
	})
}

// Spoiling one demand of admissible evidence always refuses it.
func TestAdmissibleNeedsEveryDemand(t *testing.T) {
	spoil := map[string]func(d *fence.DeviceEvidence){
		"first on":        func(d *fence.DeviceEvidence) { d.First.State = fence.PowerOn },
		"first unknown":   func(d *fence.DeviceEvidence) { d.First.State = fence.PowerUnknown },
		"final on":        func(d *fence.DeviceEvidence) { d.Final.State = fence.PowerOn },
		"final unknown":   func(d *fence.DeviceEvidence) { d.Final.State = "" },
		"not commanded":   func(d *fence.DeviceEvidence) { d.CommandedMS = 0 },
		"commanded later": func(d *fence.DeviceEvidence) { d.CommandedMS = d.First.StartedMS + 1 },
		"one read twice":  func(d *fence.DeviceEvidence) { d.Final = d.First },
		"other mapping":   func(d *fence.DeviceEvidence) { d.Mapping = "x" },
		"wrong first":     func(d *fence.DeviceEvidence) { d.First.Identity = identity(uuidO) },
		"wrong final":     func(d *fence.DeviceEvidence) { d.Final.Identity = identity(uuidO) },
	}
	for name, f := range spoil {
		for i := range 2 {
			p := powerProof()
			f(&p.e.Devices[i])
			if fence.Admissible(p.v, p.e, p.j) == nil {
				t.Errorf("%s at device %d: admissible", name, i)
			}
		}
	}
}

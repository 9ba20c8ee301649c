package fence_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/fenced-project/fenced/fence"
)

// cutLevel is a node with two paths, by two switches, to one array, and a second array behind the first switch only.
func cutLevel() proof {
	none := fence.Identity{}
	p := powerProof()
	evidence := func(device, target, mapping string) fence.DeviceEvidence {
		return fence.DeviceEvidence{
			Device: device, Target: target, Mapping: mapping, Before: fence.PowerOn, CommandedMS: 1000,
			First: read(fence.PowerOff, none, 1000, 1010), Final: read(fence.PowerOff, none, 3000, 3010),
		}
	}
	p.e = fence.Evidence{Kind: fence.EvidenceStorageCut, Claim: 7, ReadIndex: 10, Devices: []fence.DeviceEvidence{evidence("fc-a", "4", "m3"), evidence("fc-b", "9", "m4")}}
	p.j.Levels = []fence.Level{{Steps: []fence.Step{{Device: "fc-a", Target: "4"}, {Device: "fc-b", Target: "9"}}}}
	p.j.Devices = []fence.Device{
		{Name: "fc-a", Kind: fence.KindStorage, Mapping: "m3", SettleMS: 1000, Accepted: true},
		{Name: "fc-b", Kind: fence.KindStorage, Mapping: "m4", SettleMS: 1000, Accepted: true},
		{Name: "bmc", Kind: fence.KindPower, Mapping: "m1", SettleMS: 100},
	}
	p.j.Proven, p.j.Home, p.j.Cuts = nil, p.v.Machine, true
	p.j.Shared = []fence.Shared{{Name: "san-1", CutBy: [][]string{{"fc-a", "fc-b"}, {"pr"}}}, {Name: "san-2", CutBy: [][]string{{"fc-a"}}}}
	p.j.Announced, p.j.Uses = []string{"san-1"}, []string{"san-1"}
	return p
}

// R18: a cut releases only a life that said what it uses, and only if all of that is cut off.
func TestCutCoversWhatWasAnnounced(t *testing.T) {
	check(t, cutLevel, []row{
		{"whole", nil, ""},
		{"two arrays, one level", func(p *proof) { p.j.Announced = []string{"san-1", "san-2"} }, ""},
		{"nothing announced", func(p *proof) { p.j.Announced = nil }, "announced no shared device"},
		{"announced more than the roster says", func(p *proof) { p.j.Announced = []string{"san-1", "san-3"} }, "from san-3: nothing in the roster says what cuts it"},
		{"the roster says more than was announced", func(p *proof) { p.j.Uses = []string{"san-1", "san-3"} }, "from san-3"},
		{"one of two paths", func(p *proof) {
			p.e.Devices = p.e.Devices[:1]
			p.j.Levels = append([]fence.Level{{Steps: p.j.Levels[0].Steps[:1]}}, p.j.Levels...)
		}, "it lacks fc-b[9], or pr"},
		{"the other path is in no level at all", func(p *proof) {
			p.e.Devices, p.j.Levels[0].Steps = p.e.Devices[:1], p.j.Levels[0].Steps[:1]
		}, "it lacks fc-b"},
		{"a second port at the same switch", func(p *proof) {
			p.j.Levels = append(p.j.Levels, fence.Level{Steps: []fence.Step{{Device: "fc-a", Target: "5"}}})
		}, "it lacks fc-a[5]"},
		{"cut by nothing", func(p *proof) { p.j.Shared[0].CutBy = [][]string{{}} }, "from san-1"},
		{"cut already", func(p *proof) { p.j.IsCut = true }, "is cut already"},
		{"another life of the node is cut", func(p *proof) { p.j.CutLife = fence.Incarnation{Node: 3, Boot: "earlier"} }, "would forget it"},
		{"older builds", func(p *proof) { p.j.Cuts = false }, "(R11, R18)"},
		{"nobody has seen it", func(p *proof) { p.v.Incarnation = fence.UnknownLife(3, 1) }, "nobody has seen"},
		{"it runs elsewhere", func(p *proof) { p.v.Machine = fence.Machine{UUID: uuidO} }, "not known to be the one"},
		{"its machine is not known", func(p *proof) { p.v.Machine, p.j.Home = fence.Machine{}, fence.Machine{} }, "not known to be the one"},
	})
}

// R16, R17: what a cut is read by is read like power, and a power step beside it makes nothing of either.
func TestCutIsReadLikePower(t *testing.T) {
	check(t, cutLevel, []row{
		{"mapping not declared", func(p *proof) { p.j.Devices[1].Accepted = false }, "accept_mapping"},
		{"proven by a drill is not enough", func(p *proof) {
			p.j.Devices[1].Accepted, p.j.Proven = false, p.j.Levels[0].Proofs(p.j.Devices)
		}, "accept_mapping"},
		{"another machine's identity", func(p *proof) {
			p.e.Devices[0].First.Identity, p.e.Devices[0].Final.Identity = identity(uuidO), identity(uuidO)
		}, "another node's machine"},
		{"not commanded", func(p *proof) { p.e.Devices[0].CommandedMS = 0 }, "not commanded"},
		{"open at the end", func(p *proof) { p.e.Devices[0].Final.State = fence.PowerOn }, "read off, then on"},
		{"not settled", func(p *proof) { p.e.Devices[0].Final.StartedMS = 2000 }, "apart"},
		{"calls itself off", func(p *proof) { p.e.Kind = fence.EvidencePowerOff }, "can give only"},
		{"another mapping", func(p *proof) { p.e.Devices[0].Mapping = "m9" }, "(V6)"},
		{"delay beside it", func(p *proof) { p.j.Devices[1].Kind = fence.KindDelay }, "together they prove neither"},
		{"power beside it", func(p *proof) { p.j.Levels[0].Steps = append(p.j.Levels[0].Steps, fence.Step{Device: "bmc"}) }, "together they prove neither"},
		{"a watchdog beside it", func(p *proof) {
			p.j.Levels[0].Steps = append(p.j.Levels[0].Steps, fence.Step{Wait: fence.WaitWatchdog})
		}, "together they prove neither"},
	})
	p := powerProof()
	p.e.Kind = fence.EvidenceStorageCut
	judge(t, p, "can give only")
}

// No cut is admissible that leaves a path open: with one proof fewer, one device more that is needed, or one name more.
func TestCutNeverLeavesAWayOpen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := cutLevel()
		names := []string{"fc-a", "fc-b", "fc-c"}
		p.j.Levels, p.e.Devices, p.j.Devices = []fence.Level{{}}, nil, nil
		closed := map[string]bool{}
		for _, n := range names {
			p.j.Devices = append(p.j.Devices, fence.Device{Name: n, Kind: fence.KindStorage, Mapping: n, SettleMS: 1, Accepted: true})
			if closed[n] = rapid.Bool().Draw(t, n); closed[n] {
				p.j.Levels[0].Steps = append(p.j.Levels[0].Steps, fence.Step{Device: n})
				p.e.Devices = append(p.e.Devices, fence.DeviceEvidence{Device: n, Mapping: n, CommandedMS: 1, First: read(fence.PowerOff, fence.Identity{}, 1, 1), Final: read(fence.PowerOff, fence.Identity{}, 9, 9)})
			}
		}
		p.j.Shared, p.j.Announced, p.j.Uses = nil, nil, nil
		want := true
		for _, n := range []string{"x", "y"}[:rapid.IntRange(0, 2).Draw(t, "shared")] {
			s, cut := fence.Shared{Name: n}, false
			for range rapid.IntRange(0, 2).Draw(t, "ways") {
				way := rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 3, rapid.ID[string]).Draw(t, "way")
				all := len(way) > 0
				for _, d := range way {
					all = all && closed[d]
				}
				s.CutBy, cut = append(s.CutBy, way), cut || all
			}
			p.j.Shared, p.j.Announced, want = append(p.j.Shared, s), append(p.j.Announced, n), want && cut
		}
		want = want && len(p.j.Announced) > 0 && len(p.e.Devices) > 0
		if err := fence.Admissible(p.v, p.e, p.j); (err == nil) != want {
			t.Fatalf("Admissible says %v, want %v: closed %v, shared %v", err, want, closed, p.j.Shared)
		}
	})
}

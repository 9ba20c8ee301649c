package fence_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

const (
	uuidV = "4c4c4544-0042-3510-8052-b4c04f564831" // the victim's machine
	uuidO = "4c4c4544-0042-3510-8052-b4c04f564832" // another node's
)

// proof is a whole, admissible case that each row of a table spoils in one place.
type proof struct {
	v fence.Victim
	e fence.Evidence
	j fence.Judge
}

func identity(u string) fence.Identity { return fence.Identity{UUIDs: []string{u}} }

func read(s fence.PowerState, id fence.Identity, from, to int64) fence.Read {
	return fence.Read{State: s, Identity: id, StartedMS: from, FinishedMS: to}
}

// powerProof is a level of two devices: a BMC that identifies itself and an outlet with a proven mapping.
func powerProof() proof {
	none := fence.Identity{}
	p := proof{
		v: fence.Victim{Incarnation: fence.Incarnation{Node: 3, Boot: "b"}, Machine: fence.Machine{UUID: uuidV}, Cause: fence.CauseFailed, Index: 10},
		e: fence.Evidence{Kind: fence.EvidencePowerOff, Claim: 7, ReadIndex: 10, Devices: []fence.DeviceEvidence{
			{
				Device: "bmc", Mapping: "m1", Before: fence.PowerOn, CommandedMS: 1000,
				First: read(fence.PowerOff, identity(uuidV), 1000, 1010), Final: read(fence.PowerOff, identity(uuidV), 6220, 6230),
			},
			{
				Device: "pdu", Target: "4", Mapping: "m2", Before: fence.PowerOn, CommandedMS: 1200,
				First: read(fence.PowerOff, none, 1210, 1220), Final: read(fence.PowerOff, none, 6220, 6225),
			},
		}},
		j: fence.Judge{
			Claim:  7,
			Levels: []fence.Level{{Steps: []fence.Step{{Device: "bmc"}, {Device: "pdu", Target: "4"}}}},
			Devices: []fence.Device{
				{Name: "bmc", Kind: fence.KindPower, Mapping: "m1", SettleMS: 100},
				{Name: "pdu", Kind: fence.KindPower, Mapping: "m2", SettleMS: 1000, HoldUpMS: 5000},
			},
			Others: []fence.Machine{{UUID: uuidO}},
		},
	}
	p.j.Proven = []string{p.j.Levels[0].Proof(p.j.Levels[0].Steps[1], p.j.Devices)}
	return p
}

func watchdogProof() proof {
	p := powerProof()
	p.j.Levels = []fence.Level{{Steps: []fence.Step{{Wait: fence.WaitWatchdog}}}}
	p.j.Watchdog = fence.Watchdog{Kind: "iTCO_wdt", Open: true, LeaseMS: 5000, HardwareMS: 10_000}
	p.e = fence.Evidence{Kind: fence.EvidenceWatchdog, Claim: 7, ReadIndex: 10, WaitedMS: fence.AssumeDeadAfterMS(p.j.Watchdog)}
	return p
}

func judge(t *testing.T, p proof, want string) {
	t.Helper()
	err := fence.Admissible(p.v, p.e, p.j)
	if want == "" {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	if !errors.Is(err, fence.ErrNotAdmissible) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want a refusal that says %q", err, want)
	}
}

type row struct {
	name  string
	spoil func(*proof)
	want  string // what the refusal says; empty: admissible
}

func check(t *testing.T, base func() proof, rows []row) {
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			p := base()
			if r.spoil != nil {
				r.spoil(&p)
			}
			judge(t, p, r.want)
		})
	}
}

// R7, R16 c, V1: the claim and the index.
func TestAdmissibleClaimAndIndex(t *testing.T) {
	check(t, powerProof, []row{
		{"whole", nil, ""},
		{"earlier claim", func(p *proof) { p.e.Claim = 6 }, "claim 6"},
		{"later claim", func(p *proof) { p.e.Claim = 8 }, "claim 8"},
		{"no claim at all", func(p *proof) { p.e.Claim, p.j.Claim = 0, 0 }, "(R7)"},
		{"read one entry too early", func(p *proof) { p.e.ReadIndex = 9 }, "before the victim was named"},
		{"read one entry later", func(p *proof) { p.e.ReadIndex = 11 }, ""},
		{"victim never named", func(p *proof) { p.v.Index, p.e.ReadIndex = 0, 0 }, "before the victim was named"},
	})
}

func TestAdmissibleLevel(t *testing.T) {
	check(t, powerProof, []row{
		{"level below", func(p *proof) { p.e.Level = -1 }, "level 0 does not exist"},
		{"level above", func(p *proof) { p.e.Level = 1 }, "level 2 does not exist"},
		{"no levels", func(p *proof) { p.j.Levels = nil }, "does not exist"},
		{"no steps", func(p *proof) { p.j.Levels[0].Steps, p.e.Devices = nil, nil }, "nothing proves nothing"},
		{"step of no kind", func(p *proof) { p.j.Levels[0].Steps = append(p.j.Levels[0].Steps, fence.Step{}) }, "no kind"},
		{"unknown wait", func(p *proof) { p.j.Levels[0].Steps = append(p.j.Levels[0].Steps, fence.Step{Wait: "a bit"}) }, "no kind"},
		{"R19 ask", func(p *proof) { p.j.Levels[0].Steps = append(p.j.Levels[0].Steps, fence.Step{Ask: fence.AskHuman}) }, "asks a human"},
		{"one device missing", func(p *proof) { p.e.Devices = p.e.Devices[:1] }, "was not read"},
		{"one device too many", func(p *proof) {
			p.e.Devices = append(p.e.Devices, fence.DeviceEvidence{Device: "other"})
		}, "has 2 devices, the evidence has 3"},
		{"one device twice, the other not", func(p *proof) { p.e.Devices[1] = p.e.Devices[0] }, "was not read"},
		{"other outlet", func(p *proof) { p.e.Devices[1].Target = "5" }, "was not read"},
		{"order does not matter", func(p *proof) { slices.Reverse(p.e.Devices) }, ""},
		{"wrong kind", func(p *proof) { p.e.Kind = fence.EvidenceWatchdog }, "can give only"},
		{"operator's kind", func(p *proof) { p.e.Kind = fence.EvidenceOperator }, "can give only"},
		{"boot's kind", func(p *proof) { p.e.Kind = fence.EvidenceBootChanged }, "can give only"},
	})
}

// R16 b, c: commanded, and read twice.
func TestAdmissibleReads(t *testing.T) {
	first := func(f func(*fence.DeviceEvidence)) func(*proof) { return func(p *proof) { f(&p.e.Devices[0]) } }
	second := func(f func(*fence.DeviceEvidence)) func(*proof) { return func(p *proof) { f(&p.e.Devices[1]) } }
	type ev = fence.DeviceEvidence
	check(t, powerProof, []row{
		{"roster lost the device", func(p *proof) { p.j.Devices = p.j.Devices[1:] }, "has no device"},
		{"R18 storage", func(p *proof) { p.j.Devices[0].Kind = fence.KindStorage }, "together they prove neither"},
		{"R18 delay", func(p *proof) { p.j.Devices[0].Kind = fence.KindDelay }, "does not end a life"},
		{"R18 no kind", func(p *proof) { p.j.Devices[0].Kind = "" }, "does not end a life"},
		{"V6 mapping changed", first(func(d *ev) { d.Mapping = "m0" }), "(V6)"},
		{"R16 b never commanded", first(func(d *ev) { d.CommandedMS = 0 }), "not commanded off"},
		{"R16 b off already, and commanded", first(func(d *ev) { d.Before = fence.PowerOff }), ""},
		{"R16 b read 1 ms before the command", first(func(d *ev) { d.First.StartedMS = 999 }), "before off was commanded"},
		{"first on", first(func(d *ev) { d.First.State = fence.PowerOn }), "read on, then off"},
		{"first unknown", first(func(d *ev) { d.First.State = fence.PowerUnknown }), "read unknown, then off"},
		{"first nothing", first(func(d *ev) { d.First.State = "" }), "(R16 c)"},
		{"final on", first(func(d *ev) { d.Final.State = fence.PowerOn }), "read off, then on"},
		{"final unknown", second(func(d *ev) { d.Final.State = fence.PowerUnknown }), "read off, then unknown"},
		{"first ends before it begins", first(func(d *ev) { d.First.FinishedMS = 999 }), "ends before it begins"},
		{"final ends before it begins", first(func(d *ev) { d.Final.FinishedMS = 6219 }), "ends before it begins"},
		{"settling 1 ms short", second(func(d *ev) { d.First.FinishedMS = 5221 }), "needs 1000 ms to settle"},
		{"settling just enough", func(p *proof) {
			p.e.Devices[1].First.FinishedMS = 5220 // ends later than the other's final may begin: both are at 6220
			p.j.Devices[1].HoldUpMS = 0
		}, ""},
	})
}

// R16 a: the right machine, in both reads.
func TestAdmissibleIdentity(t *testing.T) {
	both := func(dev int, id fence.Identity) func(*proof) {
		return func(p *proof) { p.e.Devices[dev].First.Identity, p.e.Devices[dev].Final.Identity = id, id }
	}
	alone := func(p *proof) { // only the outlet, for itself
		p.j.Proven = fence.Level{Steps: p.j.Levels[0].Steps[1:]}.Proofs(p.j.Devices)
	}
	check(t, powerProof, []row{
		{"first of another machine", func(p *proof) { p.e.Devices[0].First.Identity = identity("11111111-2222-3333-4444-555555555555") }, "the victim is machine"},
		{"final of another machine", func(p *proof) { p.e.Devices[0].Final.Identity = identity("11111111-2222-3333-4444-555555555555") }, "the victim is machine"},
		{"another node's machine", both(0, identity(uuidO)), "another node's machine"},
		{"another node's machine, mapping proven", func(p *proof) { both(1, identity(uuidO))(p) }, "another node's machine"},
		{"two nodes with one identity", func(p *proof) { p.j.Others = append(p.j.Others, p.v.Machine) }, "another node's machine"},
		{"one of several spellings", both(0, fence.Identity{UUIDs: []string{"00000000-0000-0000-0000-000000000000", "44454c4c-4200-1035-8052-b4c04f564831", uuidV}}), ""},
		{"no identity, proven", func(p *proof) { p.j.Proven = p.j.Levels[0].Proofs(p.j.Devices); both(0, fence.Identity{})(p) }, ""},
		{"no identity, proven of this machine", func(p *proof) { p.j.Cuts, p.j.Home = true, p.v.Machine }, ""},
		{"no identity, proven of the node's machine, which the life never ran on", func(p *proof) { p.j.Cuts, p.j.Home = true, fence.Machine{UUID: "11111111-2222-3333-4444-555555555555"} }, "ran on machine"},
		{"no identity, and the node's machine is not known", func(p *proof) { p.j.Cuts = true }, ""},
		{"no identity, only the other one was proven", both(0, fence.Identity{}), "device bmc gives no identity"},
		{"no identity, not proven", func(p *proof) { p.j.Proven = nil; both(0, fence.Identity{})(p) }, "not proven by a drill"},
		{"all zeros is no identity", func(p *proof) { p.j.Proven = nil; both(0, identity("00000000-0000-0000-0000-000000000000"))(p) }, "device bmc gives no identity"},
		{"all ones is no identity", func(p *proof) { p.j.Proven = nil; both(0, identity("ffffffff-ffff-ffff-ffff-ffffffffffff"))(p) }, "device bmc gives no identity"},
		{"another mapping proven", func(p *proof) { p.j.Proven = []string{"m1", "m2", ""} }, "not proven by a drill"},
		{"proven only without the other device", alone, "not proven by a drill"},
		{"another outlet now", func(p *proof) { p.j.Levels[0].Steps[1].Target = "5"; p.e.Devices[1].Target = "5" }, "not proven by a drill"},
		{"another address now", func(p *proof) { p.j.Devices[1].Mapping, p.e.Devices[1].Mapping = "m3", "m3" }, "not proven by a drill"},
		{"the same in another order", func(p *proof) { s := p.j.Levels[0].Steps; s[0], s[1] = s[1], s[0] }, ""},
		{"identity lost in the final read", func(p *proof) { p.e.Devices[0].Final.Identity = fence.Identity{} }, "in one read and none in the other"},
		{"machine never announced", func(p *proof) { p.v.Machine = fence.Machine{} }, "never announced nor declared"},
		{"machine of zeros", func(p *proof) { p.v.Machine.UUID = "00000000-0000-0000-0000-000000000000" }, "never announced nor declared"},
		{"by serial only", func(p *proof) { p.v.Machine = fence.Machine{Serial: "S1"}; both(0, fence.Identity{Serial: "S1"})(p) }, ""},
		{"other serial", func(p *proof) { p.v.Machine = fence.Machine{Serial: "S1"}; both(0, fence.Identity{Serial: "S2"})(p) }, "the victim is machine"},
		{"serial right, UUID wrong", func(p *proof) {
			p.v.Machine.Serial = "S1"
			both(0, fence.Identity{UUIDs: []string{"11111111-2222-3333-4444-555555555555"}, Serial: "S1"})(p)
		}, "the victim is machine"},
	})
}

// R17: one pass over all devices, the longest hold-up after the last was first read off; when its command was accepted says nothing of that.
func TestAdmissibleAllOff(t *testing.T) {
	check(t, powerProof, []row{
		{"hold-up 1 ms short at the device that needs it", func(p *proof) { p.e.Devices[1].Final.StartedMS = 6219 }, "supplies hold up to 5000 ms"},
		{"hold-up 1 ms short at its twin", func(p *proof) { p.e.Devices[0].Final.StartedMS = 6219 }, "supplies hold up to 5000 ms"},
		{"hold-up counts from the last first read of the level", func(p *proof) {
			p.e.Devices[0].First = read(fence.PowerOff, identity(uuidV), 1211, 1221)
		}, "supplies hold up to 5000 ms"},
		{"without hold-up, final before the twin's first ended", func(p *proof) {
			p.j.Devices[1].HoldUpMS = 0
			p.e.Devices[0].Final = read(fence.PowerOff, identity(uuidV), 1219, 1219)
		}, "before another device of its level was off"},
		{"without hold-up, final just when the twin's first ended", func(p *proof) {
			p.j.Devices[1].HoldUpMS = 0
			p.e.Devices[0].Final = read(fence.PowerOff, identity(uuidV), 1220, 1220)
		}, ""},
	})
}

// R14, R15, V10: when an elapsed watchdog counts.
// proves: S5.1
func TestAdmissibleWatchdog(t *testing.T) {
	check(t, watchdogProof, []row{
		{"whole", nil, ""},
		{"1 ms short", func(p *proof) { p.e.WaitedMS-- }, "(V10)"},
		{"1 ms longer", func(p *proof) { p.e.WaitedMS++ }, ""},
		{"none announced", func(p *proof) { p.j.Watchdog.Kind = "" }, "no open watchdog"},
		{"closed", func(p *proof) { p.j.Watchdog.Open = false }, "no open watchdog"},
		{"virtual", func(p *proof) { p.v.Machine.Virtual = true }, "paused guest"},
		{"virtual, declared to run while paused", func(p *proof) { p.v.Machine.Virtual, p.j.Policy.WatchdogWhilePaused = true, true }, ""},
		{"softdog", func(p *proof) { p.j.Watchdog.Kind = "softdog" }, "softdog"},
		{"softdog, accepted", func(p *proof) { p.j.Watchdog.Kind, p.j.Policy.AcceptSoftdog = "softdog", true }, ""},
		{"side may be quorate", func(p *proof) { p.j.Watchdog.SidesQuorate = true }, "quorate too"},
		{"calls itself power", func(p *proof) { p.e.Kind = fence.EvidencePowerOff }, "can give only"},
		{"device evidence nobody asked for", func(p *proof) { p.e.Devices = powerProof().e.Devices[:1] }, "has 0 devices"},
		{"with a device that was not read", func(p *proof) {
			p.j.Levels[0].Steps = append(p.j.Levels[0].Steps, fence.Step{Device: "bmc"})
		}, "was not read"},
	})
}

// A level of a device and a watchdog needs both (R17).
func TestAdmissibleDeviceAndWatchdog(t *testing.T) {
	base := func() proof {
		p, w := powerProof(), watchdogProof()
		p.j.Watchdog, p.e.WaitedMS = w.j.Watchdog, w.e.WaitedMS
		p.j.Levels[0].Steps = append(p.j.Levels[0].Steps, fence.Step{Wait: fence.WaitWatchdog})
		return p
	}
	check(t, base, []row{
		{"both", nil, ""},
		{"not waited", func(p *proof) { p.e.WaitedMS-- }, "(V10)"},
		{"still on", func(p *proof) { p.e.Devices[1].Final.State = fence.PowerOn }, "(R16 c)"},
	})
}

// What the judge knows of other levels and nodes changes nothing.
func TestAdmissibleIgnoresOtherLevels(t *testing.T) {
	p := powerProof()
	p.j.Levels = append([]fence.Level{{}}, p.j.Levels...)
	judge(t, p, "nothing proves nothing")
	p.e.Level = 1
	judge(t, p, "")
}

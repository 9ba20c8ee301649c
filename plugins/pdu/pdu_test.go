package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"

	"github.com/fenced-project/fenced/cmd/fenced-dev/pdu"
	"github.com/fenced-project/fenced/plugins/sdk"
	"github.com/fenced-project/fenced/test/harness"
)

// oracles are Debian's agents for each tested family, and what has to be written for the family to be used.
var oracles = map[string]struct {
	agent string
	more  map[string]string
}{
	"apc-rpdu":              {"fence_apc_snmp", nil},
	"apc-masterswitch-plus": {"fence_apc_snmp", nil},
	"apc-masterswitch":      {"fence_apc_snmp", map[string]string{"family": "apc-masterswitch"}},
	"apc-masterswitch-6":    {"fence_apc_snmp", nil},
	"apc-rpdu2":             {"fence_apc_snmp", map[string]string{"family": "apc-rpdu2"}}, // which takes the older objects of the same device
	"tripplite":             {"fence_tripplite_snmp", nil},
	"tripplite-lx":          {"fence_tripplite_snmp", nil},
	"eaton-managed":         {"fence_eaton_snmp", nil},
	"if-mib":                {"fence_ifmib", map[string]string{"family": "if-mib"}},
}

// Each family that calls itself tested: what we switch Debian's agent sees, and what it switches we see, on one and the same device.
func TestFamiliesAgainstTheirOracles(t *testing.T) {
	t.Parallel()
	all, err := families("")
	must(t, err)
	for _, f := range all {
		if f.Status != tested { // it would want accept_untested: whoever ships one says so in the manual's table
			t.Errorf("family %s is shipped without having been held against anything", f.Name)
			continue
		}
		o, ok := oracles[f.Name]
		if !ok {
			t.Errorf("family %s calls itself tested and no test holds it against an oracle", f.Name)
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			a := start(t, f.Name, nil)
			d := open(t, a, o.more)
			ours, theirs := "2", "2"
			if f.Write.OID.parts() == 2 {
				ours, theirs = "1:2", "1:2"
			}
			const on, off = 0, 2 // of a status
			if read(t, d, ours) != sdk.On || debian(t, o.agent, a, "status", theirs) != on {
				t.Fatal("it is not on for both")
			}
			must(t, d.Do(harness.Within(t, 10*time.Second), ours, sdk.ActionOff))
			if a.On(2) || !a.On(1) || !a.On(3) {
				t.Fatal("we switched another outlet than the second")
			}
			if read(t, d, ours) != sdk.Off || debian(t, o.agent, a, "status", theirs) != off {
				t.Error("after our off it is not off for both")
			}
			if debian(t, o.agent, a, "on", theirs) != 0 || !a.On(2) || read(t, d, ours) != sdk.On {
				t.Error("after the oracle's on it is not on for us")
			}
			if debian(t, o.agent, a, "off", theirs) != 0 || read(t, d, ours) != sdk.Off {
				t.Error("after the oracle's off it is not off for us")
			}
			must(t, d.Do(harness.Within(t, 10*time.Second), "node-2", sdk.ActionOn)) // by its name
			if read(t, d, "node-2") != sdk.On || !a.On(2) {
				t.Error("by its name it is another outlet")
			}
		})
	}
}

func TestOutlets(t *testing.T) {
	t.Parallel()
	a := start(t, "apc-rpdu", nil)
	d := open(t, a, nil)
	ctx := harness.Within(t, 30*time.Second)
	must(t, d.Do(ctx, "1, node-2", sdk.ActionOff))
	if a.On(1) || a.On(2) || !a.On(3) {
		t.Error("both, and only these, must be off")
	}
	if read(t, d, "1,2") != sdk.Off {
		t.Error("both are off")
	}
	a.Switch(1, true) // it comes back by itself
	if st, err := d.Status(ctx, "1,2"); err != nil || st.State != sdk.Unknown || !strings.Contains(st.Detail, "1 of 2") {
		t.Errorf("one of two is on: %+v %v", st, err)
	}
	for target, says := range map[string]string{
		"": "a target is", "99": "no such outlet", "nobody": "no outlet is called", "twin": "2 outlets are called", "1,node-1": "twice", ",": "no name", "1:1": "no outlet is called",
	} {
		if err := d.Do(ctx, target, sdk.ActionOff); target != "99" && (!errors.Is(err, sdk.ClassRefused) || !strings.Contains(err.Error(), says)) {
			t.Errorf("off of %q: %v, want %q", target, err, says)
		}
		if _, err := d.Status(ctx, target); !errors.Is(err, sdk.ClassRefused) || !strings.Contains(err.Error(), says) {
			t.Errorf("status of %q: %v, want %q", target, err, says)
		}
	}
	ts, err := d.(sdk.Lister).List(ctx)
	if err != nil || len(ts) != 8 || ts[1] != (sdk.Target{ID: "2", Alias: "node-2"}) {
		t.Errorf("list: %v %v", ts, err)
	}
	if p, err := d.(sdk.Prober).Probe(ctx, ""); err != nil || !p.Reachable {
		t.Errorf("probe: %v %v", p, err)
	}
}

// A relay that is open while the device has something to come for it is not off: it comes back by itself.
func TestWhatIsPendingIsNotOff(t *testing.T) {
	t.Parallel()
	a := start(t, "apc-rpdu2", func(c *pdu.Config) { c.Knobs.Restore = harness.Slow(time.Second) })
	d := open(t, a, map[string]string{"family": "apc-rpdu2"})
	ctx := harness.Within(t, 30*time.Second)
	must(t, d.Do(ctx, "2", sdk.ActionOff))
	st, err := d.Status(ctx, "2")
	if err != nil || st.State == sdk.Off || a.Counts().AppliedOff != 1 || !a.On(2) && !strings.Contains(st.Detail, "reads 1,1") {
		t.Fatalf("%+v %v", st, err)
	}
	harness.Await(t, func() error { return awaitState(t, d, "2", sdk.On) })
	a.SetKnobs(pdu.Knobs{})
	must(t, d.Do(ctx, "2", sdk.ActionOff))
	if read(t, d, "2") != sdk.Off {
		t.Error("nothing is to come, and it is not off")
	}
	other := start(t, "apc-rpdu", nil) // the family is named, and the device is another
	if _, err := open(t, other, map[string]string{"family": "apc-rpdu2"}).Status(ctx, "2"); !errors.Is(err, sdk.ClassRefused) || !strings.Contains(err.Error(), "it is no APC") {
		t.Errorf("another device: %v", err)
	}
}

// What a device answers and does are two things.
func TestMisbehaviour(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"1", "2c"} {
		a := start(t, "apc-rpdu", nil)
		d := open(t, a, map[string]string{"version": version, "timeout": "2s"})
		ctx := harness.Within(t, 60*time.Second)
		a.SetKnobs(pdu.Knobs{Ignore: true})
		must(t, d.Do(ctx, "1", sdk.ActionOff))
		if read(t, d, "1") != sdk.On {
			t.Error("a stuck relay reads off")
		}
		a.SetKnobs(pdu.Knobs{Refuse: true})
		if err := d.Do(ctx, "1", sdk.ActionOff); !errors.Is(err, sdk.ClassRefused) {
			t.Errorf("an error inside of an answer: %v", err)
		}
		a.SetKnobs(pdu.Knobs{WrongIdentity: true})
		if err := d.Do(ctx, "1", sdk.ActionOff); !errors.Is(err, sdk.ClassRefused) || a.Counts().Off != 1 {
			t.Errorf("off of a device that is not what it was: %v, %+v", err, a.Counts())
		}
		a.SetKnobs(pdu.Knobs{Lose: 2})
		must(t, d.Do(ctx, "1", sdk.ActionOff))
		if read(t, d, "1") != sdk.Off {
			t.Error("lost packets make another state")
		}
		a.SetKnobs(pdu.Knobs{Hang: true})
		c := harness.Within(t, 10*time.Second)
		if _, err := d.Status(c, "1"); !errors.Is(err, sdk.ClassTimeout) || c.Err() != nil {
			t.Errorf("silence: %v", err)
		}
		a.SetKnobs(pdu.Knobs{})
		other := open(t, a, map[string]string{"version": version, "community": "public", "timeout": "1s"})
		if _, err := other.Status(harness.Within(t, 10*time.Second), "1"); !errors.Is(err, sdk.ClassTimeout) || !strings.Contains(err.Error(), "community") {
			t.Errorf("a wrong community: %v", err)
		}
		a.Close()
		if _, err := d.Status(harness.Within(t, 10*time.Second), "1"); !errors.Is(err, sdk.ClassUnreachable) {
			t.Errorf("nobody there: %v", err)
		}
	}
}

// A device that fails in the middle of its names has said nothing of those that follow: a name that stands twice may be seen once (R16).
func TestColumnOfNamesIsWhole(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"1", "2c"} {
		a := start(t, "apc-rpdu", nil) // outlets 3 and 4 are both called twin
		d := open(t, a, map[string]string{"version": version})
		ctx := harness.Within(t, 30*time.Second)
		a.SetKnobs(pdu.Knobs{FailWalk: 3})
		for _, name := range []string{"twin", "node-1"} {
			if err := d.Do(ctx, name, sdk.ActionOff); !errors.Is(err, sdk.ClassLimbo) || a.Counts().Off != 0 {
				t.Errorf("version %s: off of %s with an error behind it: %v, %+v", version, name, err, a.Counts())
			}
			if _, err := d.Status(ctx, name); !errors.Is(err, sdk.ClassLimbo) {
				t.Errorf("version %s: status of %s with an error behind it: %v", version, name, err)
			}
		}
		if ts, err := d.(sdk.Lister).List(ctx); !errors.Is(err, sdk.ClassLimbo) || len(ts) > 0 {
			t.Errorf("version %s: a list with an error in it: %v %v", version, ts, err)
		}
		if read(t, d, "1") != sdk.On {
			t.Errorf("version %s: by its number an outlet needs no names", version)
		}
		a.SetKnobs(pdu.Knobs{})
		if ts, err := d.(sdk.Lister).List(ctx); err != nil || len(ts) != 8 || read(t, d, "node-1") != sdk.On {
			t.Errorf("version %s: without the error: %v %v", version, ts, err)
		}
	}
	many := start(t, "if-mib", func(c *pdu.Config) { c.Outlets = 3*repetitions + 1 }) // several questions, and something behind the column
	ts, err := open(t, many, map[string]string{"family": "if-mib"}).(sdk.Lister).List(harness.Within(t, 30*time.Second))
	if err != nil || len(ts) != 3*repetitions+1 || ts[3*repetitions].Alias != "Outlet 61" {
		t.Errorf("%d names, %v", len(ts), err)
	}
}

// A column ends where the device says so, and only there.
func TestColumn(t *testing.T) {
	t.Parallel()
	row := func(name string) gosnmp.SnmpPDU {
		return gosnmp.SnmpPDU{Name: name, Type: gosnmp.OctetString, Value: []byte("x")}
	}
	of := func(rows ...gosnmp.SnmpPDU) gosnmp.SnmpPacket { return gosnmp.SnmpPacket{Variables: rows} }
	typed := func(of gosnmp.Asn1BER) gosnmp.SnmpPDU { return gosnmp.SnmpPDU{Name: ".1.3.2.9", Type: of} }
	failed := func(e gosnmp.SNMPError) gosnmp.SnmpPacket {
		return gosnmp.SnmpPacket{Error: e, Variables: []gosnmp.SnmpPDU{row(".1.3.2.9")}}
	}
	for name, c := range map[string]struct {
		packet gosnmp.SnmpPacket
		v1     bool
		end    bool
		rows   int
		class  sdk.Class
	}{
		"goes on":           {of(row(".1.3.2.9"), row(".1.3.2.10")), false, false, 3, ""},
		"goes on deeper":    {of(row(".1.3.2.8.1"), row(".1.3.2.9")), false, false, 3, ""},
		"ends behind":       {of(row(".1.3.2.9"), row(".1.3.3.1")), false, true, 2, ""},
		"not its neighbour": {of(row(".1.3.20.1")), false, true, 1, ""},
		"nothing follows":   {of(row(".1.3.2.9"), typed(gosnmp.EndOfMibView)), false, true, 2, ""},
		"end of version 1":  {failed(gosnmp.NoSuchName), true, true, 1, ""},
		"no end of 2c":      {failed(gosnmp.NoSuchName), false, false, 1, sdk.ClassRefused},
		"too big":           {failed(gosnmp.TooBig), true, false, 1, sdk.ClassRefused},
		"general error":     {failed(gosnmp.GenErr), true, false, 1, sdk.ClassLimbo},
		"no access":         {failed(gosnmp.NoAccess), false, false, 1, sdk.ClassAuth},
		"nothing":           {of(), false, false, 1, sdk.ClassRefused},
		"no object":         {of(typed(gosnmp.NoSuchObject)), false, false, 1, sdk.ClassRefused},
		"no instance":       {of(typed(gosnmp.NoSuchInstance)), false, false, 1, sdk.ClassRefused},
		"the same again":    {of(row(".1.3.2.8")), false, false, 1, sdk.ClassRefused},
		"backwards":         {of(row(".1.3.2.9"), row(".1.3.2.7")), false, false, 2, sdk.ClassRefused},
		"begins anew":       {of(row(".1.2.9")), false, false, 1, sdk.ClassRefused},
		"no OID":            {of(row(".1.3.2.x")), false, false, 1, sdk.ClassRefused},
		"too many":          {of(row(".1.3.2.9"), row(".1.3.2.10"), row(".1.3.2.11")), false, false, 3, sdk.ClassRefused},
	} {
		col := column{root: ".1.3.2", last: ".1.3.2.8", limit: 3, v1: c.v1, rows: []gosnmp.SnmpPDU{row(".1.3.2.8")}}
		end, err := col.take(&c.packet)
		if end != c.end || len(col.rows) != c.rows || sdk.ClassOf(err) != c.class {
			t.Errorf("%s: end %t with %d objects, %v; want %t, %d, %q", name, end, len(col.rows), err, c.end, c.rows, c.class)
		}
	}
}

// An answer counts only if it is one to what was asked.
func TestAnswers(t *testing.T) {
	t.Parallel()
	v := func(name string) gosnmp.SnmpPDU { return gosnmp.SnmpPDU{Name: name, Type: gosnmp.Integer, Value: 2} }
	for name, c := range map[string]struct {
		packet gosnmp.SnmpPacket
		class  sdk.Class
	}{
		"good":            {gosnmp.SnmpPacket{Variables: []gosnmp.SnmpPDU{v(".1.2")}}, ""},
		"error":           {gosnmp.SnmpPacket{Error: gosnmp.NotWritable, Variables: []gosnmp.SnmpPDU{v(".1.2")}}, sdk.ClassRefused},
		"not allowed":     {gosnmp.SnmpPacket{Error: gosnmp.AuthorizationError}, sdk.ClassAuth},
		"another outlet":  {gosnmp.SnmpPacket{Variables: []gosnmp.SnmpPDU{v(".1.3")}}, sdk.ClassRefused},
		"nothing":         {gosnmp.SnmpPacket{}, sdk.ClassRefused},
		"too much":        {gosnmp.SnmpPacket{Variables: []gosnmp.SnmpPDU{v(".1.2"), v(".1.2")}}, sdk.ClassRefused},
		"no such outlet":  {gosnmp.SnmpPacket{Variables: []gosnmp.SnmpPDU{{Name: ".1.2", Type: gosnmp.NoSuchInstance}}}, sdk.ClassRefused},
		"end of the view": {gosnmp.SnmpPacket{Variables: []gosnmp.SnmpPDU{{Name: ".1.2", Type: gosnmp.EndOfMibView}}}, sdk.ClassRefused},
	} {
		if _, err := answered(&c.packet, []string{".1.2"}); sdk.ClassOf(err) != c.class {
			t.Errorf("%s: %v, want %q", name, err, c.class)
		}
	}
	for _, bad := range []gosnmp.SnmpPDU{{Type: gosnmp.OctetString, Value: []byte("2")}, {Type: gosnmp.Counter64, Value: uint64(1) << 60}, {Type: gosnmp.Null}} {
		if n, err := integer(bad); err == nil {
			t.Errorf("%v is the number %d", bad, n)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	base := map[string]string{"address": "h", "version": "2c", "community": "c"}
	for name, c := range map[string]struct {
		change map[string]string
		says   string
	}{
		"no community":   {map[string]string{"community": ""}, "want a community"},
		"port":           {map[string]string{"port": "70000"}, "no UDP port"},
		"address":        {map[string]string{"address": "a b"}, "no address"},
		"no user":        {map[string]string{"version": "3"}, "wants a username"},
		"short key":      {map[string]string{"version": "3", "username": "u", "auth_password": "short", "priv_password": "long enough"}, "at least 8 bytes"},
		"unknown family": {map[string]string{"family": "apc"}, "there are auto, apc-masterswitch"},
		"untested":       {map[string]string{"families": untestedTable(t), "family": "mine"}, "accept_untested"},
		"no directory":   {map[string]string{"families": "/nonexistent"}, "nonexistent"},
	} {
		values := map[string]string{}
		for k, v := range base {
			values[k] = v
		}
		for k, v := range c.change {
			values[k] = v
		}
		if _, err := try(t, values); !errors.Is(err, sdk.ClassRefused) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	d, err := try(t, map[string]string{"address": "h", "version": "2c", "community": "c", "family": "if-mib"})
	must(t, err)
	if d.(sdk.Kinder).Kind() != sdk.Storage {
		t.Error("a port of a switch is storage, not power")
	}
}

// mine is a family of an administrator's own, for a device that one of ours recognises too.
const mine = `name: mine
kind: power
status: untested
identify: [.1.3.6.1.4.1.318.1.3.4.5]
read:
  - {oid: ".1.3.6.1.4.1.318.1.1.12.3.5.1.1.4.{1}", on: [1], off: [2]}
write: {oid: ".1.3.6.1.4.1.318.1.1.12.3.3.1.1.4.{1}", on: 1, off: 2}
`

// untestedTable is a directory with it.
func untestedTable(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "mine.yaml"), []byte(mine), 0o600))
	return dir
}

// What an administrator writes for a device is used for it, before what came with the plugin, and two who mean one device are not guessed between.
func TestWhichFamilyIsChosen(t *testing.T) {
	t.Parallel()
	dir := untestedTable(t)
	a := start(t, "apc-rpdu", nil)
	ctx := harness.Within(t, 30*time.Second)
	d := open(t, a, map[string]string{"families": dir})
	if _, err := d.Status(ctx, "1"); !errors.Is(err, sdk.ClassRefused) || !strings.Contains(err.Error(), "accept_untested") {
		t.Errorf("a file that was dropped is not chosen: %v", err)
	}
	d = open(t, a, map[string]string{"families": dir, "accept_untested": "true"})
	if p, err := d.(sdk.Prober).Probe(ctx, ""); err != nil || p.Detail != "mine" || read(t, d, "1") != sdk.On {
		t.Errorf("a file that was dropped is not chosen: %+v %v", p, err)
	}
	dotless := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dotless, "mine.yaml"), []byte(strings.Replace(mine, "[.1.3", "[1.3", 1)), 0o600))
	d = open(t, a, map[string]string{"families": dotless, "accept_untested": "true"})
	if p, err := d.(sdk.Prober).Probe(ctx, ""); err != nil || p.Detail != "mine" {
		t.Errorf("a file whose identify has no leading dot is not chosen: %+v %v", p, err)
	}
	second := filepath.Join(dir, "second.yaml")
	must(t, os.WriteFile(second, []byte(strings.Replace(mine, "mine", "second", 1)), 0o600))
	if _, err := try(t, map[string]string{"address": "h", "version": "2c", "community": "c", "families": dir}); !errors.Is(err, sdk.ClassRefused) ||
		!strings.Contains(err.Error(), "mine and second") {
		t.Errorf("two files for one device: %v", err)
	}
	must(t, os.WriteFile(second, []byte(strings.Replace(mine, "mine", "second\nnamed: true", 1)), 0o600))
	d = open(t, a, map[string]string{"families": dir, "family": "second", "accept_untested": "true"})
	if read(t, d, "1") != sdk.On {
		t.Error("a family that must be named is not used where it is")
	}
	must(t, os.WriteFile(second, []byte(mine), 0o600))
	if _, err := try(t, map[string]string{"address": "h", "version": "2c", "community": "c", "families": dir}); err == nil || !strings.Contains(err.Error(), "two families mine") {
		t.Errorf("two files with one name: %v", err)
	}
}

// A family of one's own is a file; a table that could switch or believe the wrong thing is refused, with its reason.
func TestFamilyFiles(t *testing.T) {
	t.Parallel()
	const good = mine
	dir := t.TempDir()
	put := func(text string, mode os.FileMode) {
		must(t, os.WriteFile(filepath.Join(dir, "mine.yaml"), []byte(text), mode))
		must(t, os.Chmod(filepath.Join(dir, "mine.yaml"), mode))
	}
	put(good, 0o644)
	a := start(t, "apc-rpdu", nil)
	d := open(t, a, map[string]string{"families": dir, "family": "mine", "accept_untested": "true"})
	must(t, d.Do(harness.Within(t, 10*time.Second), "1", sdk.ActionOff))
	if a.On(1) || read(t, d, "1") != sdk.Off {
		t.Error("a family of one's own does not switch")
	}
	for name, c := range map[string]struct{ from, to, says string }{
		"unknown field":  {"kind: power", "kind: power\nkinds: x", "kinds"},
		"kind":           {"kind: power", "kind: delay", "power or storage"},
		"no oracle":      {"status: untested", "status: tested", "oracle"},
		"same command":   {"on: 1, off: 2}\n", "on: 1, off: 1}\n", "same command"},
		"on and off":     {"off: [2]", "off: [1, 2]", "means on and off"},
		"no value":       {"off: [2]", "off: []", "no value means off"},
		"no outlet":      {"3.3.1.1.4.{1}", "3.3.1.1.4.1", "an object with {1}"},
		"other outlet":   {"3.5.1.1.4.{1}", "3.5.1.1.4.1", "same {1}"},
		"two for one":    {"3.5.1.1.4.{1}", "3.5.1.{1}.4.{2}", "same {1}"},
		"no OID":         {"identify: [.1.3.6.1.4.1.318.1.3.4.5]", "identify: [apc]", "no OID"},
		"name":           {"name: mine", "name: Mine!", "a-z"},
		"not YAML":       {"name: mine", "name: [", "cannot read it"},
		"others' writes": {"", "", "others than its owner can write it"},
	} {
		mode := os.FileMode(0o644)
		if name == "others' writes" {
			mode = 0o666
		}
		put(strings.Replace(good, c.from, c.to, 1), mode)
		_, err := try(t, map[string]string{"address": "h", "version": "2c", "community": "c", "families": dir})
		if !errors.Is(err, sdk.ClassRefused) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "mine.yaml") {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

// A table that another than root could have written, or could put beside the others, is not obeyed: it says which command means off (V15).
func TestFamilyFilesOfOthers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(dir, file string) error
		says  string
	}{
		"directory open to others": {func(dir, _ string) error { return os.Chmod(dir, 0o777) }, "others than its owner can write it"},                                  //nolint:gosec // that is the point
		"nothing in it yet":        {func(dir, file string) error { return errors.Join(os.Remove(file), os.Chmod(dir, 0o777)) }, "others than its owner can write it"}, //nolint:gosec // the same
		"directory of another":     {func(dir, _ string) error { return os.Chown(dir, 65534, 65534) }, "must belong to root"},
		"file of another":          {func(_, file string) error { return os.Chown(file, 65534, 65534) }, "must belong to root"},
		"another file of another": {func(dir, _ string) error {
			other := filepath.Join(dir, "other.yaml")
			return errors.Join(os.WriteFile(other, nil, 0o600), os.Chown(other, 65534, 65534))
		}, "must belong to root"},
		"too long": {func(_, file string) error { return os.Truncate(file, maxFamily+1) }, "at most"},
		"no file":  {func(dir, _ string) error { return os.Mkdir(filepath.Join(dir, "a.yaml"), 0o700) }, "no regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if os.Geteuid() != 0 && strings.Contains(c.says, "root") {
				t.Skip("SKIP " + t.Name() + ": needs root to give a file away")
			}
			dir := untestedTable(t)
			must(t, c.spoil(dir, filepath.Join(dir, "mine.yaml")))
			_, err := try(t, map[string]string{"address": "h", "version": "2c", "community": "c", "families": dir})
			if !errors.Is(err, sdk.ClassRefused) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
}

// A pattern finds in an OID what it put there.
func FuzzPattern(f *testing.F) {
	f.Add(".1.3.6.1.{1}.4.{2}", uint16(3), uint16(7))
	f.Fuzz(func(t *testing.T, s string, a, b uint16) {
		p := pattern(s)
		if p.check() != nil {
			return
		}
		outlet := []int{int(a), int(b)}[:min(p.parts(), 2)]
		oid := p.at(outlet)
		if strings.Contains(oid, "{") {
			t.Fatalf("%s leaves a hole: %s", s, oid)
		}
		got, ok := p.match(oid)
		if !ok || fmt.Sprint(got) != fmt.Sprint(outlet) && len(outlet) > 0 {
			t.Fatalf("%s at %v is %s, which matches %v %t", s, outlet, oid, got, ok)
		}
	})
}

// FuzzFamily: a table is accepted only if it can be used.
func FuzzFamily(f *testing.F) {
	entries, err := bundled.ReadDir("families")
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range entries {
		b, err := bundled.ReadFile("families/" + e.Name())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		fam, err := parseFamily(b)
		if err != nil {
			return
		}
		if fam.Write.OID.parts() == 0 || len(fam.Read) == 0 || fam.Write.On == fam.Write.Off {
			t.Fatalf("%+v", fam)
		}
	})
}

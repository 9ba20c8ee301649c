package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"

	"github.com/fenced-project/fenced/cmd/fenced-dev/pdu"
	"github.com/fenced-project/fenced/plugins/host"
	"github.com/fenced-project/fenced/plugins/plugintest"
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
		if f.Status != tested {
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
		"untested":       {map[string]string{"family": "apc-rpdu2"}, "accept_untested"},
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

// A family of one's own is a file; a table that could switch or believe the wrong thing is refused, with its reason.
func TestFamilyFiles(t *testing.T) {
	t.Parallel()
	const good = `name: mine
kind: power
status: untested
identify: [.1.3.6.1.4.1.318.1.3.4.5]
read:
  - {oid: ".1.3.6.1.4.1.318.1.1.12.3.5.1.1.4.{1}", on: [1], off: [2]}
write: {oid: ".1.3.6.1.4.1.318.1.1.12.3.3.1.1.4.{1}", on: 1, off: 2}
`
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
		"others' writes": {"", "", "only its owner can write"},
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

// TestVersion3 speaks to net-snmp's own agent, whose objects a script serves: authenticated and encrypted.
func TestVersion3(t *testing.T) {
	t.Parallel()
	d, file := startSNMPD(t)
	wrong := func(more map[string]string) sdk.Device {
		values := map[string]string{"auth_password": "correct horse", "priv_password": "battery staple"}
		for k, v := range more {
			values[k] = v
		}
		return d(values)
	}
	dev := wrong(nil)
	harness.Await(t, func() error { _, err := dev.Status(harness.Within(t, 3*time.Second), "1"); return err })
	if read(t, dev, "1") != sdk.On {
		t.Fatal("it is on")
	}
	must(t, dev.Do(harness.Within(t, 10*time.Second), "1", sdk.ActionOff))
	b, err := os.ReadFile(file)
	must(t, err)
	if strings.TrimSpace(string(b)) != "2" || read(t, dev, "1") != sdk.Off {
		t.Errorf("after off the script has %q", b)
	}
	for name, more := range map[string]map[string]string{
		"wrong key": {"auth_password": "incorrect horse"}, "wrong privacy": {"priv_password": "battery stapler"}, "nobody": {"username": "nobody"},
	} {
		_, err := wrong(more).Status(harness.Within(t, 10*time.Second), "1")
		if !errors.Is(err, sdk.ClassAuth) && !errors.Is(err, sdk.ClassTimeout) {
			t.Errorf("%s: %v", name, err)
		}
		t.Logf("%s: %v", name, err)
	}
}

// TestConformance runs the built plugin under the real host through every case of `fenced plugin test`.
func TestConformance(t *testing.T) {
	t.Parallel()
	path := harness.Plugin(t, "pdu")
	a := start(t, "apc-rpdu", nil)
	port := func(knobs string) map[string]string {
		b := start(t, "apc-rpdu", func(c *pdu.Config) {
			k, err := pdu.ParseKnobs(knobs)
			must(t, err)
			c.Knobs = k
		})
		return map[string]string{"port": strconv.Itoa(b.Addr().Port)}
	}
	must(t, plugintest.Run(harness.Within(t, 120*time.Second), plugintest.Options{
		Path: path, Device: map[string]string{"address": "127.0.0.1", "port": strconv.Itoa(a.Addr().Port), "version": "2c"}, Target: "1", AllowPower: true,
		Secrets:  map[string]host.Secret{"community": host.NewSecret("private")},
		SetState: func(_ context.Context, s string) error { a.Switch(1, s == "on"); return nil },
		Knobs:    map[string]map[string]string{"timeout": port("hang"), "lie": port("ignore"), "refused": port("wrong-identity")},
	}, func(c plugintest.Case) {
		t.Logf("%-4s %-20s %5d ms %s", c.Outcome, c.Name, c.Took.Milliseconds(), c.Text)
		if c.Outcome == plugintest.Fail {
			t.Errorf("%s: %s", c.Name, c.Text)
		}
	}))
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

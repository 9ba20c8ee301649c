package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/fenced-project/fenced/cmd/fenced-dev/bmc"
	"github.com/fenced-project/fenced/cmd/fenced-dev/redfish"
	"github.com/fenced-project/fenced/plugins/sdk"
	"github.com/fenced-project/fenced/test/harness"
)

// notAgents are programs in /usr/sbin named like agents that are none.
var notAgents = []string{"fence_ack_manual", "fence_node", "fence_tool"}

// everyAgent is what the survey lists, asked once: it runs all of them.
func everyAgent(t *testing.T) []found {
	t.Helper()
	surveyed.Do(func() {
		var out bytes.Buffer
		survey(&out, os.Stderr, nil)
		_ = json.Unmarshal(out.Bytes(), &surveyedDoc) // it stays empty, and the tests say so
	})
	return surveyedDoc.Agents
}

var (
	surveyed    sync.Once
	surveyedDoc struct{ Agents []found }
)

// TestEveryInstalledAgent lists, parses and classifies what Debian's fence-agents installs, and opens each with its own sample.
func TestEveryInstalledAgent(t *testing.T) {
	harness.Program(t, "fence_ipmilan", "fence-agents")
	agents := everyAgent(t)
	if len(agents) < 60 {
		t.Errorf("%d agents found, Debian's fence-agents alone has more than 60", len(agents))
	}
	classes := map[sdk.Kind]int{}
	for _, f := range agents {
		if slices.Contains(notAgents, f.Name) {
			continue
		}
		classes[f.Class]++
		if f.Error != "" || f.Why == "" || len(f.Options) == 0 {
			t.Errorf("%s: %+v", f.Name, f)
			continue
		}
		d, err := openAgent(t, sampleValues(t, f))
		if err != nil {
			t.Errorf("%s: its sample is refused: %v\n%s", f.Name, err, f.Sample)
			continue
		}
		if d.(sdk.Kinder).Kind() != f.Class {
			t.Errorf("%s is listed as %s and opened as %s", f.Name, f.Class, d.(sdk.Kinder).Kind())
		}
	}
	t.Logf("classes: %v", classes)
	for kind, least := range map[sdk.Kind]int{sdk.Power: 50, sdk.Storage: 5, sdk.Delay: 5} {
		if classes[kind] < least {
			t.Errorf("%d agents are of class %s, at least %d are known to be", classes[kind], kind, least)
		}
	}
}

// sampleValues are the options that a sample gives, each secret with some value.
func sampleValues(t *testing.T, f found) map[string]string {
	t.Helper()
	var doc struct {
		Devices map[string]map[string]any
	}
	if err := yaml.Unmarshal([]byte(f.Sample), &doc); err != nil {
		t.Fatalf("%s: %v\n%s", f.Name, err, f.Sample)
	}
	values := map[string]string{}
	for _, dev := range doc.Devices {
		for k, v := range dev {
			switch v := v.(type) {
			case string:
				values[k] = v
			case bool:
				values[k] = strconv.FormatBool(v)
			case uint64:
				values[k] = strconv.FormatUint(v, 10)
			case map[string]any: // secrets
				for name := range v {
					values[name] = "secret"
				}
			default:
				t.Fatalf("%s: %s is %T", f.Name, k, v)
			}
		}
	}
	for _, own := range []string{"plugin", "kind", "on_target"} { // fenced's, not the agent's
		delete(values, own)
	}
	return values
}

// TestIPMILanForReal switches a BMC of ours by Debian's fence_ipmilan and the real ipmitool.
func TestIPMILanForReal(t *testing.T) {
	harness.Program(t, "fence_ipmilan", "fence-agents")
	m := bmc.NewMemory(true)
	b, err := bmc.Start(bmc.Config{Listen: "127.0.0.1:0", User: "fenced", Password: "correct horse", Power: m, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	forReal(t, m, map[string]string{
		"agent": "fence_ipmilan", "ip": "127.0.0.1", "ipport": strconv.Itoa(b.Addr().Port), "lanplus": "true", "username": "fenced", "password": "correct horse", "cipher": "3",
		"power_wait": "0",
	}, b.Close)
}

// TestRedfishForReal switches a Redfish BMC of ours by Debian's fence_redfish.
func TestRedfishForReal(t *testing.T) {
	harness.Program(t, "fence_redfish", "fence-agents")
	m := bmc.NewMemory(true)
	s, err := redfish.Start(redfish.Config{
		Listen: "127.0.0.1:0", User: "fenced", Password: "correct horse", Systems: []redfish.System{{ID: "1", Power: m}}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	end := sync.OnceFunc(s.Close)
	t.Cleanup(end)
	forReal(t, m, map[string]string{
		"agent": "fence_redfish", "ip": "127.0.0.1", "ipport": strconv.Itoa(s.Addr().Port), "username": "fenced", "password": "correct horse",
		"ssl_insecure": "true", "power_wait": "0", "login_timeout": "60", "shell_timeout": "60",
	}, end)
	if c := s.Counts(); c.AppliedOff != 1 || c.AppliedOn != 1 || c.Denied == 0 {
		t.Errorf("the BMC counted %+v", c)
	}
}

// forReal walks the machine behind the switch off and on by an agent, tries a wrong password, and ends the device.
func forReal(t *testing.T, m *bmc.Memory, options map[string]string, end func()) {
	t.Helper()
	d, err := openAgent(t, options)
	if err != nil {
		t.Fatal(err)
	}
	state := func(want sdk.State) {
		t.Helper()
		st, err := d.Status(harness.Within(t, 2*time.Minute), "")
		if err != nil || st.State != want {
			t.Fatalf("%v %v, want %v", st.State, err, want)
		}
	}
	state(sdk.On)
	for _, a := range []sdk.Action{sdk.ActionOff, sdk.ActionOn} {
		if err := d.Do(harness.Within(t, 2*time.Minute), "", a); err != nil {
			t.Fatal(err)
		}
		on, err := m.On(t.Context())
		if err != nil || on != (a == sdk.ActionOn) {
			t.Fatalf("after %s the machine is on: %t, %v", a, on, err)
		}
		state(map[sdk.Action]sdk.State{sdk.ActionOff: sdk.Off, sdk.ActionOn: sdk.On}[a])
	}
	options["password"] = "wrong"
	if d, err = openAgent(t, options); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Status(harness.Within(t, 2*time.Minute), ""); err == nil || errors.Is(err, sdk.ClassTimeout) {
		t.Errorf("a wrong password gives %v", err)
	} else {
		t.Logf("a wrong password: %v", err)
	}
	end()
	if _, err := d.Status(harness.Within(t, 15*time.Second), ""); err == nil {
		t.Error("a BMC that is gone has a state")
	} else {
		t.Logf("a BMC that is gone: %v", err)
	}
}

// TestTheTableBeatsMetadata: fence_dummy says that it can do everything, and proves nothing unless the administrator vouches for it.
func TestTheTableBeatsMetadata(t *testing.T) {
	harness.Program(t, "fence_dummy", "fence-agents")
	file := filepath.Join(t.TempDir(), "status")
	if err := os.WriteFile(file, []byte("on"), 0o600); err != nil {
		t.Fatal(err)
	}
	options := map[string]string{"agent": "fence_dummy", "status_file": file}
	d, err := openAgent(t, options)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Status(harness.Within(t, 20*time.Second), ""); !errors.Is(err, sdk.ClassUnsupported) || d.(sdk.Kinder).Kind() != sdk.Delay {
		t.Errorf("a delay-only agent gives a state: %v", err)
	}
	options["class"] = "power"
	if _, err := openAgent(t, options); !errors.Is(err, sdk.ClassRefused) || !strings.Contains(err.Error(), "accept_class") {
		t.Errorf("the table is overridden without a word: %v", err)
	}
	options["accept_class"] = "true"
	if d, err = openAgent(t, options); err != nil {
		t.Fatal(err)
	}
	if err := d.Do(harness.Within(t, 2*time.Minute), "", sdk.ActionOff); err != nil {
		t.Fatal(err)
	}
	if st, err := d.Status(harness.Within(t, 20*time.Second), ""); err != nil || st.State != sdk.Off || d.(sdk.Kinder).Kind() != sdk.Power {
		t.Errorf("%v %v", st, err)
	}
	if _, err := d.Status(harness.Within(t, 20*time.Second), "n1"); !errors.Is(err, sdk.ClassRefused) {
		t.Errorf("it has one machine and no target: %v", err)
	}
}

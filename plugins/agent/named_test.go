package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/plugins/sdk"
	"github.com/fenced-project/fenced/test/harness"
)

// Off of one node is never said of another: where the agent obeys a key or a name that the configuration sets, whatever target it is told, a target is
// refused. Seen with Debian's own agents.
func TestATargetThatTheAgentIgnoresIsRefused(t *testing.T) {
	t.Parallel()
	for agent, options := range map[string][]string{"fence_scsi": {"key"}, "fence_mpath": {"key"}} {
		for _, option := range options {
			t.Run(agent+" "+option, func(t *testing.T) {
				t.Parallel()
				a := newArray(t, agent)
				n2 := a.at(t, "n2")
				a.register(t, a.at(t, "n1"), "a1")
				a.options["agent"] = n2
				a.options[option] = "b2"
				d, err := openAgent(t, a.options)
				if err != nil {
					t.Fatal(err)
				}
				st, err := d.Status(harness.Within(t, 30*time.Second), "a1") // registered: it writes
				if !errors.Is(err, sdk.ClassRefused) || st.State != sdk.Unknown || !strings.Contains(err.Error(), "option "+option) {
					t.Errorf("a1 is registered, and read with %s b2 it is %v, %v", option, st.State, err)
				}
				if err := d.Do(harness.Within(t, 30*time.Second), "a1", sdk.ActionOff); !errors.Is(err, sdk.ClassRefused) {
					t.Errorf("off: %v", err)
				}
			})
		}
	}
	d := &device{path: "/usr/sbin/fence_virsh", settings: settings{"uuid": sdk.NewSecret("0b3f")}, meta: metadata{Params: []param{{Name: "plug"}, {Name: "uuid"}}}}
	if _, err := d.with("guest-2"); !errors.Is(err, sdk.ClassRefused) || !strings.Contains(err.Error(), "option uuid") {
		t.Errorf("uuid beside a target: %v", err)
	}
	if _, err := d.with(""); err != nil {
		t.Errorf("uuid alone: %v", err)
	}
}

// A key that is not written as the tools print it is never found, which is off to the agents: with it a node that is registered, and writes, reads off.
func TestAKeyIsWrittenAsItIsRead(t *testing.T) {
	t.Parallel()
	for _, agent := range []string{"fence_scsi", "fence_mpath"} {
		t.Run(agent, func(t *testing.T) {
			t.Parallel()
			a := newArray(t, agent)
			n2 := a.at(t, "n2")
			a.register(t, a.at(t, "n1"), "abc1")
			a.register(t, n2, "b2") // its reservation holds
			a.options["agent"] = n2
			for _, key := range []string{"0xabc1", "ABC1", "00abc1", "abc1 ", "key of n1", "12345678901234567", "0"} {
				target := key
				if agent == "fence_scsi" {
					a.options["key"], target = key, ""
				}
				d, err := openAgent(t, a.options)
				st := sdk.Status{State: sdk.Unknown}
				if err == nil {
					st, err = d.Status(harness.Within(t, 30*time.Second), target)
				}
				if !errors.Is(err, sdk.ClassRefused) || st.State != sdk.Unknown || !strings.Contains(err.Error(), "key of a registration") {
					t.Errorf("key %q of a node that is registered: %v, %v", key, st.State, err)
				} else if strings.Contains(err.Error(), key+";") {
					t.Errorf("it shows a key: %v", err)
				}
			}
		})
	}
}

// fence_scsi makes keys of places in a list that move when a node leaves it, unless it is told not to.
func TestKeysAreNotOfPlaces(t *testing.T) {
	t.Parallel()
	a := newArray(t, "fence_scsi")
	a.options["agent"] = a.at(t, "n1")
	for _, c := range []struct {
		method, key string
		ok          bool
	}{{"", "", false}, {"id", "", false}, {"hash", "", true}, {"id", "abc1", true}, {"", "abc1", true}} {
		delete(a.options, "key_value")
		delete(a.options, "key")
		if c.method != "" {
			a.options["key_value"] = c.method
		}
		if c.key != "" {
			a.options["key"] = c.key
		}
		_, err := openAgent(t, a.options)
		if (err == nil) != c.ok || err != nil && (!errors.Is(err, sdk.ClassRefused) || !strings.Contains(err.Error(), "option key_value must be hash")) {
			t.Errorf("key_value %q, key %q: %v", c.method, c.key, err)
		}
	}
	old := metadata{Name: "fence_scsi", Params: []param{{Name: "key"}, {Name: "devices"}}}
	if err := reservations["fence_scsi"].lasting(old, settings{}); err == nil || !strings.Contains(err.Error(), "option key is required") {
		t.Errorf("an agent that knows no other way: %v", err)
	}
}

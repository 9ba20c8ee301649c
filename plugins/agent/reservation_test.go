package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/plugins/sdk"
	"github.com/fenced-project/fenced/test/harness"
)

// array is two disks with persistent reservations, which Debian's own agents speak to; only the tools below those are pretended.
type array struct {
	dir     string
	agent   string // fence_scsi or fence_mpath
	options map[string]string
}

func newArray(t *testing.T, agent string) array {
	t.Helper()
	a := array{dir: t.TempDir(), agent: agent}
	a.options = map[string]string{"devices": filepath.Join(a.dir, "disk1") + "," + filepath.Join(a.dir, "disk2")}
	for _, disk := range strings.Split(a.options["devices"], ",") {
		if err := os.WriteFile(disk, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tool := install(t, "persist", "persist")
	if agent == "fence_mpath" {
		a.options["mpathpersist_path"] = tool
		return a
	}
	a.options["sg_persist_path"], a.options["key_value"] = tool, "hash"
	a.options["sg_turs_path"] = write(t, "sg_turs", "#!/bin/sh\nexit 0\n")
	a.options["corosync_cmap_path"] = write(t, "corosync-cmapctl", "#!/bin/sh\necho 'totem.cluster_name (str) = c'\n")
	return a
}

// at is the installed agent as one node has it: it keeps what it registered in a place of the node's own, and takes a file for a disk.
func (a array) at(t *testing.T, node string) string {
	t.Helper()
	b, err := os.ReadFile(harness.Program(t, a.agent, "fence-agents"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	store := filepath.Join(t.TempDir(), node)
	for old, now := range map[string]string{
		"/var/run/cluster": store, "not stat.S_ISBLK(os.stat(dev).st_mode)": "not os.path.exists(dev)",
	} {
		if !strings.Contains(text, old) {
			t.Fatalf("%s has no %q", a.agent, old)
		}
		text = strings.ReplaceAll(text, old, now)
	}
	return write(t, a.agent, text)
}

// register does what a node does at boot: the agent's on, on the node itself.
func (a array) register(t *testing.T, agent, key string) {
	t.Helper()
	in := "action=on\nplug=" + key + "\n"
	for k, v := range a.options {
		in += k + "=" + v + "\n"
	}
	cmd := exec.CommandContext(harness.Within(t, 30*time.Second), agent)
	cmd.Stdin = strings.NewReader(in)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("registering %s: %v\n%s", key, err, out)
	}
}

// forget is an array that was restarted and kept nothing, or one disk of it.
func (a array) forget(t *testing.T, disks ...string) {
	t.Helper()
	for _, disk := range disks {
		for _, what := range []string{".keys", ".held"} {
			if err := os.WriteFile(filepath.Join(a.dir, disk+what), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestRegistrationsAreCutForReal: Debian's fence_scsi and fence_mpath, through the adapter, from a node that cuts another one off. To be unregistered
// is to be cut off only while a reservation holds on every disk; and a node is registered by nobody but itself.
func TestRegistrationsAreCutForReal(t *testing.T) {
	t.Parallel()
	for _, agent := range []string{"fence_scsi", "fence_mpath"} {
		t.Run(agent, func(t *testing.T) {
			t.Parallel()
			a := newArray(t, agent)
			n1, n2 := a.at(t, "n1"), a.at(t, "n2")
			a.options["agent"] = n2
			d, err := openAgent(t, a.options)
			if err != nil {
				t.Fatal(err)
			}
			delete(a.options, "agent")
			if d.(sdk.Kinder).Kind() != sdk.Storage {
				t.Errorf("it is of kind %s", d.(sdk.Kinder).Kind())
			}
			off := func() error { return d.Do(harness.Within(t, 30*time.Second), "a1", sdk.ActionOff) }
			is := func(when string, want sdk.State) {
				t.Helper()
				st, err := d.Status(harness.Within(t, 30*time.Second), "a1")
				if want == "" && (!errors.Is(err, sdk.ClassRefused) || !strings.Contains(err.Error(), "has no reservation")) || want != "" && (err != nil || st.State != want) {
					t.Errorf("%s: it says %v, %v; want %q", when, st.State, err, want)
				}
			}
			is("nobody is registered", "")
			if err := off(); err != nil { // it calls that done already
				t.Error(err)
			}
			is("nobody is registered, after off", "")

			a.register(t, n1, "a1")
			a.register(t, n2, "b2")
			is("both are registered", sdk.On)
			if err := off(); err != nil {
				t.Error(err)
			}
			is("cut off", sdk.Off)
			if err := d.Do(harness.Within(t, 30*time.Second), "a1", sdk.ActionOn); !errors.Is(err, sdk.ClassUnsupported) {
				t.Errorf("on, from another node: %v", err)
			}
			is("on, from another node", sdk.Off)
			a.register(t, n1, "a1")
			is("it registered itself", sdk.On)

			if err := off(); err != nil {
				t.Error(err)
			}
			a.forget(t, "disk2")
			is("one disk forgot", "")
			a.forget(t, "disk1", "disk2")
			is("the array forgot", "")
		})
	}
}

// What both tools say of a reservation: only one that keeps out who is not registered counts.
func TestReservationsThatKeepOut(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]bool{
		"  PR generation=0x3, there is NO reservation held":                                                                        false,
		"  PR generation=0x3, Reservation follows:\n    Key=0x1\n    scope: LU_SCOPE,  type: Write Exclusive, registrants only\n":  true,
		"  PR generation=0x3, Reservation follows:\n   Key = 0x1\n  scope = LU_SCOPE, type = Write Exclusive, registrants only":    true,
		"  PR generation=0x3, Reservation follows:\n    Key=0x0\n    scope: LU_SCOPE,  type: Exclusive Access, all registrants \n": true,
		"  PR generation=0x3, Reservation follows:\n    Key=0x1\n    scope: LU_SCOPE,  type: Write Exclusive\n":                    false,
		"  PR generation=0x3, Reservation follows:\n    Key=0x1\n    scope: LU_SCOPE,  type: Read Shared, registrants only\n":      false,
		"type: Write Exclusive, registrants only\nthere is NO reservation held":                                                    false,
		"prototype: Write Exclusive, registrants only":                                                                             false,
		"": false,
	} {
		if got := keepsOut([]byte(said)); got != want {
			t.Errorf("%q keeps out: %t", said, got)
		}
	}
}

// An agent that takes registrations away is told every disk; one whose reservation we cannot read proves nothing, unless the administrator vouches.
func TestDisksAreNamed(t *testing.T) {
	t.Parallel()
	for _, devices := range []string{"", " , ", "disk1", "/dev/a,--help"} {
		if _, err := disks(settings{"devices": sdk.NewSecret(devices)}); !errors.Is(err, sdk.ClassRefused) {
			t.Errorf("devices %q: %v", devices, err)
		}
	}
	registers := metadata{Name: "fence_other", Actions: []action{{Name: "on", OnTarget: true}, {Name: "off"}, {Name: "status"}}}
	if c := classify("/x/fence_other", registers); c.kind != sdk.Delay {
		t.Errorf("an unknown agent that registers a node is of class %s", c.kind)
	}
	path := install(t, "fence_fake", "fence_scsi")
	_, err := openAgent(t, map[string]string{"agent": path, "dir": t.TempDir()})
	if !errors.Is(err, sdk.ClassRefused) || !strings.Contains(fmt.Sprint(err), "devices is required") {
		t.Errorf("fence_scsi without devices: %v", err)
	}
}

// An agent that says off is believed where every disk has such a reservation, and nowhere else.
func TestOffNeedsAReservationOnEveryDisk(t *testing.T) {
	t.Parallel()
	a, f := newArray(t, "fence_mpath"), newFake(t)
	f.set(t, "off")
	d := f.mustOpen(t, nil).(*device)
	d.settings["devices"] = sdk.NewSecret(a.options["devices"])
	d.reserved = &reservation{tool: a.options["mpathpersist_path"], args: []string{"-i", "-r", "-d"}}
	for _, c := range []struct {
		held []string
		want sdk.State
	}{{nil, sdk.Unknown}, {[]string{"disk1"}, sdk.Unknown}, {[]string{"disk2"}, sdk.Unknown}, {[]string{"disk1", "disk2"}, sdk.Off}} {
		a.forget(t, "disk1", "disk2")
		for _, disk := range c.held {
			if err := os.WriteFile(filepath.Join(a.dir, disk+".held"), []byte("b2\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		st, err := d.Status(harness.Within(t, 30*time.Second), "n1")
		if st.State != c.want || (c.want == sdk.Off) != (err == nil) || err != nil && !errors.Is(err, sdk.ClassRefused) {
			t.Errorf("reservations on %v: it says %s, %v; want %s", c.held, st.State, err, c.want)
		}
	}
	d.reserved.tool = filepath.Join(a.dir, "nothing")
	if st, err := d.Status(harness.Within(t, 30*time.Second), "n1"); !errors.Is(err, sdk.ClassUnsupported) || st.State != sdk.Unknown {
		t.Errorf("without the tool: %v, %v", st, err)
	}
}

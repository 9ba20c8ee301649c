package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/plugins/sdk"
	"github.com/fenced-project/fenced/test/harness"
)

// What an agent of which nothing is known may prove follows from what it can do, and is the less where that is unclear.
func TestUnknownAgentsAreJudgedByWhatTheyCanDo(t *testing.T) {
	t.Parallel()
	const head, tail = `<resource-agent name="fence_x"><parameters/><actions>`, `</actions></resource-agent>`
	for actions, want := range map[string]sdk.Kind{
		`<action name="on"/><action name="off"/><action name="reboot"/><action name="status"/>`:                  sdk.Power,
		`<action name="on"/><action name="OFF"/><action name="reboot"/><action name="status"/>`:                  sdk.Power,
		`<action name="on"/><action name="off"/><action name="status"/>`:                                         sdk.Storage,
		`<action name="on" automatic="1"/><action name="off"/><action name="reboot"/><action name="status"/>`:    sdk.Storage,
		`<action name="on" required="1"/><action name="off"/><action name="reboot"/><action name="status"/>`:     sdk.Storage, // the older word
		`<action name="on" on_target="true"/><action name="off"/><action name="reboot"/><action name="status"/>`: sdk.Delay,
		`<action name="on"/><action name="off"/><action name="reboot"/>`:                                         sdk.Delay,
		`<action name="status"/><action name="reboot"/>`:                                                         sdk.Delay,
		`<action name="null"/>`: sdk.Delay,
	} {
		m, err := parseMetadata([]byte(head + actions + tail))
		if err != nil {
			t.Fatal(err)
		}
		if c := classify("/usr/sbin/fence_x", m); c.kind != want || c.why == "" {
			t.Errorf("%s is of class %s (%s), want %s", actions, c.kind, c.why, want)
		}
	}
}

// The configuration may say less of an agent than is known, more only where somebody vouches for it, and never power of one that takes away
// registrations.
func TestClassIsOverriddenByAWord(t *testing.T) {
	t.Parallel()
	all := metadata{Name: "fence_x"}
	for _, c := range []struct {
		agent    string
		from, to sdk.Kind
		accepted bool
		refused  string
	}{
		{"fence_x", sdk.Power, "", false, ""},
		{"fence_x", sdk.Power, sdk.Delay, false, ""},
		{"fence_x", sdk.Power, sdk.Power, false, ""},
		{"fence_x", sdk.Delay, sdk.Storage, false, ""},
		{"fence_x", sdk.Storage, sdk.Power, false, "accept_class"},
		{"fence_x", sdk.Storage, sdk.Power, true, ""},
		{"fence_sbd", sdk.Delay, sdk.Storage, false, "accept_class"},
		{"fence_sbd", sdk.Delay, sdk.Power, false, "accept_class"},
		{"fence_sbd", sdk.Delay, sdk.Power, true, ""},
		{"fence_brocade", sdk.Storage, sdk.Power, false, "accept_class"},
		{"fence_brocade", sdk.Storage, sdk.Delay, false, ""},
		{"fence_scsi", sdk.Storage, sdk.Power, false, "never of class power"},
		{"fence_scsi", sdk.Storage, sdk.Power, true, "never of class power"},
		{"fence_mpath", sdk.Storage, sdk.Power, true, "never of class power"},
		{"fence_scsi", sdk.Storage, sdk.Delay, false, ""},
	} {
		got, err := class{c.from, "a reason"}.overridden("/usr/sbin/"+c.agent, all, c.to, c.accepted)
		switch {
		case c.refused != "":
			if !errors.Is(err, sdk.ClassRefused) || !strings.Contains(err.Error(), c.refused) || !strings.Contains(err.Error(), "a reason") {
				t.Errorf("%+v: %v", c, err)
			}
		case err != nil || c.to != "" && got.kind != c.to || c.to == "" && got.kind != c.from:
			t.Errorf("%+v: %v, %v", c, got, err)
		}
	}
}

// linked is an agent of which one file has two names, and does something else by each: the machine is off for whoever calls it fence_second.
const linked = `#!/bin/sh
name=${0##*/}
while read -r l; do case $l in action=*) action=${l#*=} ;; esac; done
case $action in
metadata) echo "<resource-agent name='$name'><symlink name='fence_second'/><parameters/><actions><action name='on'/><action name='off'/><action name='reboot'/><action name='status'/></actions></resource-agent>" ;;
status) [ "$name" = fence_first ] || exit 2 ;;
esac
`

// An agent that is a link runs under the name that it is called by; its class is also that of what the link ends at.
func TestAgentsThatAreLinks(t *testing.T) {
	t.Parallel()
	dir := filepath.Dir(write(t, "fence_first", linked))
	for name, to := range map[string]string{"fence_second": "fence_first", "fence_third": "fence_second", "fence_mine": "fence_sbd", "fence_lost": "fence_nothing"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "fence_sbd"), []byte(linked), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	for name, want := range map[string]sdk.State{"fence_first": sdk.On, "fence_second": sdk.Off, "fence_third": sdk.Off} {
		d, err := openAgent(t, map[string]string{"agent": filepath.Join(dir, name)})
		if err != nil {
			t.Fatal(err)
		}
		if st, err := d.Status(harness.Within(t, 20*time.Second), ""); err != nil || st.State != want || d.(sdk.Kinder).Kind() != sdk.Power {
			t.Errorf("%s says %v, %v and is of class %s; want %s of class power", name, st.State, err, d.(sdk.Kinder).Kind(), want)
		}
	}
	if d, err := openAgent(t, map[string]string{"agent": filepath.Join(dir, "fence_mine")}); err != nil || d.(sdk.Kinder).Kind() != sdk.Delay {
		t.Errorf("a link to fence_sbd: %v", err)
	}
	if _, err := openAgent(t, map[string]string{"agent": filepath.Join(dir, "fence_lost")}); !errors.Is(err, sdk.ClassUnsupported) {
		t.Errorf("a link to nothing: %v", err)
	}
}

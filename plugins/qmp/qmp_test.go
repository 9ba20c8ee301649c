package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/plugins/plugintest"
	"github.com/fenced-project/fenced/plugins/sdk"
	"github.com/fenced-project/fenced/test/harness"
)

func mustBe(t *testing.T, d sdk.Device, want sdk.State) {
	t.Helper()
	st, err := d.Status(harness.Within(t, 10*time.Second), "")
	if err != nil || st.State != want || len(st.UUIDs) != 1 || st.UUIDs[0] != testUUID {
		t.Fatalf("%+v %v, want %s with its UUID", st, err, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// events collects what a machine tells on its second monitor until f has run and the last of `until` was seen.
func events(t *testing.T, m machine, until string, f func()) string {
	t.Helper()
	mon, err := connect(harness.Within(t, 30*time.Second), "unix", m.other)
	must(t, err)
	defer mon.close()
	f()
	var seen []string
	for !strings.HasSuffix(strings.Join(seen, " "), until) {
		msg, err := mon.next()
		if err != nil {
			t.Fatalf("after %v: %v", seen, err)
		}
		seen = append(seen, msg.Event)
	}
	return strings.Join(seen, " ")
}

func TestOffAndOn(t *testing.T) {
	t.Parallel()
	m := startQEMU(t)
	for way, where := range m.ways() {
		t.Run(way, func(t *testing.T) { offAndOn(t, m, open(t, where)) })
	}
}

func offAndOn(t *testing.T, m machine, d sdk.Device) {
	mustBe(t, d, sdk.On)
	for range 2 { // off of what is off is no error, and stays off
		must(t, d.Do(harness.Within(t, 10*time.Second), "", sdk.ActionOff))
		harness.Await(t, func() error { return is(t, d, sdk.Off) })
	}
	mon, err := connect(harness.Within(t, 10*time.Second), "unix", m.other)
	must(t, err)
	if err := mon.do("cont", nil); !errors.Is(err, sdk.ClassRefused) {
		t.Errorf("a machine that reads off can be continued: %v", err) // then off would be no proof
	}
	mon.close()
	must(t, d.Do(harness.Within(t, 10*time.Second), "", sdk.ActionOn))
	mustBe(t, d, sdk.On)
	must(t, d.Do(harness.Within(t, 10*time.Second), "", sdk.ActionOn))
	mustBe(t, d, sdk.On)
	must(t, d.Do(harness.Within(t, 10*time.Second), "", sdk.ActionDiag))
	m.do(t, "system_reset", nil) // a reset is a reset again
	harness.Await(t, func() error { return is(t, d, sdk.On) })
}

func is(t *testing.T, d sdk.Device, want sdk.State) error {
	t.Helper()
	st, err := d.Status(harness.Within(t, 5*time.Second), "")
	if err == nil && st.State != want {
		err = fmt.Errorf("it is %s (%s), want %s", st.State, st.Detail, want)
	}
	return err
}

// A machine that somebody paused is not off, and is never continued: its old life is reset before anything runs.
func TestPausedIsNotOff(t *testing.T) {
	t.Parallel()
	m := startQEMU(t)
	d := open(t, map[string]string{"socket": m.socket})
	m.do(t, "stop", nil)
	mustBe(t, d, sdk.Unknown)
	if err := d.Do(harness.Within(t, 10*time.Second), "", sdk.ActionOn); !errors.Is(err, sdk.ClassLimbo) {
		t.Errorf("on of a paused machine: %v", err)
	}
	mustBe(t, d, sdk.Unknown)
	seen := events(t, m, "SHUTDOWN STOP", func() { must(t, d.Do(harness.Within(t, 10*time.Second), "", sdk.ActionOff)) })
	if seen != "RESET RESUME SHUTDOWN STOP" {
		t.Errorf("it went %s: the old life must be reset before it resumes", seen)
	}
	mustBe(t, d, sdk.Off)
}

// A second client of the same monitor waits until the first is gone: the call ends by its deadline.
func TestBusyMonitor(t *testing.T) {
	t.Parallel()
	m := startQEMU(t)
	mon, err := connect(harness.Within(t, 10*time.Second), "unix", m.socket)
	must(t, err)
	d := open(t, map[string]string{"socket": m.socket})
	ctx := harness.Within(t, time.Second)
	if _, err := d.Status(ctx, ""); !errors.Is(err, sdk.ClassTimeout) || ctx.Err() != nil {
		t.Errorf("%v, and over: %v", err, ctx.Err())
	}
	mon.close()
	harness.Await(t, func() error { return is(t, d, sdk.On) })
}

func TestBadMonitors(t *testing.T) {
	t.Parallel()
	ok := func(state, uuid string) func(string, int) string {
		return func(name string, id int) string {
			switch name {
			case "query-status":
				return result(id, state)
			case "query-uuid":
				return result(id, fmt.Sprintf(`{"UUID":%q}`, uuid))
			}
			return result(id, "{}")
		}
	}
	silent := func(string, int) string { return "" }
	for name, c := range map[string]struct {
		greeting string
		answer   func(string, int) string
		class    sdk.Class
		state    sdk.State
	}{
		"silent":           {"", silent, sdk.ClassTimeout, sdk.Unknown},
		"hangs":            {hello, silent, sdk.ClassTimeout, sdk.Unknown},
		"no monitor":       {"SSH-2.0-OpenSSH_9\n", silent, sdk.ClassRefused, sdk.Unknown},
		"other greeting":   {`{"hello":1}` + "\n", silent, sdk.ClassRefused, sdk.Unknown},
		"a long line":      {strings.Repeat("x", maxLine+10) + "\n", silent, sdk.ClassRefused, sdk.Unknown},
		"flood of events":  {hello, func(_ string, _ int) string { return strings.Repeat(`{"event":"X"}`+"\n", maxRead/10) }, sdk.ClassRefused, sdk.Unknown},
		"another's answer": {hello, func(_ string, id int) string { return result(id+1, `{"status":"shutdown"}`) }, sdk.ClassRefused, sdk.Unknown},
		"error": {hello, func(_ string, id int) string {
			return fmt.Sprintf(`{"error":{"class":"GenericError","desc":"no"},"id":%d}`+"\n", id)
		}, sdk.ClassRefused, sdk.Unknown},
		"old": {hello, func(_ string, id int) string {
			return fmt.Sprintf(`{"error":{"class":"CommandNotFound","desc":"no"},"id":%d}`+"\n", id)
		}, sdk.ClassUnsupported, sdk.Unknown},
		"off and running": {hello, ok(`{"status":"shutdown","running":true}`, testUUID), "", sdk.Unknown},
		"migrated":        {hello, ok(`{"status":"postmigrate","running":false}`, testUUID), "", sdk.Unknown},
		"nonsense state":  {hello, ok(`{"status":"off","running":false}`, testUUID), "", sdk.Unknown},
		"wrong type":      {hello, ok(`[]`, testUUID), sdk.ClassRefused, sdk.Unknown},
		"no uuid":         {hello, ok(`{"status":"shutdown","running":false}`, "00000000-0000-0000-0000-000000000000"), "", sdk.Off},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, map[string]string{"address": pretend(t, c.greeting, c.answer), "timeout": "1s"})
			st, err := d.Status(harness.Within(t, 10*time.Second), "")
			if sdk.ClassOf(err) != c.class || st.State != c.state {
				t.Errorf("%s %v, want %s %q", st.State, err, c.state, c.class)
			}
			if name == "no uuid" && len(st.UUIDs) > 0 {
				t.Errorf("all zeros are no identity: %v", st.UUIDs)
			}
		})
	}
	migrated := open(t, map[string]string{"address": pretend(t, hello, ok(`{"status":"postmigrate","running":false}`, testUUID))})
	if err := migrated.Do(harness.Within(t, 10*time.Second), "", sdk.ActionOff); !errors.Is(err, sdk.ClassLimbo) {
		t.Errorf("off of a machine that was migrated away: %v", err)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for name, values := range map[string]map[string]string{
		"neither": {}, "both": {"socket": "/a", "address": "h:1"}, "relative": {"socket": "a"}, "no port": {"address": "h"}, "timeout": {"socket": "/a", "timeout": "2h"},
	} {
		o, err := plugin{}.Describe().NewOptions(values)
		must(t, err)
		if _, err := (plugin{}).Open(harness.Within(t, time.Second), "d", o); !errors.Is(err, sdk.ClassRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	d := open(t, map[string]string{"socket": filepath.Join(t.TempDir(), "none")})
	if _, err := d.Status(harness.Within(t, time.Second), ""); !errors.Is(err, sdk.ClassUnreachable) {
		t.Errorf("no socket: %v", err)
	}
	if _, err := d.Status(harness.Within(t, time.Second), "vm"); !errors.Is(err, sdk.ClassRefused) {
		t.Errorf("a target: %v", err)
	}
}

// TestConformance runs the built plugin under the real host against a real QEMU, through every case of `fenced plugin test`, by a socket and by TCP.
func TestConformance(t *testing.T) {
	t.Parallel()
	path := harness.Plugin(t, "qmp")
	m := startQEMU(t)
	for way, where := range m.ways() {
		t.Run(way, func(t *testing.T) { conforms(t, path, m, where) })
	}
}

func conforms(t *testing.T, path string, m machine, device map[string]string) {
	behind := open(t, map[string]string{"socket": m.other})
	lying := pretend(t, hello, func(name string, id int) string {
		switch name {
		case "query-status":
			return result(id, `{"status":"running","running":true}`)
		case "query-uuid":
			return result(id, fmt.Sprintf(`{"UUID":%q}`, testUUID))
		}
		return result(id, "{}")
	})
	other := func(address string) map[string]string { return map[string]string{"socket": "", "address": address} }
	must(t, plugintest.Run(harness.Within(t, 120*time.Second), plugintest.Options{
		Path: path, Device: device, AllowPower: true, Slow: 4,
		SetState: func(ctx context.Context, s string) error { return behind.Do(ctx, "", sdk.Action(s)) },
		Knobs: map[string]map[string]string{
			"timeout": other(pretend(t, hello, func(string, int) string { return "" })), "lie": other(lying), "unreachable": {"socket": "/nonexistent/socket", "address": ""},
			"refused": other(pretend(t, "SSH\n", func(string, int) string { return "" })),
		},
	}, func(c plugintest.Case) {
		t.Logf("%-4s %-20s %5d ms %s", c.Outcome, c.Name, c.Took.Milliseconds(), c.Text)
		// A monitor has one target, and of two options exactly one is needed: TestOptions refuses both mistakes.
		if c.Outcome != plugintest.Pass && c.Name != "no such target" && c.Name != "missing option" {
			t.Errorf("%s: %s %s", c.Name, c.Outcome, c.Text)
		}
	}))
}

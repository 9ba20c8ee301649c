package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/plugins/host"
	"github.com/fenced-project/fenced/test/harness"
)

// served is a real host with the built plugin and a device at a well-behaved agent, "good".
func served(t *testing.T, devices ...host.DeviceConfig) *host.Host {
	t.Helper()
	run, err := os.MkdirTemp("", "fa") // short: it holds sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(run) })
	h, err := host.New(host.Config{ // none of its times ends a plugin that only has a busy machine
		Dir: filepath.Dir(harness.Plugin(t, "agent")), RunDir: run, Logger: slog.New(slog.DiscardHandler),
		StartTimeout: time.Minute, HealthInterval: time.Hour, Grace: 5 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	good := newFake(t)
	if err := h.Configure(append(devices, host.DeviceConfig{Name: "good", Plugin: "agent", Options: map[string]string{"agent": good.path, "dir": good.dir}})); err != nil {
		t.Fatal(err)
	}
	return h
}

// running is the only process of the plugin.
func running(t *testing.T, h *host.Host) int {
	t.Helper()
	ps := h.Processes()
	if len(ps) != 1 || ps[0].Draining {
		t.Fatalf("the processes are %+v", ps)
	}
	return ps[0].PID
}

const description = `<resource-agent name="fence_x"><parameters><parameter name="plug" required="1"><content type="string"/></parameter></parameters><actions><action name="on"/><action name="off"/><action name="status"/></actions></resource-agent>`

// Each bad agent costs its own call, with the class that it must get, through the real host: the plugin goes on in the same process, another agent is
// served as before, and nothing that the bad one started is left. What it says is never off.
func TestBadAgents(t *testing.T) {
	type bad struct {
		mode, program string
		class         host.Class
		state         fence.PowerState
		limit         time.Duration
	}
	agents := map[string]bad{
		"its interpreter is missing": {program: "#!/nonexistent/python\n", class: host.ClassUnsupported},
		"half its metadata":          {program: "#!/bin/sh\nprintf '%.60s' '" + description + "'\n", class: host.ClassRefused},
		"writes a gigabyte":          {mode: "gigabyte", class: host.ClassOK, state: fence.PowerOn, limit: time.Minute},
		"writes without end":         {mode: "flood", class: host.ClassTimeout, limit: 3 * time.Second},
		"forks a daemon":             {mode: "daemon", class: host.ClassOK, state: fence.PowerOn},
		"ignores TERM":               {mode: "stubborn", class: host.ClassTimeout, limit: 3 * time.Second},
		"reads no stdin":             {program: "#!/bin/sh\necho '" + description + "'\n", class: host.ClassOK, state: fence.PowerOn},
		"closes its pipes":           {mode: "close", class: host.ClassOK, state: fence.PowerOn},
		"hangs":                      {mode: "hang", class: host.ClassTimeout, limit: 3 * time.Second},
		"says nothing of itself":     {program: "#!/bin/sh\nexit 0\n", class: host.ClassRefused},
		"hangs before it begins":     {program: "#!/bin/sh\nexec sleep 600\n", class: host.ClassTimeout, limit: 3 * time.Second},
	}
	var devices []host.DeviceConfig
	fakes := map[string]fake{}
	for name, a := range agents {
		d := host.DeviceConfig{Name: name, Plugin: "agent", Options: map[string]string{"agent": ""}, Secrets: map[string]host.Secret{}}
		if a.program != "" {
			d.Options["agent"] = write(t, "fence_x", a.program)
		} else {
			f := newFake(t)
			fakes[name] = f
			d.Options = map[string]string{"agent": f.path, "dir": f.dir, "mode": a.mode}
			d.Secrets["password"] = host.NewSecret(strings.Repeat("x", 100_000)) // more than a pipe holds
		}
		devices = append(devices, d)
	}
	h := served(t, devices...)
	if _, err := h.Status(harness.Within(t, 50*time.Second), "good", "n1"); err != nil {
		t.Fatal(err)
	}
	before := running(t, h)
	for name, a := range agents {
		t.Run(name, func(t *testing.T) {
			if a.limit == 0 {
				a.limit = 50 * time.Second
			}
			r, err := h.Status(harness.Within(t, a.limit), name, "n1")
			if host.ClassOf(err) != a.class || r.State != a.state && (err == nil || r.State != fence.PowerUnknown) {
				t.Errorf("it is %s, %v; want %s and %q", r.State, err, a.class, a.state)
			}
			for _, left := range []string{"child", "daemon"} {
				b, err := os.ReadFile(filepath.Join(fakes[name].dir, left))
				if err != nil {
					continue
				}
				pid, _ := strconv.Atoi(strings.TrimSpace(string(b)))
				ended(t, "its "+left, pid)
			}
			if r, err := h.Status(harness.Within(t, 50*time.Second), "good", "n1"); err != nil || r.State != fence.PowerOn {
				t.Errorf("after it another agent says %s, %v", r.State, err)
			}
		})
	}
	if after := running(t, h); after != before {
		t.Errorf("a bad agent cost the plugin its process: it was %d, is %d", before, after)
	}
}

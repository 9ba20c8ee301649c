package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fenced-project/fenced/client"
)

// Setup is what tests choose of the machines' configuration.
type Setup struct {
	// AllAsk: whoever mounts the file system asks fenced first, so a machine on which nobody did may be stateless. Without it every member counts
	// as stateful, because the kernel's dlm asks nobody (R12): what is right for dlm as it comes.
	AllAsk bool
	// SelfFence lets the daemon end its own machine, as its unit does; without it a machine with state left over stays out and votes.
	SelfFence bool
	// Watchdog is the kernel's module of a watchdog (softdog, i6300esb), which fenced-watchdog holds; "" is none.
	Watchdog string
	// Paused declares that watchdogs run while a machine is paused, which those of the lab do not need to be asked: nobody pauses one (R15).
	Paused bool
	// Lease is fenced's lease on a quiet host, for who needs another one than the rest; a daemon that restarts has nine tenths of it (R26).
	Lease time.Duration
	// Systemd is the number of the machine whose userland is systemd, with fenced's units and Debian's of corosync and dlm; 0: busybox on all of them.
	Systemd int
}

// What is configured on a quiet host. An emulated machine stands still for seconds while others of the host's processors are busy, and nothing may take
// that for a death: what is proven here is order, not speed. stretch makes all of it longer on a busy host.
const (
	token          = 8 * time.Second
	failureTimeout = 12 * time.Second
	pingInterval   = time.Second
	lease          = 30 * time.Second // longer than a ring needs that forms without one (token and consensus): no survivor's lease may end by that
	postJoinDelay  = 45 * time.Second // a host that got busy after the boot was seen to take 30 s to start the plugin of a machine that came back
	watchdog       = 15 * time.Second
)

// Machines that answer bootQuiet after they were switched on run on a quiet host; on one that needs longer, everything takes as many times as long, up to
// slowest.
const (
	bootQuiet = 12 * time.Second
	slowest   = 5
)

// stretch is how long something takes here that takes d on a quiet host, in whole tenths of a second.
func (l *Lab) stretch(d time.Duration) time.Duration {
	return time.Duration(float64(d) * max(1, min(slowest, l.slow))).Round(100 * time.Millisecond)
}

func (l *Lab) policy() string {
	s := l.setup
	words := []string{fmt.Sprintf("idle_stateless: %v", s.AllAsk), "brake_window: 1m"}
	if s.Paused {
		words = append(words, "watchdog_while_paused: true")
	}
	if !s.SelfFence {
		words = append(words, "on_residual: vote-only")
	}
	p := "policy: {" + strings.Join(words, ", ") + "}\n"
	if s.Watchdog != "" {
		p += fmt.Sprintf("watchdog: {mode: required, devices: /dev/watchdog0, timeout: %v}\n", l.stretch(watchdog).Round(time.Second))
	}
	return p
}

func (l *Lab) timings() string {
	lease := lease
	if l.setup.Lease != 0 {
		lease = l.setup.Lease
	}
	return fmt.Sprintf("timings: {failure_timeout: %v, ping_interval: %v, lease: %v, post_join_delay: %v}\n"+
		"residual: {probe_timeout: 10s, scan_timeout: 15s}\nplugins: {bmc: {start_timeout: 30s}}\n",
		l.stretch(failureTimeout), l.stretch(pingInterval), l.stretch(lease), l.stretch(postJoinDelay))
}

// fencedYAML is the configuration of all machines. R27: with dlm on the node the membership engine is corosync, whose nodelist has ids and addresses.
func (l *Lab) fencedYAML() string {
	var b strings.Builder
	b.WriteString("cluster: lab\nmembership: {provider: corosync}\n" + l.timings() + l.policy() + "api: {group: fenced}\nnodes:\n")
	levels := "[bmc]"
	if l.setup.Watchdog != "" {
		levels = "[bmc, {wait: watchdog}]"
	}
	for _, m := range l.Machines {
		fmt.Fprintf(&b, "  %s:\n    id: %d\n    machine: {uuid: %s}\n    devices:\n      bmc: {plugin: bmc, address: 10.0.2.2, port: %d, username: %s, password_file: /etc/fenced/bmc, effect: 5s, attempt_timeout: 60s}\n    levels: %s\n",
			m.Name(), m.ID, m.UUID(), m.BMCPort(), BMCUser, levels)
	}
	return b.String()
}

// Status asks a machine's fenced.
func (m *Machine) Status(ctx context.Context) (client.Status, error) {
	var s client.Status
	r, err := m.Try(ctx, "tool status -", "")
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal([]byte(r.Out), &s); err != nil {
		return s, fmt.Errorf("%s: tool status ended with %d: %s", m.Name(), r.Code, r.Err+r.Out)
	}
	return s, nil
}

// Flagged reports whether a machine's fenced says this flag of a node.
func (m *Machine) Flagged(ctx context.Context, of *Machine, flag string) (bool, error) {
	s, err := m.Status(ctx)
	for _, n := range s.Nodes {
		if err == nil && n.Name == of.Name() && slices.Contains(n.Flags, flag) {
			return true, nil
		}
	}
	return false, err
}

// Attention is what a machine's fenced says under a code, "" for nothing.
func (m *Machine) Attention(ctx context.Context, code string) (string, error) {
	s, err := m.Status(ctx)
	for _, a := range s.Attention {
		if err == nil && a.Code == code {
			return a.Text, nil
		}
	}
	return "", err
}

// State is what a machine's fenced says of a node.
func (m *Machine) State(ctx context.Context, of *Machine) (string, error) {
	s, err := m.Status(ctx)
	if err != nil {
		return "", err
	}
	for _, n := range s.Nodes {
		if n.Name == of.Name() {
			return n.State, nil
		}
	}
	return "", fmt.Errorf("%s does not know %s", m.Name(), of.Name())
}

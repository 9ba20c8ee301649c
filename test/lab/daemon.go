package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

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
}

func (s Setup) policy() string {
	words := []string{fmt.Sprintf("idle_stateless: %v", s.AllAsk), "brake_window: 1m"}
	if !s.SelfFence {
		words = append(words, "on_residual: vote-only")
	}
	p := "policy: {" + strings.Join(words, ", ") + "}\n"
	if s.Watchdog != "" {
		p += "watchdog: {mode: required, devices: /dev/watchdog0, timeout: 10s}\n"
	}
	return p
}

// fencedYAML is the configuration of all machines. R27: with dlm on the node the membership engine is corosync, whose nodelist has ids and addresses.
func (l *Lab) fencedYAML() string {
	var b strings.Builder
	b.WriteString("cluster: lab\nmembership: {provider: corosync}\ntimings: {failure_timeout: 6s, ping_interval: 500ms, lease: 10s, post_join_delay: 30s}\n" + l.setup.policy() + "residual: {probe_timeout: 10s, scan_timeout: 15s}\napi: {group: fenced}\nplugins: {bmc: {start_timeout: 20s}}\nnodes:\n")
	for _, m := range l.Machines {
		fmt.Fprintf(&b, "  %s:\n    id: %d\n    machine: {uuid: %s}\n    devices:\n      bmc: {plugin: bmc, address: 10.0.2.2, port: %d, username: %s, password_file: /etc/fenced/bmc, effect: 5s}\n    levels: [bmc]\n",
			m.Name(), m.ID, m.UUID(), m.BMCPort(), BMCUser)
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

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strconv"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/plugins/host"
)

// faster is how much faster than the agent a native plugin is to be, overhead what the adapter may add to an agent's own time, in milliseconds.
const (
	faster   = 10
	overhead = 5
)

// agentTime bounds one step of one way; agents take seconds on a busy machine.
const agentTime = time.Minute

// contest is one simulated device and the ways to switch it: plugins of ours, Debian's agent by itself, and that agent through the adapter.
type contest struct {
	name   string // of its lines: NAME, NAME-agent, NAME-adapter, and NAME-ipmitool where there is that driver
	kind   string // of the hardware
	agent  string
	native host.DeviceConfig
	// tool is a second driver of the native plugin, nil for none.
	tool *host.DeviceConfig
	// settings are the agent's, through the adapter and by itself. power_wait is always 0: its default is a sleep.
	settings map[string]string
	target   string // for the native plugin
}

// rivalry is the measure of a contest.
func rivalry(name, kind string) measure {
	names := []string{name, name + "-agent", name + "-adapter", name + overheadOf}
	if kind == kindIPMI {
		names = append(names, name+"-ipmitool")
	}
	return measure{names, func(ctx context.Context, r *run) error { return r.rivals(ctx, names, kind) }}
}

// overheadOf ends the name of what the adapter adds to the agent.
const overheadOf = "-adapter-overhead"

func bmcOf(h *hardware, driver string, more map[string]string) host.DeviceConfig {
	o := map[string]string{"address": "127.0.0.1", "port": strconv.Itoa(h.Ports[0]), "username": hwUser, "driver": driver}
	maps.Copy(o, more)
	return host.DeviceConfig{Name: driver, Plugin: "bmc", Options: o, Secrets: map[string]host.Secret{"password": host.NewSecret(hwPassword)}}
}

// contests are what is compared; h is the hardware of the kind.
var contests = map[string]func(h *hardware) contest{
	nameIPMI: func(h *hardware) contest {
		tool := bmcOf(h, "ipmitool", nil)
		return contest{name: nameIPMI, kind: kindIPMI, agent: "fence_ipmilan", native: bmcOf(h, "go-ipmi", nil), tool: &tool, settings: map[string]string{
			"ip": "127.0.0.1", "ipport": strconv.Itoa(h.Ports[0]), "lanplus": "1", "cipher": "3", "username": hwUser, "password": hwPassword, "power_wait": "0",
		}}
	},
	namePDU: func(h *hardware) contest {
		return contest{name: namePDU, kind: kindPDU, agent: "fence_apc_snmp", target: "1", native: host.DeviceConfig{
			Name: "pdu", Plugin: "pdu", Options: map[string]string{"address": "127.0.0.1", "port": strconv.Itoa(h.Ports[0]), "version": "2c"},
			Secrets: map[string]host.Secret{"community": host.NewSecret(hwCommunity)},
		}, settings: map[string]string{
			"ip": "127.0.0.1", "ipport": strconv.Itoa(h.Ports[0]), "snmp_version": "2c", "community": hwCommunity, "plug": "1", "power_wait": "0",
		}}
	},
	nameRedfish: func(h *hardware) contest {
		return contest{name: nameRedfish, kind: kindRedfish, agent: "fence_redfish", native: bmcOf(h, "redfish", map[string]string{"tls": "fingerprint " + h.Fingerprint}), settings: map[string]string{
			"ip": "127.0.0.1", "ipport": strconv.Itoa(h.Ports[0]), "username": hwUser, "password": hwPassword, "ssl_insecure": "1", "power_wait": "0",
		}}
	},
}

// rivals measures one contest: off with read-back of one machine, each way in its turn, so that a busy moment hits all of them alike.
func (r *run) rivals(ctx context.Context, names []string, kind string) error {
	h, err := startHardware(ctx, kind, 1)
	if err != nil {
		return err
	}
	c := contests[names[0]](h)
	bare, err := program(c.agent)
	if err == nil && c.tool != nil {
		_, err = program("ipmitool")
	}
	if err != nil {
		return errors.Join(r.skip(err.Error(), names...), h.stop())
	}
	adapter := host.DeviceConfig{Name: "adapter", Plugin: "agent", Options: maps.Clone(c.settings), Secrets: map[string]host.Secret{}}
	adapter.Options["agent"] = c.agent
	for _, secret := range []string{"password", "community"} {
		if v, ok := c.settings[secret]; ok {
			adapter.Secrets[secret] = host.NewSecret(v)
			delete(adapter.Options, secret)
		}
	}
	devices := []host.DeviceConfig{c.native, adapter}
	if c.tool != nil {
		devices = append(devices, *c.tool)
	}
	p, err := r.newPlant(ctx, devices)
	if err != nil {
		return errors.Join(err, h.stop())
	}
	b := &bout{contest: c, plant: p, hardware: h, bare: bare}
	for i := range r.rounds() + 1 {
		if err = b.round(ctx); err != nil {
			break
		}
		if i == 0 { // fills caches
			b.times = times{}
		}
	}
	if err == nil {
		r.addBout(b)
	}
	return errors.Join(err, p.stop(), h.stop())
}

// bout is a contest while it goes on.
type bout struct {
	contest
	*plant
	hardware *hardware
	bare     string // the agent's path
	turn     int
	times
}

// times are in milliseconds, one for each round.
type times struct{ native, tool, agent, adapter, over []float64 }

// round switches the machine off once in each way.
func (b *bout) round(ctx context.Context) error {
	var agent, adapter, read float64
	ways := []func() error{
		func() (err error) { agent, err = b.timed(func() error { return b.alone(ctx) }); return err },
		func() (err error) {
			if adapter, err = b.timed(func() error { return b.off(ctx, "adapter", "") }); err == nil {
				began := time.Now()
				err = b.readOff(ctx, "adapter", "")
				read = msSince(began)
			}
			return err
		},
	}
	if b.turn++; b.turn%2 == 0 { // who comes second finds warm caches
		slices.Reverse(ways)
	}
	for _, f := range ways {
		if err := errors.Join(f(), b.switched()); err != nil {
			return err
		}
	}
	t := &b.times
	t.agent, t.adapter, t.over = append(t.agent, agent), append(t.adapter, adapter+read), append(t.over, adapter-agent)
	for _, n := range []struct {
		device *host.DeviceConfig
		to     *[]float64
	}{{&b.contest.native, &t.native}, {b.contest.tool, &t.tool}} {
		if n.device == nil {
			continue
		}
		took, err := b.timed(func() error {
			if err := b.off(ctx, n.device.Name, b.target); err != nil {
				return err
			}
			return b.readOff(ctx, n.device.Name, b.target)
		})
		if err = errors.Join(err, b.switched()); err != nil {
			return err
		}
		*n.to = append(*n.to, took)
	}
	return nil
}

func (b *bout) timed(f func() error) (float64, error) {
	began := time.Now()
	err := f()
	return msSince(began), err
}

// switched checks that the machine went off once since the last time, and moves it to on.
func (b *bout) switched() error {
	off, err := b.hardware.restore()
	if err == nil && off != 1 {
		err = fmt.Errorf("the switch was moved to off %d times, not once", off)
	}
	return err
}

func (b *bout) off(ctx context.Context, device, target string) error {
	ctx, cancel := context.WithTimeout(ctx, agentTime)
	defer cancel()
	return b.host.Do(ctx, device, target, string(fence.ActionOff))
}

func (b *bout) readOff(ctx context.Context, device, target string) error {
	ctx, cancel := context.WithTimeout(ctx, agentTime)
	defer cancel()
	r, err := b.host.Status(ctx, device, target)
	if err == nil && r.State != fence.PowerOff {
		err = fmt.Errorf("%s reads %s after off", device, r.State)
	}
	return err
}

// alone runs the agent as cluster managers do: parameters on stdin. Its off reads the state back before it ends.
func (b *bout) alone(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, agentTime)
	defer cancel()
	var in bytes.Buffer
	in.WriteString("action=off\ndisable_timeout=1\n") // what the adapter sends
	for _, k := range slices.Sorted(maps.Keys(b.settings)) {
		in.WriteString(k + "=" + b.settings[k] + "\n")
	}
	cmd := exec.CommandContext(ctx, b.bare)
	cmd.Stdin = &in
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s off: %w: %.300s", b.contest.agent, err, out)
	}
	return nil
}

// addBout adds the lines; the aims are held against the agent of the same run.
func (r *run) addBout(b *bout) {
	agent := line(b.name+"-agent", "ms", b.contest.agent+" by itself, power_wait=0, action off: it reads back itself", b.times.agent)
	beside := b.contest.agent + " by itself, in this run"
	native := line(b.name, "ms", "off and a read-back in a session of its own, through host and plugin", b.times.native)
	r.add(native.against(native.Median, goal{aim: agent.Median / faster, peer: agent.Median, who: beside}))
	if b.contest.tool != nil {
		tool := line(b.name+"-ipmitool", "ms", "the same with driver ipmitool", b.times.tool)
		r.add(tool.against(tool.Median, goal{peer: agent.Median, who: beside}))
	}
	r.add(agent)
	adapter := line(b.name+"-adapter", "ms", "off through the adapter, and a read-back in a run of its own", b.times.adapter)
	r.add(adapter.against(adapter.Median, goal{peer: agent.Median, who: beside}))
	over := line(b.name+overheadOf, "ms", "off alone, through the adapter less by itself, round by round", b.over)
	r.add(over.against(over.Median, goal{aim: overhead}))
}

// program is the path of a fence agent, also where only root has its directory in the path.
func program(name string) (string, error) {
	for _, p := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(p); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed: `make deps` does it", name)
}

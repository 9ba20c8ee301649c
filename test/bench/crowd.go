package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/engine"
	"github.com/fenced-project/fenced/fence/operation"
	"github.com/fenced-project/fenced/plugins/host"
)

// bmcSettle is what the bmc plugin declares (R16 c): time that passes whoever waits.
const bmcSettle = 100 * time.Millisecond

// crowdTime bounds one crowd.
const crowdTime = 60 * time.Second

// crowd is many victims at once, each with a device of its own, as a daemon performs them when nothing holds them back: operations of
// fence/operation in one engine over one plugin host. No log, no brake, and max_concurrent as large as the crowd.
type crowd struct {
	*plant
	specs  []operation.Spec
	settle time.Duration
}

// surge is what one crowd took, in seconds; settling is in whole and not in less.
type surge struct{ whole, less, cpu float64 }

// ipmiCrowd measures n power-offs with read-back by IPMI at once.
func (r *run) ipmiCrowd(ctx context.Context, n int, name, cpu string) error {
	starting, cancel := context.WithTimeout(ctx, hardwareStart)
	defer cancel()
	h, err := startHardware(ctx, kindIPMI, n)
	if err != nil {
		return err
	}
	p, err := r.newPlant(starting, ipmiDevices(h, nil))
	if err != nil {
		return errors.Join(err, h.stop())
	}
	c := &crowd{plant: p, settle: bmcSettle, specs: specs(n, bmcSettle, func(i int) (string, string) { return h.UUIDs[i], "" })}
	var all []surge
	var pretending []float64
	for i := range r.rounds() + 1 {
		before := h.cpu()
		s, err := c.surge(ctx, uint64(i+1))
		spent := h.cpu() - before
		off := 0
		if err == nil {
			off, err = h.restore()
		}
		if err == nil && off != n {
			err = fmt.Errorf("%d of %d switches were moved", off, n)
		}
		if err != nil {
			return errors.Join(err, p.stop(), h.stop())
		}
		if i > 0 { // the first fills caches
			all, pretending = append(all, s), append(pretending, spent)
		}
	}
	r.addSurges(name, cpu, c.settle, all)
	r.add(line(name+":hardware-cpu", "s", "processor time of the simulated BMCs beside it, in no other figure", pretending))
	return errors.Join(p.stop(), h.stop())
}

func (r *run) addSurges(name, cpu string, settle time.Duration, all []surge) {
	var whole, less, used []float64
	for _, s := range all {
		whole, less, used = append(whole, s.whole), append(less, s.less), append(used, s.cpu)
	}
	r.add(line(name, "s", fmt.Sprintf("from the first request to the last proof, less %s of settling", settle), less))
	r.add(line(name+":whole", "s", "settling included", whole))
	r.add(line(cpu, "s", "processor time of engine, host and plugin", used))
}

// dummyCrowd measures victims whose devices take exactly a second to switch.
func (r *run) dummyCrowd(ctx context.Context) error {
	const n = 500
	dir, err := os.MkdirTemp(memoryDir(), "fenced-bench-power-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var devices []host.DeviceConfig
	for i := range n {
		devices = append(devices, host.DeviceConfig{Name: deviceName(i), Plugin: "dummy", Options: map[string]string{"dir": dir, "switching": "1s"}, Limit: 1})
		if err := os.WriteFile(filepath.Join(dir, deviceName(i)+".uuid"), []byte(uuid(i)), 0o600); err != nil {
			return err
		}
	}
	p, err := r.newPlant(ctx, devices)
	if err != nil {
		return err
	}
	c := &crowd{plant: p, settle: settle, specs: specs(n, settle, func(i int) (string, string) { return uuid(i), deviceName(i) })}
	var all []surge
	for i := range r.rounds() + 1 {
		for k := range n {
			if err := os.WriteFile(filepath.Join(dir, deviceName(k)), []byte("on"), 0o600); err != nil {
				return errors.Join(err, p.stop())
			}
		}
		s, err := c.surge(ctx, uint64(i+1))
		if err != nil {
			return errors.Join(err, p.stop())
		}
		if i > 0 {
			all = append(all, s)
		}
	}
	r.addSurges(nameCrowdDummy, nameCrowdDummyCPU, c.settle, all)
	return p.stop()
}

// specs are operations on n victims. Each sees all devices and all machines of the cluster, as a daemon's does.
func specs(n int, settle time.Duration, of func(i int) (machine, target string)) []operation.Spec {
	var devices []fence.Device
	var machines []fence.Machine
	for i := range n {
		devices = append(devices, fence.Device{Name: deviceName(i), Kind: fence.KindPower, Mapping: deviceName(i), SettleMS: settle.Milliseconds(), AttemptMS: 20_000, Attempts: 2, PollMS: 500, EffectMS: 90_000})
		id, _ := of(i)
		machines = append(machines, fence.Machine{UUID: id})
	}
	var out []operation.Spec
	for i := range n {
		_, target := of(i)
		j := fence.Judge{Levels: []fence.Level{{Steps: []fence.Step{{Device: deviceName(i), Target: target}}}}, Devices: devices}
		for k, m := range machines {
			if k != i {
				j.Others = append(j.Others, m)
			}
		}
		out = append(out, operation.Spec{
			Victim: fence.Victim{
				Incarnation: fence.Incarnation{Node: fence.NodeID(i + 1), Boot: "boot"}, Machine: machines[i], Cause: fence.CauseFailed, Action: fence.ActionOff, Index: 1,
			},
			ReadIndex: 1, Action: fence.ActionOff, Judge: j,
		})
	}
	return out
}

// surge performs all operations at once under a claim number of their own. Every one of them must be proven.
func (c *crowd) surge(ctx context.Context, claim uint64) (surge, error) {
	ctx, cancel := context.WithTimeout(ctx, crowdTime)
	defer cancel()
	ended := make(chan operation.Result, len(c.specs))
	e := engine.New(engine.Config{Devices: c.devices, Now: boot, MaxOperations: len(c.specs), Report: func(ev engine.Event) {
		if f, ok := ev.(engine.Finished); ok {
			ended <- f.Result
		}
	}})
	before, began := c.spent(), time.Now()
	err := c.perform(ctx, e, claim, ended)
	took, spent := time.Since(began), c.spent()-before
	if cerr := e.Close(); err == nil {
		err = cerr
	}
	return surge{whole: took.Seconds(), less: (took - c.settle).Seconds(), cpu: spent}, err
}

func (c *crowd) perform(ctx context.Context, e *engine.Engine, claim uint64, ended <-chan operation.Result) error {
	for _, s := range c.specs {
		s.Claim, s.Judge.Claim = claim, claim
		if err := e.Start(s); err != nil {
			return err
		}
	}
	for i := range c.specs {
		select {
		case res := <-ended:
			if !res.Proven {
				return fmt.Errorf("a power-off was not proven: %s", res.FailedText)
			}
		case <-ctx.Done():
			return fmt.Errorf("%d of %d power-offs ended in time", i, len(c.specs))
		}
	}
	return nil
}

// spent is the processor time of this process and the plugins, in seconds: simulated hardware is neither.
func (c *crowd) spent() float64 {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u) // fails for wrong arguments only
	sum := float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
	for _, ns := range usage(c.plugins()) {
		sum += float64(ns) / 1e9
	}
	return sum
}

// boot is CLOCK_BOOTTIME in milliseconds.
func boot() int64 {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &now) // fails for wrong arguments only
	return now.Nano() / int64(time.Millisecond)
}

// memoryDir is where files need no disk, "" where there is no such place.
func memoryDir() string {
	if st, err := os.Stat(memory); err == nil && st.IsDir() {
		return memory
	}
	return ""
}

func crowd100(ctx context.Context, r *run) error {
	return r.ipmiCrowd(ctx, 100, nameCrowd100, nameCrowd100CPU)
}

func crowd500(ctx context.Context, r *run) error {
	return r.ipmiCrowd(ctx, 500, nameCrowd500, nameCrowd500CPU)
}

func crowdDummy(ctx context.Context, r *run) error { return r.dummyCrowd(ctx) }

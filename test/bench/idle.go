package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// idle measures what a cluster takes in which nothing happens: resident memory and processor time of daemons and plugins. The worst of the
// three daemons counts: the one that leads does more.
func idle(ctx context.Context, r *run) error {
	c, err := r.start(ctx, layout{leader: 1})
	if err != nil {
		return err
	}
	return ended(c, r.idles(ctx, c))
}

func (r *run) idles(ctx context.Context, c *cluster) error {
	rest, span := 5*time.Second, 30*time.Second
	if r.quick {
		rest, span = time.Second, 5*time.Second
	}
	if err := pause(ctx, rest); err != nil {
		return err
	}
	var daemons, plugins []int
	for _, n := range c.nodes {
		daemons = append(daemons, n.cmd.Process.Pid)
		plugins = append(plugins, children(n.cmd.Process.Pid)...)
	}
	if len(plugins) < size {
		return fmt.Errorf("%d plugins run, and there are %d daemons", len(plugins), size)
	}
	before, began := usage(append(slices.Clone(daemons), plugins...)), time.Now()
	if err := pause(ctx, span); err != nil {
		return err
	}
	after, took := usage(append(slices.Clone(daemons), plugins...)), time.Since(began)
	cpu := func(pids []int) (out []float64, err error) {
		for _, p := range pids {
			if before[p] == 0 || after[p] < before[p] {
				return nil, fmt.Errorf("cannot read the processor time of process %d", p)
			}
			out = append(out, 100*float64(after[p]-before[p])/float64(took.Nanoseconds()))
		}
		return out, nil
	}
	for _, g := range []struct {
		rss, cpu string
		pids     []int
	}{{nameDaemonRSS, nameDaemonCPU, daemons}, {namePluginRSS, namePluginCPU, plugins}} {
		var mem []float64
		for _, p := range g.pids {
			kib, err := resident(p)
			if err != nil {
				return err
			}
			mem = append(mem, kib/1024)
		}
		used, err := cpu(g.pids)
		if err != nil {
			return err
		}
		r.add(line(g.rss, "MiB", "resident; the largest of them", mem).judge(slices.Max(mem)))
		r.add(line(g.cpu, "%", fmt.Sprintf("of one core over %s; the busiest of them", took.Round(time.Second)), used).judge(slices.Max(used)))
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// usage is the time that the threads of each process have run, in nanoseconds. Go ends threads hardly ever, so none is lost.
func usage(pids []int) map[int]int64 {
	out := map[int]int64{}
	for _, p := range pids {
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p))
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				continue
			}
			ran, _, _ := strings.Cut(string(b), " ")
			n, _ := strconv.ParseInt(ran, 10, 64)
			out[p] += n
		}
	}
	return out
}

// resident is VmRSS in KiB.
func resident(pid int) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for l := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(l, "VmRSS:"); ok {
			return strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(v), " kB"), 64)
		}
	}
	return 0, fmt.Errorf("process %d has no VmRSS", pid)
}

// children are the processes that pid started and that run.
func children(pid int) []int {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	var out []int
	for _, f := range files {
		b, _ := os.ReadFile(f)
		for _, w := range strings.Fields(string(b)) {
			if p, err := strconv.Atoi(w); err == nil {
				out = append(out, p)
			}
		}
	}
	return out
}

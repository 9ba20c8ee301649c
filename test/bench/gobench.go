package main

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// engineShare is the engine's own part of an operation: devices that answer at once, nothing waited for.
func engineShare(ctx context.Context, r *run) error {
	return r.goBench(ctx, nameEngine, "BenchmarkOperation", "./fence/engine", "200x", "devices that answer at once, no settling")
}

// coldStart is a plugin from nothing to its first answer.
func coldStart(ctx context.Context, r *run) error {
	return r.goBench(ctx, nameCold, "BenchmarkColdStart", "./plugins/host", "1x", "process, mutual TLS, verification, first answer")
}

// warmCall is one Status of a running plugin.
func warmCall(ctx context.Context, r *run) error {
	return r.goBench(ctx, nameWarm, "BenchmarkWarmStatus", "./plugins/host", "100x", "one Status over gRPC")
}

// goBench runs a Go benchmark n times; each time is one sample, in milliseconds.
func (r *run) goBench(ctx context.Context, name, bench, pkg, each, note string) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^"+bench+"$", "-benchtime", each, "-count", strconv.Itoa(r.n()), pkg)
	cmd.Dir = r.root
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", bench, err, out)
	}
	samples := nsPerOp(string(out), bench)
	if len(samples) != r.n() {
		return fmt.Errorf("%s gave %d samples, not %d: %s", bench, len(samples), r.n(), out)
	}
	r.add(line(name, "ms", note, samples))
	return nil
}

// nsPerOp reads the ns/op of every line of one benchmark, as milliseconds.
func nsPerOp(out, bench string) []float64 {
	var samples []float64
	for l := range strings.Lines(out) {
		f := strings.Fields(l)
		if len(f) < 4 || strings.SplitN(f[0], "-", 2)[0] != bench || f[3] != "ns/op" {
			continue
		}
		if v, err := strconv.ParseFloat(f[2], 64); err == nil {
			samples = append(samples, v/1e6)
		}
	}
	return samples
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
)

// simulator is how many events the simulator takes in a second of processor time: each is one input of a real member with all that it decides, or
// something that happens in the world around it, and every invariant is looked at after it.
func simulator(ctx context.Context, r *run) error {
	var samples []float64
	for i := range r.n() {
		cmd := exec.CommandContext(ctx, filepath.Join(r.build, "fenced"), "sim", "--nodes", "5", "--minutes", "10", "--seeds", fmt.Sprintf("%d..%d", 5*i, 5*i+4), "-o", "json")
		cmd.Env = append(cmd.Environ(), "GOMAXPROCS=1")
		out, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("fenced sim: %w", err)
		}
		var summary struct {
			Events float64 `json:"events"`
		}
		if err := json.Unmarshal(out, &summary); err != nil || summary.Events == 0 {
			return fmt.Errorf("fenced sim says %q: %w", out, err)
		}
		took := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		samples = append(samples, summary.Events/took.Seconds())
	}
	r.add(line(nameSim, "events/s", "5 nodes with faults, a second of processor time, the program's start included", samples))
	return nil
}

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	dev "github.com/fenced-project/fenced/cmd/fenced-dev/watchdog"
	"github.com/fenced-project/fenced/internal/watchdog"
)

// The lease and the device that the holder is measured with: the defaults of the product.
const (
	dogLeaseMS   = 5000
	dogTimeoutMS = 10_000
	dogRenew     = 500 * time.Millisecond
)

// holder measures the watchdog's holder at a simulated device: its locked memory, and the longest time between two feedings, in its own count, while
// stress-ng keeps all processors, memory and the disk busy. The lease is renewed as a daemon does, and no part of that is in the figure.
func holder(ctx context.Context, r *run) error {
	if _, err := exec.LookPath("stress-ng"); err != nil {
		return r.skip("stress-ng is not installed: make deps", nameDogMemory, nameDogGap)
	}
	dir, err := os.MkdirTemp("", "fenced-bench-dog-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	fired := make(chan struct{}, 1)
	dog, err := dev.Listen(filepath.Join(dir, "root"), "watchdog0", dev.Options{Identity: "iTCO_wdt", Fire: func() { fired <- struct{}{} }})
	if err != nil {
		return err
	}
	defer dog.Close()
	if err := os.Mkdir(filepath.Join(dir, "run"), 0o755); err != nil {
		return err
	}
	h := exec.CommandContext(ctx, filepath.Join(r.build, "fenced-watchdog"), "--system-root", filepath.Join(dir, "root"), "--run-dir", filepath.Join(dir, "run")) // #nosec G204: of this build
	h.Env = []string{"PATH=" + os.Getenv("PATH")}
	h.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := h.Start(); err != nil {
		return err
	}
	defer func() { _ = h.Process.Kill(); _ = h.Wait() }() // it ends by no signal while its lease runs
	c := watchdog.New(filepath.Join(dir, "run", "watchdog.sock"), "bench", watchdog.Settings{Devices: []string{"/dev/watchdog0"}, TimeoutMS: dogTimeoutMS}, dogLeaseMS)
	defer c.Close()
	if err := renewed(ctx, c, 10*time.Second); err != nil {
		return err
	}
	span := 60 * time.Second
	if r.quick {
		span = 5 * time.Second
	}
	s, err := stressed(ctx, c, span)
	if err != nil {
		return err
	}
	if len(fired) > 0 || s.Phase != watchdog.PhaseOpen || s.Feeds == 0 {
		return fmt.Errorf("the holder is %s after %d feedings, and its device fired %d times", s.Phase, s.Feeds, len(fired))
	}
	how := "in real time"
	if !s.Realtime {
		how = "as an ordinary process, because real time is not allowed here"
	}
	r.add(line(nameDogMemory, "MiB", "locked, while it feeds", []float64{float64(s.LockedKiB) / 1024}))
	r.add(line(nameDogGap, "ms", fmt.Sprintf("longest of %d feedings in %s under stress-ng, %d ms are meant; %s; the ratio is to its lease", s.Feeds, span, s.EveryMS, how), []float64{float64(s.GapMS)}))
	return nil
}

// renewed renews the lease once, and again for so long until the holder that was just started answers.
func renewed(ctx context.Context, c *watchdog.Client, patience time.Duration) error {
	for end := time.Now().Add(patience); ; {
		_, err := c.Renew(ctx, boottimeMS()+dogLeaseMS)
		if err == nil || ctx.Err() != nil || time.Now().After(end) {
			return err
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// stressed renews the lease for so long beside stress-ng, and says how the holder is then.
func stressed(ctx context.Context, c *watchdog.Client, span time.Duration) (watchdog.State, error) {
	cpus := fmt.Sprint(2 * runtime.NumCPU())
	load := exec.CommandContext(ctx, "stress-ng", "--quiet", "--cpu", cpus, "--vm", "2", "--vm-bytes", "128M", "--switch", "2", "--hdd", "1", "--hdd-bytes", "64M",
		"--temp-path", os.TempDir(), "--timeout", fmt.Sprintf("%ds", int(span.Seconds())+1)) // #nosec G204: fixed words
	load.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	var said strings.Builder
	load.Stderr = &said
	if err := load.Start(); err != nil {
		return watchdog.State{}, err
	}
	ended := make(chan error, 1)
	go func() { ended <- load.Wait() }()
	defer func() { _ = syscall.Kill(-load.Process.Pid, syscall.SIGKILL) }()
	var s watchdog.State
	for end := time.Now().Add(span); time.Now().Before(end); {
		var err error
		if s, err = c.Renew(ctx, boottimeMS()+dogLeaseMS); err != nil {
			return s, err
		}
		select {
		case err := <-ended:
			return s, fmt.Errorf("stress-ng ended before its time: %w: %s", err, said.String())
		case <-time.After(dogRenew):
		case <-ctx.Done():
			return s, ctx.Err()
		}
	}
	return s, nil
}

func boottimeMS() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) // every kernel that Go runs on has it
	return t.Nano() / int64(time.Millisecond)
}

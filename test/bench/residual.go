package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fenced-project/fenced/residual"
	"github.com/fenced-project/fenced/residual/looker"
)

// The fake systems that are scanned: an ordinary host, and one with many mounts and lockspaces.
const (
	scanProcesses   = 200
	scanMounts      = 60
	scanManyMounts  = 10_000
	scanLockspaces  = 64
	scanBlockDevice = 8
	scanBoot        = "6f1d3a52-7a43-4b8e-9d0c-1b2a3c4d5e6f"
)

// scans measures whole scans as the daemon makes them, by a process that waits for the word; beside it what one costs that starts that process itself, as
// the command does, and the probes alone.
func scans(ctx context.Context, r *run) error {
	helper := []string{filepath.Join(r.build, "fenced"), looker.Word}
	waiting := residual.Keep(helper)
	defer waiting.Close()
	for _, c := range []struct {
		name               string
		mounts, lockspaces int
	}{{nameScan, scanMounts, 0}, {nameScanLarge, scanManyMounts, scanLockspaces}} {
		root, err := scannedSystem(c.mounts, c.lockspaces)
		if err != nil {
			return err
		}
		o := residual.Options{
			SystemRoot: root, Boot: scanBoot, Session: func() ([]byte, error) { return nil, fs.ErrNotExist }, Probe: 10 * time.Second, Total: 15 * time.Second,
		}
		start, whole := o, o
		start.Helper, whole.Helper, whole.Waiting = helper, helper, waiting
		note := fmt.Sprintf("%d processes, %d mounts, %d lockspaces", scanProcesses, c.mounts, c.lockspaces)
		for _, how := range []struct {
			name, note string
			o          residual.Options
		}{
			{c.name, note + ", from the word to a process that waits to the report", whole},
			{c.name + ":start", note + ", with the start of the process that looks", start},
			{c.name + ":probes", note + ", the probes alone", o},
		} {
			samples, err := scanSamples(ctx, r.n(), how.o, c.lockspaces)
			if err != nil {
				_ = os.RemoveAll(root)
				return fmt.Errorf("%s: %w", how.name, err)
			}
			r.add(line(how.name, "ms", how.note, samples))
		}
		if err := os.RemoveAll(root); err != nil {
			return err
		}
	}
	return nil
}

// scanSamples are the milliseconds of n scans, each of which must find what is there. A daemon has had its waiting process for long when it scans.
func scanSamples(ctx context.Context, n int, o residual.Options, lockspaces int) ([]float64, error) {
	var samples []float64
	for range n {
		if o.Waiting != nil {
			ready, cancel := context.WithTimeout(ctx, time.Minute)
			err := o.Waiting.Ready(ready)
			cancel()
			if err != nil {
				return nil, fmt.Errorf("no process waits: %w", err)
			}
		}
		report := residual.Scan(ctx, o)
		if report.Unknown() || len(report.Residue()) != lockspaces {
			return nil, fmt.Errorf("%d findings, unknown %t", len(report.Residue()), report.Unknown())
		}
		samples = append(samples, us(report.Took)/1e3)
	}
	return samples, nil
}

// scannedSystem makes a fake system in memory.
func scannedSystem(mounts, lockspaces int) (string, error) {
	root, err := os.MkdirTemp(memoryDir(), "fenced-bench-scan-")
	if err != nil {
		return "", err
	}
	var table strings.Builder
	for i := range mounts {
		fmt.Fprintf(&table, "%d 1 0:%d / /srv/volume/%d rw,nosuid,nodev,relatime shared:%d - tmpfs tmpfs rw,size=65536k,mode=755\n", i+30, i+60, i, i)
	}
	files := map[string]string{"sys/kernel/uevent_seqnum": "1", "proc/mdstat": "Personalities : \nunused devices: <none>\n", "proc/locks": ""}
	links := map[string]string{}
	for i := range scanBlockDevice {
		files[fmt.Sprintf("sys/block/sd%c/size", 'a'+i)] = "1"
	}
	for i := range lockspaces {
		files[fmt.Sprintf("sys/kernel/dlm/ls%d/id", i)] = "1"
	}
	for pid := 1; pid <= scanProcesses; pid++ {
		p := fmt.Sprintf("proc/%d/", pid)
		files[p+"comm"] = "worker"
		files[p+"stat"] = fmt.Sprintf("%d (worker) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 7 0 0", pid)
		links[p+"ns/mnt"], links[p+"root"] = "mnt:[4026531832]", "/"
	}
	files["proc/1/mountinfo"] = table.String()
	for name, text := range files { // order: each is a file of its own
		if err := placed(root, name, func(p string) error { return os.WriteFile(p, []byte(text), 0o600) }); err != nil {
			return "", err
		}
	}
	for name, to := range links { // order: each is a link of its own
		if err := placed(root, name, func(p string) error { return os.Symlink(to, p) }); err != nil {
			return "", err
		}
	}
	return root, nil
}

func placed(root, name string, put func(path string) error) error {
	p := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
		return err
	}
	return put(p)
}

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

// scans measures whole scans as the daemon makes them, with the start of the process that looks, and beside it the probes alone.
func scans(ctx context.Context, r *run) error {
	for _, c := range []struct {
		name               string
		mounts, lockspaces int
	}{{nameScan, scanMounts, 0}, {nameScanLarge, scanManyMounts, scanLockspaces}} {
		root, err := scannedSystem(c.mounts, c.lockspaces)
		if err != nil {
			return err
		}
		note := fmt.Sprintf("%d processes, %d mounts, %d lockspaces", scanProcesses, c.mounts, c.lockspaces)
		for _, how := range []struct {
			name, note string
			helper     []string
		}{{c.name, note + ", with the start of the process that looks", []string{filepath.Join(r.build, "fenced"), looker.Word}}, {c.name + ":probes", note + ", the probes alone", nil}} {
			var samples []float64
			for range r.n() {
				report := residual.Scan(ctx, residual.Options{
					SystemRoot: root, Boot: scanBoot, Session: func() ([]byte, error) { return nil, fs.ErrNotExist }, Helper: how.helper, Probe: 10 * time.Second, Total: 15 * time.Second,
				})
				if report.Unknown() || len(report.Residue()) != c.lockspaces {
					_ = os.RemoveAll(root)
					return fmt.Errorf("%s: %d findings, unknown %t", how.name, len(report.Residue()), report.Unknown())
				}
				samples = append(samples, us(report.Took)/1e3)
			}
			r.add(line(how.name, "ms", how.note, samples))
		}
		if err := os.RemoveAll(root); err != nil {
			return err
		}
	}
	return nil
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

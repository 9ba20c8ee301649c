package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/internal/config"
	"github.com/fenced-project/fenced/plugins/host"
	"github.com/fenced-project/fenced/test/harness"
)

// judgedFile is a configuration whose devices stand in line 10 and below.
const judgedFile = `cluster: c
authkey: authkey
membership: {provider: embedded}
plugins: {dummy: {start_timeout: 30s}, slow: {start_timeout: 30s}}
nodes:
  n1: {id: 1, address: 10.0.0.1, levels: [d1]}
  n2: {id: 2, address: 10.0.0.2, levels: [{ask: human}]}
  n3: {id: 3, address: 10.0.0.3, levels: [{ask: human}]}
devices:
  d1: {plugin: `

const (
	goodDevice     = "dummy, dir: /x}\n"
	misspeltDevice = "dummy, dir: /x, nkob: lie}\n"
	slowDevice     = "slow, kind: power, dir: /x}\n"
	absentDevice   = "absent, kind: power, dir: /x}\n"
)

// judgeBench is a machine with the plugin dummy, and with one that hangs when it is started, after it left a mark.
type judgeBench struct {
	t         *testing.T
	dir, mark string
}

func newJudgeBench(t *testing.T) judgeBench {
	t.Helper()
	dir, err := os.MkdirTemp("", "fj") // short: sockets lie below it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	b := judgeBench{t, dir, filepath.Join(dir, "mark")}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "p", "fenced-plugin-dummy"), "../../plugins/dummy")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b.put("p/fenced-plugin-slow", "#!/bin/sh\n: > "+b.mark+"\nexec sleep 600\n", 0o700)
	b.put("authkey", base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))+"\n", 0o600)
	was := [3]time.Duration{judgeBeforeTime, judgeBehindTime, judgeFreshTime}
	t.Cleanup(func() { judgeBeforeTime, judgeBehindTime, judgeFreshTime = was[0], was[1], was[2] })
	return b
}

func (b judgeBench) put(name, text string, mode os.FileMode) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), mode); err != nil {
		b.t.Fatal(err)
	}
}

// options are those of a daemon that reads this file.
func (b judgeBench) options(text string) config.Options {
	b.put("fenced.yaml", text, 0o640)
	return config.Options{Path: filepath.Join(b.dir, "fenced.yaml"), SystemRoot: b.dir, RunDir: filepath.Join(b.dir, "r"), PluginDir: filepath.Join(b.dir, "p"), Node: "n1", AsNode: true}
}

// started is a plugin host with the devices of a file.
func (b judgeBench) started(o config.Options) *host.Host {
	b.t.Helper()
	cfg, problems := config.Load(o)
	if cfg == nil {
		b.t.Fatal(problems)
	}
	h, err := plugins(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = h.Close() })
	return h
}

// A start ends with what a plugin's own list of options shows to be wrong, as with every mistake, with its line; a plugin that is missing or hangs keeps
// nobody from starting, and is said beside the daemon that runs.
func TestOptionsAreJudgedAtTheStart(t *testing.T) {
	b := newJudgeBench(t)
	ctx := harness.Within(t, 3*time.Minute)
	judgeBeforeTime, judgeBehindTime = time.Minute, time.Minute
	o := b.options(judgedFile + goodDevice)
	if err := judgeBefore(ctx, o, b.started(o)); err != nil {
		t.Errorf("a good file: %v", err)
	}
	o = b.options(judgedFile + misspeltDevice)
	var wrong config.Problems
	if err := judgeBefore(ctx, o, b.started(o)); !errors.As(err, &wrong) || len(wrong) != 1 || wrong[0].Line != 10 || !strings.Contains(err.Error(), `plugin dummy has no option "nkob"; did you mean knob?`) {
		t.Errorf("a misspelt option: %v", err)
	}
	for name, text := range map[string]string{"proc/sys/kernel/random/boot_id": "0a1b2c3d-0000-4000-8000-000000000001\n", "sys/class/dmi/id/product_uuid": "0a1b2c3d-0000-4000-8000-000000000002\n"} {
		if err := os.MkdirAll(filepath.Join(b.dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		b.put(name, text, 0o644)
	}
	o.StateDir, wrong = filepath.Join(b.dir, "s"), nil
	if err := run(ctx, o, io.Discard, io.Discard); !errors.As(err, &wrong) || len(wrong) != 1 || wrong[0].Line != 10 {
		t.Errorf("fenced run with a misspelt option: %v", err)
	}
	if entries, err := os.ReadDir(filepath.Join(b.dir, "s", "raft")); err == nil {
		t.Errorf("a daemon that does not start has opened its membership: %v", entries)
	}
	var log bytes.Buffer
	judgeBehind(ctx, o, b.started(o), slog.New(slog.NewTextHandler(&log, nil)))
	if !strings.Contains(log.String(), "a device is out") || !strings.Contains(log.String(), "fenced.yaml:10:") || !strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("beside a daemon that runs: %s", &log)
	}
	o = b.options(judgedFile + absentDevice)
	judgeBeforeTime = time.Second
	if err := judgeBefore(ctx, o, b.started(o)); err != nil {
		t.Errorf("a plugin that is not there keeps the daemon from starting: %v", err)
	}
	o = b.options(judgedFile + slowDevice)
	began := time.Now()
	if err := judgeBefore(ctx, o, b.started(o)); err != nil || time.Since(began) > harness.Slow(15*time.Second) {
		t.Errorf("a plugin that hangs keeps the daemon from starting: %v after %v", err, time.Since(began))
	}
	log.Reset()
	judgeBehindTime = time.Second
	judgeBehind(ctx, o, b.started(o), slog.New(slog.NewTextHandler(&log, nil)))
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "fenced.yaml:10:") || strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("a plugin that hangs: %s", &log)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	log.Reset()
	if judgeBehind(ended, o, b.started(o), slog.New(slog.NewTextHandler(&log, nil))); log.Len() > 0 {
		t.Errorf("a daemon that ends says %s", &log)
	}
}

// A file that somebody wants to be taken is refused as a whole for what plugins say of options; what cannot be asked refuses nothing, and what has not the
// demanded checksum is not run to be asked.
func TestOptionsAreJudgedBeforeAFileIsTaken(t *testing.T) {
	b := newJudgeBench(t)
	ctx := harness.Within(t, 3*time.Minute)
	judgeFreshTime = time.Minute
	if cfg, err := examiner(b.options(judgedFile+goodDevice), 1)(ctx); err != nil || cfg == nil || len(cfg.Devices) != 1 {
		t.Errorf("a good file: %v", err)
	}
	cfg, err := examiner(b.options(judgedFile+misspeltDevice), 1)(ctx)
	var e *client.Error
	if cfg != nil || !errors.As(err, &e) || e.Code != client.CodeConfig || len(e.Problems) != 1 || !strings.Contains(e.Problems[0], "fenced.yaml:10:") {
		t.Errorf("a misspelt option: %v, %v", err, e)
	}
	if cfg, err := examiner(b.options(judgedFile+"["), 1)(ctx); cfg != nil || client.CodeOf(err) != client.CodeConfig {
		t.Errorf("no configuration: %v", err)
	}
	demanding := strings.Replace(judgedFile, "slow: {", "slow: {sha256: "+strings.Repeat("0", 64)+", ", 1)
	if cfg, err := examiner(b.options(demanding+slowDevice), 1)(ctx); err != nil || cfg == nil {
		t.Errorf("a plugin that is not trusted: %v", err)
	}
	if _, err := os.Stat(b.mark); err == nil {
		t.Error("a plugin without the demanded checksum was run")
	}
	judgeFreshTime = time.Second
	if cfg, err := examiner(b.options(judgedFile+slowDevice), 1)(ctx); err != nil || cfg == nil {
		t.Errorf("a plugin that hangs: %v", err)
	}
	if _, err := os.Stat(b.mark); err != nil {
		t.Errorf("the plugin that hangs was not asked: %v", err)
	}
}

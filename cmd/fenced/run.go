package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/internal/api"
	"github.com/fenced-project/fenced/internal/config"
	fenced "github.com/fenced-project/fenced/internal/daemon"
	"github.com/fenced-project/fenced/internal/machine"
	"github.com/fenced-project/fenced/internal/reset"
	"github.com/fenced-project/fenced/membership"
	"github.com/fenced-project/fenced/membership/embedded"
	"github.com/fenced-project/fenced/plugins/host"
	"github.com/fenced-project/fenced/residual"
	"github.com/fenced-project/fenced/residual/looker"

	"github.com/fenced-project/fenced/client"
)

// run is `fenced run`: it puts the rooms together and waits until the daemon ends.
func run(ctx context.Context, o config.Options, _, stderr io.Writer) error {
	if err := conceal(o.SystemRoot); err != nil {
		return err
	}
	o.AsNode = true
	cfg, problems := loadPatiently(ctx, o, stderr)
	if problems.Fatal() {
		return problems
	}
	forced := o.LogFormat != "" || cfg.LogFormat != "text"
	log, flush := fenced.Logger(fenced.LogWriter(stderr, forced), cfg.LogFormat, cfg.LogLevel)
	defer flush()
	for _, p := range problems {
		log.Warn(p.String())
	}
	if err := directories(cfg); err != nil {
		return err
	}
	self, hardware, err := identify(cfg)
	if err != nil {
		return err
	}
	if err := fenced.Barred(cfg.StateDir, self.Boot, log); err != nil {
		return err
	}
	if err := checkWatchdog(ctx, cfg, self.Instance); err != nil {
		return err
	}
	plugins, err := plugins(cfg, log)
	if err != nil {
		return err
	}
	if !fenced.Resumes(fenced.ResidualOptions(cfg, self.Boot, nil), fenced.Boottime()) {
		if err := judgeBefore(ctx, o, plugins); err != nil {
			return errors.Join(err, plugins.Close())
		}
	}
	provider, err := open(cfg, self, log)
	if err != nil {
		return errors.Join(err, plugins.Close())
	}
	keep := watchdogOf(cfg, self.Instance)
	waiting := residual.Keep(looker.Helper())
	defer waiting.Close()
	d, err := fenced.New(fenced.Config{
		Cores:    coreLooks(cfg),
		Watchdog: keep, Kernel: fenced.Kernel(fenced.ResidualOptions(cfg, self.Boot, looker.Helper())),
		Config: cfg, Self: self, Machine: hardware, Version: version, Provider: provider, Devices: fenced.NewHostDevices(plugins),
		Scan: scans(cfg, self.Boot, waiting), Reset: fenced.SelfFence(cfg, plugins, resetter(cfg, log), log), Reload: reloader(o, cfg.Self, config.Load), Examine: examiner(o, cfg.Self),
		Notify: notify, WatchdogEvery: watchdogEvery(), Now: fenced.Boottime, BootedMS: fenced.Booted(cfg.SystemRoot), Logger: log,
	})
	if err != nil {
		return errors.Join(err, provider.Close(), plugins.Close())
	}
	judging, enough := context.WithCancel(ctx)
	go judgeBehind(judging, o, plugins, log)
	err = serve(ctx, cfg, d, d, log)
	enough()
	if d.Restarts() && ctx.Err() == nil {
		log.Info("this daemon ends for a planned restart, the next one goes on", "node", cfg.SelfName, "error", err)
		flush()
		waiting.Close() // a child is a child of the next daemon, too
		return errors.Join(err, again())
	}
	return err
}

// serve runs the daemon and its socket, at which node answers; either one's end ends the other. A daemon that is told to end still answers while
// it leaves, and its clients keep their streams: whoever uses what is shared must keep it from leaving cleanly, and hears of the end when it is
// decided.
func serve(ctx context.Context, cfg *config.Config, d *fenced.Daemon, node api.Node, log *slog.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := api.New(api.Config{Group: cfg.API.Group, Readers: cfg.API.Readers, Log: log}, node, d.Feed())
	if err != nil {
		cancel()
		return errors.Join(err, d.Run(ctx))
	}
	ln, err := s.Listen(cfg.Socket)
	if err != nil {
		cancel()
		return errors.Join(err, d.Run(ctx))
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	served := make(chan error, 1)
	go func() { served <- s.Serve(serving, ln); cancel() }()
	log.Info("started", "node", cfg.SelfName, "cluster", cfg.Roster.Cluster, "version", version, "simulated", cfg.Simulated)
	hangups := reloadOnHangup(ctx, d, log)
	err = d.Run(ctx)
	stop()
	cancel()
	hangups()
	return errors.Join(err, <-served)
}

// directories makes the ones that systemd makes in production.
func directories(c *config.Config) error {
	for _, dir := range []struct {
		path string
		mode os.FileMode
	}{{c.StateDir, 0o700}, {filepath.Join(c.StateDir, "session"), 0o700}, {c.RunDir, 0o750}, {filepath.Dir(c.Socket), 0o750}} {
		if err := os.MkdirAll(dir.path, dir.mode); err != nil {
			return fmt.Errorf("cannot make directory: %w", err)
		}
	}
	return nil
}

// identify says which life of which machine this is (R1).
func identify(c *config.Config) (membership.Self, fence.Machine, error) {
	boot, err := bootOf(c)
	if err != nil {
		return membership.Self{}, fence.Machine{}, err
	}
	hardware, err := machine.Read(c.SystemRoot)
	if err != nil {
		return membership.Self{}, fence.Machine{}, fmt.Errorf("cannot tell which machine this is: %w", err)
	}
	instance, err := newInstance()
	return membership.Self{Node: c.Self, Boot: boot, Instance: instance}, hardware, err
}

func bootOf(c *config.Config) (string, error) {
	boot, err := machine.BootID(c.SystemRoot)
	if err != nil {
		return "", fmt.Errorf("cannot tell which boot this is: %w", err)
	}
	return boot, nil
}

func newInstance() (string, error) {
	raw := make([]byte, 16)
	if _, err := rand.Read(raw); err != nil {
		return "", fmt.Errorf("cannot make an instance id: %w", err)
	}
	return hex.EncodeToString(raw), nil
}

// open starts the membership that the configuration names.
func open(c *config.Config, self membership.Self, log *slog.Logger) (fenced.Cluster, error) {
	if c.Provider == config.ProviderCorosync {
		return openCorosync(c, self, log)
	}
	t := c.Roster.Timing
	p, err := embedded.Open(embedded.Config{
		Self: self, Name: c.SelfName, Cluster: c.Roster.Cluster, Authkey: embedded.Key(c.Key.Reveal()), StateDir: c.StateDir, Listen: c.Listen,
		Nodes: fenced.EmbeddedNodes(c.Roster), FailureTimeout: ms(t.FailureTimeoutMS), Ping: ms(t.PingMS), Lease: ms(t.LeaseMS),
		Logger: log.With("room", "membership"), Version: version,
	})
	if err != nil {
		return nil, unusable(fmt.Errorf("cannot start embedded membership: %w", err))
	}
	return fenced.NewEmbedded(p), nil
}

// plugins starts the plugin host with the devices of the configuration. A bad plugin is out; the daemon goes on.
func plugins(c *config.Config, log *slog.Logger) (*host.Host, error) {
	h, err := host.New(host.Config{
		Dir: c.PluginDir, RunDir: filepath.Join(c.RunDir, "plugins"), Logger: log.With("room", "plugins"), Checksums: fenced.Checksums(c), StartTimeouts: fenced.StartTimeouts(c),
		Environment: fenced.SelfFenceEnvironment(c),
	})
	if err != nil {
		return nil, err
	}
	if err := h.Configure(fenced.DeviceConfigs(c)); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// resetOptions waits for the watchdog as long as this node's own takes.
func resetOptions(c *config.Config, log *slog.Logger) reset.Options {
	o := reset.Options{Log: log}
	if c.Watchdog.Mode != config.WatchdogOff {
		o.Watchdog = ms(c.Watchdog.TimeoutMS) + 5*time.Second
	}
	return o
}

// resetter is the last resort (R24), where the guard allows one; nil where it does not.
func resetter(c *config.Config, log *slog.Logger) func(string) error {
	r, err := reset.New(reset.Guard{SystemRoot: c.SystemRoot, Allowed: c.AllowReset}, resetOptions(c, log))
	if err != nil {
		log.Warn("this node cannot reset itself", "error", err)
		return nil
	}
	return func(why string) error { return r.Now(why, nil) }
}

// reloader reads the configuration again and touches nothing; the daemon decides what becomes of it.
func reloader(o config.Options, self fence.NodeID, load func(config.Options) (*config.Config, config.Problems)) func() (*config.Config, error) {
	o.SelfID = self
	return func() (*config.Config, error) {
		c, problems := load(o)
		if problems.Fatal() {
			e := client.Errorf(client.CodeConfig, "the configuration is wrong")
			for _, p := range problems {
				e.Problems = append(e.Problems, p.String())
			}
			return nil, e
		}
		return c, nil
	}
}

func notify(state string) { _, _ = daemon.SdNotify(false, state) }

func watchdogEvery() time.Duration {
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return 0
	}
	return every
}

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

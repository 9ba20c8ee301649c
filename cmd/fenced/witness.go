package main

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/fenced-project/fenced/internal/api"
	"github.com/fenced-project/fenced/internal/config"
	fenced "github.com/fenced-project/fenced/internal/daemon"
	"github.com/fenced-project/fenced/membership"
)

// runWitness is `fenced witness run`: membership and the log, and nothing that could touch a machine. It needs no right but that to its own
// state directory and its port.
func runWitness(ctx context.Context, o config.Options, _, stderr io.Writer) error {
	if err := conceal(o.SystemRoot); err != nil {
		return err
	}
	cfg, problems := config.LoadWitness(o)
	if problems.Fatal() {
		return problems
	}
	log, flush := fenced.Logger(fenced.LogWriter(stderr, o.LogFormat != ""), cfg.LogFormat, cfg.LogLevel)
	defer flush()
	for _, p := range problems {
		log.Warn(p.String())
	}
	if os.Geteuid() == 0 && !cfg.Simulated {
		log.Warn("a witness needs no root: fenced-witness.service runs it as a user of its own")
	}
	if err := directories(cfg); err != nil {
		return err
	}
	boot, err := bootOf(cfg)
	if err != nil {
		return err
	}
	instance, err := newInstance()
	if err != nil {
		return err
	}
	self := membership.Self{Node: cfg.Self, Boot: boot, Instance: instance}
	provider, err := open(cfg, self, log)
	if err != nil {
		return err
	}
	w, err := fenced.NewWitness(fenced.Config{
		Config: cfg, Self: self, Version: version, Provider: provider, Reload: reloader(o, cfg.Self, config.LoadWitness), Notify: notify, WatchdogEvery: watchdogEvery(), Now: fenced.Boottime, Logger: log,
	})
	if err != nil {
		return errors.Join(err, provider.Close())
	}
	return serve(ctx, cfg, w.Daemon, w, log)
}

var _ api.Node = (*fenced.Witness)(nil)

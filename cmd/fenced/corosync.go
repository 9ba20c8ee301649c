package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/internal/config"
	fenced "github.com/fenced-project/fenced/internal/daemon"
	"github.com/fenced-project/fenced/membership"
	"github.com/fenced-project/fenced/membership/corosync"
)

// askTime bounds one question to corosync; againAsk is the pause before it is asked again, tellEvery that between two words of it in the log.
const (
	askTime   = 3 * time.Second
	againAsk  = 500 * time.Millisecond
	tellEvery = 10 * time.Second
)

// askCorosync asks the corosync of this node. Its libraries wait for ever for one that is stopped: then a thread is left behind that waits with them.
func askCorosync() (corosync.Settings, error) {
	type answer struct {
		s   corosync.Settings
		err error
	}
	got := make(chan answer, 1)
	go func() {
		s, err := corosync.ReadSettings()
		got <- answer{s, err}
	}()
	t := time.NewTimer(askTime)
	defer t.Stop()
	select {
	case a := <-got:
		return a.s, a.err
	case <-t.C:
		return corosync.Settings{}, fmt.Errorf("corosync does not answer within %v", askTime)
	}
}

// loadPatiently reads the configuration; where nothing is wrong with it but that corosync, whose nodelist it wants, does not answer yet, it waits
// for that, and says so. What has started and cannot read who is in the cluster is no worse than what has not started.
func loadPatiently(ctx context.Context, o config.Options, stderr io.Writer) (*config.Config, config.Problems) {
	var told time.Time
	for {
		cfg, problems := config.Load(o)
		if !problems.Later() {
			return cfg, problems
		}
		if time.Since(told) >= tellEvery {
			told = time.Now()
			fmt.Fprintln(stderr, "waiting for corosync: "+problems[0].String())
		}
		notify(fmt.Sprintf("STATUS=waiting for corosync, whose nodelist is wanted\nEXTEND_TIMEOUT_USEC=%d", (30 * time.Second).Microseconds()))
		select {
		case <-time.After(againAsk):
		case <-ctx.Done():
			return cfg, problems
		}
	}
}

// openCorosync starts the membership over this node's corosync, which need not run yet.
func openCorosync(c *config.Config, self membership.Self, log *slog.Logger) (fenced.Cluster, error) {
	t := c.Roster.Timing
	p, err := corosync.Open(corosync.Config{
		Self: self, Cluster: c.Roster.Cluster, StateDir: c.StateDir, FailureTimeout: ms(t.FailureTimeoutMS), Ping: ms(t.PingMS), Lease: ms(t.LeaseMS),
		Logger: log.With("room", "membership"), Version: version,
	})
	if corosync.Never(err) {
		return nil, client.Errorf(client.CodeConfig, "%v", err)
	}
	if err != nil {
		return nil, err
	}
	return fenced.NewCorosync(p, c.Roster), nil
}

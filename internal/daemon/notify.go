package daemon

import (
	"context"
	"fmt"
	"time"

	"github.com/fenced-project/fenced/client"
)

// notifyEvery is how often systemd is told what this daemon waits for.
const notifyEvery = time.Second

// tellSystemd says when this node is ready (a clean admitted member), what it waits for until then, and that the loop lives. It runs off the
// loop, but it speaks only for the loop: a loop that has not turned for half the watchdog's time gets no word in, and systemd restarts us.
func (d *Daemon) tellSystemd(ctx context.Context) {
	every := notifyEvery
	if w := d.cfg.WatchdogEvery / 3; w > 0 {
		every = min(every, w)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	ready := false
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			d.cfg.Notify("STOPPING=1")
			return
		case <-d.done:
			return
		}
		if d.cfg.WatchdogEvery > 0 && d.cfg.Now()-d.beat.Load() < d.cfg.WatchdogEvery.Milliseconds()/2 {
			d.cfg.Notify("WATCHDOG=1")
		}
		one, cancel := context.WithTimeout(ctx, every)
		s, err := d.Status(one)
		cancel()
		if err != nil {
			continue
		}
		mine := ownState(s)
		if !ready && mine == client.StateMember {
			ready = true
			d.cfg.Notify("READY=1")
		}
		if !ready {
			d.cfg.Notify("EXTEND_TIMEOUT_USEC=30000000")
		}
		d.cfg.Notify("STATUS=" + summary(s, mine))
	}
}

func ownState(s client.Status) string {
	for _, n := range s.Nodes {
		if n.Name == s.Node {
			return n.State
		}
	}
	return client.StateUnknown
}

func summary(s client.Status, mine string) string {
	switch {
	case s.Domain == "":
		return "waiting: this node belongs to no domain yet (fenced bootstrap on one node)"
	case len(s.Waiting) > 0:
		return fmt.Sprintf("%s, waiting: %s %v", mine, s.Waiting[0].What, s.Waiting[0].For)
	case len(s.Operations) > 0:
		return fmt.Sprintf("%s, %d operations open, first on %s (%s)", mine, len(s.Operations), s.Operations[0].Victim, s.Operations[0].Phase)
	}
	word := "not armed"
	if s.Armed {
		word = "armed"
	}
	return fmt.Sprintf("%s, epoch %d, votes %d of %d needed, %s", mine, s.Epoch, s.Votes.Have, s.Votes.Need, word)
}

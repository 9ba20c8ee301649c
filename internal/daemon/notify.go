package daemon

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/fenced-project/fenced/client"
)

// notifyEvery is how often systemd is told what this daemon waits for.
const notifyEvery = time.Second

// startGrace is how much longer systemd is asked to wait for a start, as long as the loop answers: a cluster may take its time to be complete.
const startGrace = 30 * time.Second

// maxStatus bounds the text that `systemctl status` shows, in runes; what is longer is cut.
const maxStatus = 200

// teller says to systemd when this node is ready (a clean admitted member), what it waits for until then, and that the loop lives. It runs off
// the loop, but it speaks only for the loop: a loop that has not turned for half the watchdog's time gets no word in, and systemd restarts us.
type teller struct {
	say      func(string)
	now      func() int64 // milliseconds, as beat
	beat     func() int64 // now of the newest turn of the loop, 0 before the first
	watchdog time.Duration
	status   func(context.Context) (client.Status, error)
	again    func() bool          // the end is a restart's
	lease    func() time.Duration // within which the next daemon must be back then; asked at the end, a file that was read again may have changed it
	ready    bool
	told     string // the newest STATUS
}

func (d *Daemon) tellSystemd(ctx context.Context) {
	t := teller{say: d.cfg.Notify, now: d.cfg.Now, beat: d.beat.Load, watchdog: d.cfg.WatchdogEvery, status: d.Status, again: d.again.Load, lease: d.lease}
	t.run(ctx, d.done)
}

// lease is the newest roster's; any goroutine may ask (the configuration itself is the loop's).
func (d *Daemon) lease() time.Duration {
	return time.Duration(d.roster.Load().Timing.LeaseMS) * time.Millisecond
}

// run tells until ctx or the daemon ends; the last word is that we stop.
func (t *teller) run(ctx context.Context, done <-chan struct{}) {
	defer t.last()
	every := notifyEvery
	if w := t.watchdog / 3; w > 0 {
		every = min(every, w)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	fed := false
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		case <-done:
			return
		}
		if t.turns() {
			if !fed {
				t.say(fmt.Sprintf("WATCHDOG_USEC=%d", t.watchdog.Microseconds())) // the one before may have asked for more
			}
			fed = true
			t.say("WATCHDOG=1")
		}
		one, cancel := context.WithTimeout(ctx, every)
		s, err := t.status(one)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			t.line("the deciding loop does not answer")
		default:
			t.tell(s)
		}
	}
}

// last is the last word. Before a planned restart none is of an end: to systemd this process goes on, and whatever was said of its end would be held
// against it. It is asked for the lease's time in addition, in which the others wait for the next daemon too (R26): while that one reads its log its loop does
// not turn, and a service manager that kills it makes a failure of a start that was in time.
func (t *teller) last() {
	switch {
	case t.again == nil || !t.again():
		t.say("STOPPING=1\nSTATUS=stopping")
	case t.watchdog > 0:
		t.say(fmt.Sprintf("WATCHDOG_USEC=%d\nWATCHDOG=1", (t.watchdog + t.lease()).Microseconds()))
	}
}

// turns reports whether the loop turned recently enough to be called alive.
func (t *teller) turns() bool {
	beat := t.beat()
	return t.watchdog > 0 && beat > 0 && t.now()-beat < t.watchdog.Milliseconds()/2
}

func (t *teller) tell(s client.Status) {
	mine := ownNode(s)
	t.line(summary(s, mine))
	switch {
	case t.ready:
	case mine.State == client.StateMember:
		t.ready = true
		t.say("READY=1")
	default:
		t.say(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", startGrace.Microseconds()))
	}
}

// line tells a STATUS that is new. Its text holds what others wrote (reasons, names); each line of a message to systemd is an order, so a line
// break in it could say READY=1.
func (t *teller) line(text string) {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
	if r := []rune(text); len(r) > maxStatus {
		text = string(r[:maxStatus-1]) + "…"
	}
	if text != t.told {
		t.told = text
		t.say("STATUS=" + text)
	}
}

func ownNode(s client.Status) client.Node {
	for _, n := range s.Nodes {
		if n.Name == s.Node {
			return n
		}
	}
	return client.Node{State: client.StateUnknown}
}

// summary is one line: what this node waits for, else how it is.
func summary(s client.Status, mine client.Node) string {
	votes := fmt.Sprintf("votes %d of %d needed", s.Votes.Have, s.Votes.Need)
	switch {
	case s.Domain == "":
		return "waiting: this node belongs to no domain yet (fenced bootstrap on one node)"
	case len(s.Waiting) > 0:
		w := s.Waiting[0]
		text := fmt.Sprintf("%s, waiting: %s", mine.State, w.What)
		if len(w.For) > 0 {
			text += " (" + strings.Join(w.For, ", ") + ")"
		}
		return text
	case !s.Quorate:
		return fmt.Sprintf("%s, waiting: quorum, %s", mine.State, votes)
	case mine.State == client.StateDirty:
		return "dirty, waiting: " + mine.Why
	case len(s.Operations) > 0:
		o := s.Operations[0]
		return fmt.Sprintf("%s, %d operations open, first on %s (%s)", mine.State, len(s.Operations), o.Victim, o.Phase)
	case mine.State != client.StateMember:
		return fmt.Sprintf("%s, waiting: to be announced clean and admitted, %s", mine.State, votes)
	}
	word := "not armed"
	if s.Armed {
		word = "armed"
	}
	return fmt.Sprintf("%s, epoch %d, %s, %s", mine.State, s.Epoch, votes, word)
}

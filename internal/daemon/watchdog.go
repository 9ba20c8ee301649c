package daemon

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/internal/watchdog"

	"github.com/fenced-project/fenced/client"
)

// Watchdog is the holder of this machine's watchdog, as the daemon speaks to it; internal/watchdog has it.
type Watchdog interface {
	Renew(ctx context.Context, untilMS int64) (watchdog.State, error)
	Release(ctx context.Context) (watchdog.State, error)
	Hello(ctx context.Context) (watchdog.State, error)
	Expire(ctx context.Context) (watchdog.State, error)
	Close()
}

// The times of speaking to the holder: one word, a look at it when there is nothing to say, and how soon a device that cannot be used is tried again.
const (
	watchdogWord  = 3 * time.Second
	watchdogLook  = 2 * time.Second
	watchdogAgain = 10 * time.Second
)

// keeper brings the member's words to the holder, one at a time and off the loop: of several that wait the newest counts (an opening after a
// closing finds the device open). What it hears goes back as an input.
type keeper struct {
	w    Watchdog
	post func(any) bool

	mu   sync.Mutex
	word member.Effect // Feed or Unfeed, nil for none
	wake chan struct{}
}

func newKeeper(w Watchdog, post func(any) bool) *keeper {
	return &keeper{w: w, post: post, wake: make(chan struct{}, 1)}
}

// tell hands over a word; it never waits.
func (k *keeper) tell(e member.Effect) {
	k.mu.Lock()
	k.word = e
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (k *keeper) take() member.Effect {
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.word
	k.word = nil
	return e
}

// run speaks until done; a release that waits then is still brought, because this node has left and nothing needs its watchdog.
func (k *keeper) run(done <-chan struct{}) {
	defer k.w.Close()
	look := time.NewTicker(watchdogLook)
	defer look.Stop()
	var s knowing
	for {
		select {
		case <-k.wake:
			k.say(k.take(), &s)
		case <-look.C:
			k.look(&s)
		case <-done:
			if u, ok := k.take().(member.Unfeed); ok {
				k.say(u, &s)
			}
			return
		}
	}
}

// expire has the feeding end at once: this life ends itself (R24). What comes of it nobody waits for; the lease ends by itself.
func (k *keeper) expire() {
	ctx, cancel := context.WithTimeout(context.Background(), watchdogWord)
	defer cancel()
	_, _ = k.w.Expire(ctx)
}

// knowing is what the member knows already, and since when nothing could be opened.
type knowing struct {
	seen   member.WatchdogSeen
	have   bool
	open   bool // a Feed of this stint was answered
	failed time.Time
}

func (k *keeper) say(e member.Effect, s *knowing) {
	ctx, cancel := context.WithTimeout(context.Background(), watchdogWord)
	defer cancel()
	switch e := e.(type) {
	case member.Feed:
		if e.Stint != s.seen.Stint {
			*s = knowing{seen: member.WatchdogSeen{Stint: e.Stint}}
		}
		if !s.failed.IsZero() && time.Since(s.failed) < watchdogAgain {
			return
		}
		state, err := k.w.Renew(ctx, e.UntilMS)
		k.heard(state, err, s)
	case member.Unfeed:
		*s = knowing{seen: member.WatchdogSeen{Stint: e.Stint + 1}}
		if state, err := k.w.Release(ctx); err != nil {
			in := seenOf(state, err) // its lease ended before: it resets this machine
			in.Stint = s.seen.Stint
			k.post(in)
		}
	}
}

// look notices a holder that died, or a device that failed, between two words.
func (k *keeper) look(s *knowing) {
	if !s.open {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), watchdogWord)
	defer cancel()
	state, err := k.w.Hello(ctx)
	k.heard(state, err, s)
}

// heard tells the member what is new.
func (k *keeper) heard(state watchdog.State, err error, s *knowing) {
	in := seenOf(state, err)
	in.Stint = s.seen.Stint
	s.failed = time.Time{}
	if s.open = in.Open; !in.Open && !in.Over && refusedFor(err, watchdog.CodeMissing, watchdog.CodeOwned, watchdog.CodeUnclean, watchdog.CodeDevice, watchdog.CodeUsage) {
		s.failed = time.Now()
	}
	if s.have && in == s.seen {
		return
	}
	s.seen, s.have = in, true
	k.post(in)
}

// seenOf is what the holder's answer means. Open is only what is open and fed; a holder that does not answer has nothing open as far as anybody
// knows.
func seenOf(s watchdog.State, err error) member.WatchdogSeen {
	in := member.WatchdogSeen{Why: s.Why()}
	if err != nil && in.Why == "" {
		in.Why = err.Error()
	}
	switch {
	case errors.Is(err, watchdog.ErrUnreachable):
		return in
	case s.Phase == watchdog.PhaseExpired, s.Phase == watchdog.PhaseOrphan, s.Phase == watchdog.PhaseTesting:
		in.Over = true
	case s.Phase == watchdog.PhaseOpen && s.Kind() != "":
		in.Open, in.Kind, in.HardwareMS = true, s.Kind(), s.LimitMS()
	}
	return in
}

func refusedFor(err error, codes ...string) bool {
	var r *watchdog.Refused
	if !errors.As(err, &r) {
		return false
	}
	for _, c := range codes {
		if r.Code == c {
			return true
		}
	}
	return false
}

func watchdogMode(c Config) member.WatchdogMode {
	if c.Watchdog == nil {
		return ""
	}
	return member.WatchdogMode(c.Config.Watchdog.Mode)
}

// watchdogAttention says what a person should know of the watchdogs: one of this node that is not open though it ought to be, and those that a
// hung kernel stops.
func (d *Daemon) watchdogAttention(add func(code, node, text, next string)) {
	if why := d.member.WatchdogText(); why != "" {
		add(client.AttentionWatchdogAbsent, d.me(), "this node has no open watchdog: "+why, "fenced watchdog status")
	}
	dom := d.member.Domain()
	for i := range dom.Nodes {
		if n := &dom.Nodes[i]; n.Watchdog.Open && n.Watchdog.Kind == "softdog" && !dom.Roster.Policy.AcceptSoftdog {
			add(client.AttentionWatchdogSoft, d.name(n.ID), "its watchdog is softdog, which a hung kernel stops: it proves nothing to the others", "cat /sys/class/watchdog/*/identity")
		}
	}
}

package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// lane keeps one process of a plugin running for a group of devices: the plugin's healthy ones (main), those that overran (ward), or one
// that is isolated. Its goroutine starts the process before it is needed, checks that it answers, and starts another when it is gone.
type lane struct {
	host   *Host
	plugin string
	label  string
	log    *slog.Logger
	cancel context.CancelFunc
	ended  chan struct{}
	// reloads are requests for a fresh process; each is answered when it runs, or with why it does not.
	reloads chan chan<- error

	mu       sync.Mutex
	cur      *process
	changed  chan struct{} // closed and replaced at each change of what follows
	failures int           // in a row
	starts   int           // attempts that ended, well or badly
	next     time.Time
	down     error  // why the last start failed; nil after a good one
	told     string // the last reason that was logged
	toldAt   time.Time
}

// errGone says that the process stopped taking calls before this one was sent: it may go to the next process.
var errGone = errors.New("the process is gone")

// patience is how long a call waits for a restart that is not under way yet; a longer back-off fails it at once, so that the next level is
// tried instead.
const patience = time.Second

func (l *lane) run(ctx context.Context) {
	defer close(l.ended)
	asked := func(error) {} // who waits for the next start
	for ctx.Err() == nil {
		p, err := l.host.start(ctx, l.plugin, l.label, "")
		if err != nil {
			l.failed(ctx, err)
			asked(err)
			asked = l.pause(ctx)
			continue
		}
		l.set(p) // before the answer: who asked looks at the process then
		asked(nil)
		for p != nil {
			fresh := p
			l.host.spawn(func() { l.host.openAll(ctx, l, fresh) })
			p = l.tend(ctx, p)
		}
		asked = func(error) {}
		if ctx.Err() == nil {
			asked = l.pause(ctx)
		}
	}
}

// tend watches the process until it is gone (then it returns nil), or another took its place, or ends it with the lane.
func (l *lane) tend(ctx context.Context, p *process) *process {
	check := time.NewTicker(l.host.config.HealthInterval)
	defer check.Stop()
	silent := 0
	for {
		select {
		case <-p.gone:
			l.lost(p)
			return nil
		case <-ctx.Done():
			p.condemn("it is not needed any more", false)
			l.lost(p)
			return nil
		case asked := <-l.reloads:
			next, err := l.replace(ctx, p, "", "it is reloaded")
			asked <- err
			if err == nil {
				return next
			}
			continue
		case <-check.C:
		}
		switch err := p.inspect(); {
		case errors.Is(err, errReplaced):
			p.retire(err.Error())
			continue
		case err != nil:
			p.condemn(err.Error(), false)
			continue
		}
		if err := p.healthy(ctx); err == nil || ctx.Err() != nil {
			silent = 0
		} else if silent++; silent > 1 { // once may be a busy machine
			p.condemn(err.Error(), true)
			continue
		}
		if p.outdated() {
			if next, err := l.replace(ctx, p, p.path, "another version is installed"); err == nil {
				return next
			}
		}
	}
}

// replace starts a fresh process before the old one takes its last call, so that nobody waits and nothing is lost where it does not start: the
// calls in the old one end there, by their own deadlines at the latest. instead is as in start.
func (l *lane) replace(ctx context.Context, old *process, instead, why string) (*process, error) {
	next, err := l.host.start(ctx, l.plugin, l.label, instead)
	if err != nil {
		return nil, err
	}
	l.set(next)
	old.retire(why)
	return next, nil
}

func (l *lane) set(p *process) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cur, l.down, l.told = p, nil, ""
	l.starts++
	l.notify()
}

// failed notes a start that went wrong. The same reason is logged once, another one at most once in ten seconds: a plugin that writes noise
// has a new reason each time.
func (l *lane) failed(ctx context.Context, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ctx.Err() == nil && (l.told == "" || l.told != err.Error() && time.Since(l.toldAt) >= reportPeriod) {
		l.log.Error("plugin is down", "error", err.Error())
		l.told, l.toldAt = err.Error(), time.Now()
	}
	l.down = err
	l.starts++
	l.delay()
	l.notify()
}

func (l *lane) lost(p *process) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cur = nil
	if time.Since(p.started) >= l.host.config.BackoffReset {
		l.failures = 0
	}
	l.delay()
	l.notify()
}

// delay sets when to start next: at once after a first failure, then later and later up to the bound.
func (l *lane) delay() {
	c := l.host.config
	wait := time.Duration(0)
	if l.failures > 0 {
		wait = c.BackoffMax
		if shift := l.failures - 1; shift < 16 {
			wait = min(c.BackoffMax, c.BackoffMin<<shift)
		}
	}
	l.failures++
	l.next = time.Now().Add(wait)
}

func (l *lane) notify() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// pause waits until the next start is due or asked for; it returns how to tell who asked.
func (l *lane) pause(ctx context.Context) (asked func(error)) {
	l.mu.Lock()
	wait := time.NewTimer(time.Until(l.next))
	l.mu.Unlock()
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	case ch := <-l.reloads:
		l.mu.Lock()
		l.failures, l.next = 0, time.Now()
		l.notify()
		l.mu.Unlock()
		return func(err error) { ch <- err }
	}
	return func(error) {}
}

// get returns the running process. It waits for a start that is under way or near, until ctx ends; a start that fails while it waits,
// or a long back-off, fails it at once.
func (l *lane) get(ctx context.Context) (*process, error) {
	first := -1
	for {
		l.mu.Lock()
		p, changed, starts, next, down := l.cur, l.changed, l.starts, l.next, l.down
		l.mu.Unlock()
		if first < 0 {
			first = starts
		}
		wait := time.Until(next)
		switch {
		case p != nil && p.taking():
			return p, nil
		case p == nil && down != nil && starts > first:
			return nil, fail(ClassPluginDied, down.Error())
		case p == nil && wait > patience:
			return nil, fail(ClassPluginDied, fmt.Sprintf("plugin %s is down, it starts again in %v%s", l.plugin, wait.Round(time.Second/10), because(down)))
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fail(ClassTimeout, "the deadline passed while plugin "+l.plugin+" was being started"+because(down))
		case <-l.ended:
			return nil, fail(ClassRefused, "plugin "+l.plugin+" was stopped: its devices are not configured any more")
		}
	}
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}

// taking reports whether the process takes calls.
func (p *process) taking() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.isGone
}

// calls is how many are under way in the process.
func (p *process) calls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.flights)
}

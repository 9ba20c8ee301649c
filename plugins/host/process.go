package host

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	goplugin "github.com/hashicorp/go-plugin"

	"github.com/fenced-project/fenced/plugins/proto"
)

// process is one running plugin: it takes calls until it is gone (dead, or condemned and only finishing what it has), and is dead when its
// group is killed, reaped and cleaned up.
type process struct {
	host    *Host
	plugin  string
	lane    string
	log     *slog.Logger
	run     *runner
	client  *goplugin.Client
	rpc     proto.FencePluginClient
	about   Description
	path    string // the file that it was started from
	file    stamp  // of that file's content
	started time.Time
	gone    chan struct{}
	dead    chan struct{}
	ctx     context.Context // ends with the process: its calls end at once
	cancel  context.CancelFunc

	mu       sync.Mutex
	flights  map[*flight]bool
	changed  chan struct{} // closed and replaced when a call returns
	isGone   bool
	why      string // why it was condemned, "" if it died by itself
	drain    *time.Timer
	openings map[string]*opening
}

// flight is a call that the plugin has not returned from.
type flight struct{ deadline time.Time }

// enter counts a call with its deadline, or says errGone when the process takes none any more. While a call is past its deadline and in
// its grace nobody enters: whoever did would share the fate of a process that is about to be condemned.
func (p *process) enter(ctx context.Context, deadline time.Time) (*flight, error) {
	for {
		p.mu.Lock()
		gone, changed := p.isGone, p.changed
		if !gone && !p.overdue(time.Now()) {
			f := &flight{deadline}
			p.flights[f] = true
			p.mu.Unlock()
			return f, nil
		}
		p.mu.Unlock()
		if gone {
			return nil, errGone
		}
		select {
		case <-changed:
		case <-p.gone:
		case <-ctx.Done():
			return nil, fail(ClassTimeout, "the deadline passed while another call of the plugin overran")
		}
	}
}

// overdue reports whether a call is past its deadline; p.mu is held.
func (p *process) overdue(now time.Time) bool {
	for f := range p.flights {
		if !now.Before(f.deadline) {
			return true
		}
	}
	return false
}

func (p *process) leave(f *flight) {
	p.mu.Lock()
	delete(p.flights, f)
	close(p.changed)
	p.changed = make(chan struct{})
	last := p.isGone && len(p.flights) == 0
	p.mu.Unlock()
	if last {
		p.run.kill()
	}
}

// condemn lets no new call in and has a fresh process started. With now its group is killed at once; otherwise when its last call has
// returned, at the latest after Config.Drain.
func (p *process) condemn(why string, now bool) { p.leaves(why, now, p.host.config.Drain) }

// retire is condemn for a process that did nothing wrong: its calls may take until their own deadlines, which bound it.
func (p *process) retire(why string) { p.leaves(why, false, 0) }

func (p *process) leaves(why string, now bool, drain time.Duration) {
	p.mu.Lock()
	if !p.isGone {
		p.isGone, p.why = true, why
		close(p.gone)
		if why != "" {
			p.log.Warn("plugin process condemned", "pid", p.run.ID(), "why", why, "calls", len(p.flights), "now", now)
		}
	}
	now = now || len(p.flights) == 0
	if !now && drain > 0 && p.drain == nil {
		p.drain = time.AfterFunc(drain, p.run.kill)
	}
	p.mu.Unlock()
	if now {
		p.run.kill()
	}
}

// overran condemns the process for a call that did not return. After a read its other calls may go on, if it answers at all.
func (p *process) overran(why string, acted bool) {
	p.condemn(why, acted)
	p.host.spawn(func() {
		if err := p.healthy(p.ctx); err != nil {
			p.condemn(why, true)
		}
	})
}

// reap follows the process to its end and cleans up; it is the last goroutine of a process.
func (p *process) reap() {
	<-p.run.dead
	p.condemn("", true)
	p.cancel()
	p.client.Kill() // returns at once: the process is dead
	how := p.run.ended()
	p.mu.Lock()
	if p.drain != nil {
		p.drain.Stop()
	}
	p.mu.Unlock()
	p.host.removeDir(p.run.dir)
	p.log.Info("plugin process ended", "pid", p.run.ID(), "how", how)
	p.host.mu.Lock()
	delete(p.host.live, p)
	p.host.mu.Unlock()
	close(p.dead)
}

// death describes the end of the process for the calls that it cost. A connection usually breaks because the process died: it gets a
// moment to be seen dead, and is killed otherwise.
func (p *process) death(broken string) string {
	wait := time.NewTimer(500 * time.Millisecond)
	defer wait.Stop()
	select {
	case <-p.run.dead:
	case <-wait.C:
		p.condemn("its connection broke: "+broken, true)
	}
	<-p.dead
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.why != "" {
		return "the plugin was killed: " + p.why
	}
	return "the plugin died: " + p.run.ended()
}

// opening serialises Open of one device in one process.
type opening struct {
	busy chan struct{} // holds a token while somebody opens
	open bool          // guarded by busy
}

// open makes device d usable in this process; an earlier failure is tried again. d's id is new for each configuration.
func (p *process) open(ctx context.Context, d *device, how manner) error {
	p.mu.Lock()
	o := p.openings[d.id]
	if o == nil {
		o = &opening{busy: make(chan struct{}, 1)}
		p.openings[d.id] = o
	}
	p.mu.Unlock()
	select {
	case o.busy <- struct{}{}:
	case <-ctx.Done():
		return fail(ClassTimeout, "the deadline passed while the device was being opened")
	case <-p.gone:
		return errGone
	}
	defer func() { <-o.busy }()
	if o.open {
		return nil
	}
	kind, err := exchange(ctx, p, d, how, func(ctx context.Context, rpc proto.FencePluginClient, at int64) (string, *proto.Failure, error) {
		r, err := rpc.Open(ctx, &proto.OpenRequest{Device: d.id, Name: d.config.Name, Options: d.options, DeadlineMs: at})
		return cmp.Or(r.GetKind(), p.about.Kind), r.GetFailure(), err
	})
	if err != nil {
		return err
	}
	if want := d.config.Kind; want != "" && kind != want {
		return fail(ClassRefused, fmt.Sprintf("the configuration says kind %s, the plugin says it is %s: a success of it means something else (R18); write `kind: %s`", want, line(kind), line(kind)))
	}
	o.open = true
	return nil
}

// forget closes a device that is no longer configured, if this process has it.
func (p *process) forget(id string) {
	p.mu.Lock()
	_, has := p.openings[id]
	delete(p.openings, id)
	p.mu.Unlock()
	if !has {
		return
	}
	ctx, cancel := context.WithTimeout(p.ctx, p.host.config.HealthTimeout)
	defer cancel()
	if _, err := p.rpc.Close(ctx, &proto.CloseRequest{Device: id}); err != nil && p.ctx.Err() == nil {
		p.log.Warn("cannot close device", "device", id, "error", line(err.Error()))
	}
}

// healthy asks the process for a sign of life.
func (p *process) healthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.host.config.HealthTimeout)
	defer cancel()
	if _, err := p.rpc.Describe(ctx, &proto.DescribeRequest{}); err != nil {
		return fmt.Errorf("cannot get a sign of life: %s", line(err.Error()))
	}
	return nil
}

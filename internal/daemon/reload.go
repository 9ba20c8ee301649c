package daemon

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/internal/api"
	"github.com/fenced-project/fenced/internal/config"

	"github.com/fenced-project/fenced/client"
)

// How this daemon learns that its file changed: by `fenced apply`, by `fenced config reload` or SIGHUP, and by itself while its file is not
// the committed roster. What it reads is used only if it is right as a whole, and, once it runs by the committed roster, only if it still
// says that: an edit that nobody applied takes no node out of duty.

// followEvery is how often a file that is not the committed roster is read again.
const followEvery = 5 * time.Second

// rereading is what the loop knows of its own file on disk; loop only.
type rereading struct {
	busy    bool   // a read is under way: a disk that hangs costs one goroutine
	at      int64  // when the last one began
	problem string // why the file on disk cannot be used, "" if it can
	differs string // what it says that the committed roster does not, in short
}

// follow reads the file again while it is not the committed roster; at once says that a roster was committed just now.
func (d *Daemon) follow(atOnce bool) {
	dom := d.member.Domain()
	if dom.Roster.Version == 0 || !d.live {
		return
	}
	if d.rosterEqual() {
		d.file.problem, d.file.differs = "", ""
		d.equalNow()
		return
	}
	if d.file.busy || d.rewire != nil || (!atOnce && d.cfg.Now()-d.file.at < followEvery.Milliseconds()) {
		return
	}
	d.file.busy, d.file.at = true, d.cfg.Now()
	go func() { // not waited for at the end: a disk that hangs must not keep the daemon from ending
		fresh, err := d.cfg.Reload()
		d.post(func() {
			d.file.busy = false
			d.found(fresh, err)
		})
	}()
}

// found takes what follow has read.
func (d *Daemon) found(fresh *config.Config, err error) {
	if err != nil {
		d.file.problem = problemOf(err)
		return
	}
	d.file.problem, d.file.differs = "", differs(d.member.Domain().Roster, fresh.Roster)
	if d.mayTake(fresh) == nil && d.committedIs(fresh.Roster, fresh.Roster.Hash()) {
		d.take(fresh, nil)
	}
}

// problemOf is the first mistake of a file, or the error.
func problemOf(err error) string {
	var e *client.Error
	if errors.As(err, &e) && len(e.Problems) > 0 {
		return e.Problems[0]
	}
	return err.Error()
}

// differs names the first two differences.
func differs(committed, file fence.Roster) string {
	all := fence.Changes(committed, file)
	text := ""
	for i, c := range all[:min(len(all), 2)] {
		if i > 0 {
			text += "; "
		}
		text += c
	}
	if len(all) > 2 {
		text += fmt.Sprintf("; and %d more", len(all)-2)
	}
	return text
}

// mayTake says why a daemon that runs cannot go on with a configuration.
func (d *Daemon) mayTake(fresh *config.Config) error {
	old := d.cfg.Config
	switch {
	case fresh.Self != old.Self:
		return client.Errorf(client.CodeConfig, "this daemon runs as node id %d (%s), and by the file it is id %d (%s): an id never changes", old.Self, d.name(old.Self), fresh.Self, fresh.SelfName)
	case fresh.Roster.Cluster != old.Roster.Cluster:
		return client.Errorf(client.CodeConfig, "this daemon runs in the cluster %q, the file names %q", old.Roster.Cluster, fresh.Roster.Cluster)
	case fresh.Provider != old.Provider:
		return client.Errorf(client.CodeConfig, "the membership provider cannot change from %s to %s while the daemon runs", old.Provider, fresh.Provider)
	}
	return nil
}

// rewiring is a change of devices on its way: nothing is asked until it is over.
type rewiring struct {
	fresh *config.Config
	busy  bool // the plugin host is being told
	done  []chan error
}

// take makes a configuration this daemon's own. Where devices change, that waits until no call of the old ones is in flight: an operation asks
// from first to last what its claim's roster names (R16). done, if not nil, has room for the outcome.
func (d *Daemon) take(fresh *config.Config, done chan error) {
	if d.rewire != nil { // the newest file wins; who waited for the older one is answered with it
		d.rewire.fresh = fresh
		d.rewire.wait(done)
		return
	}
	d.rewire = &rewiring{fresh: fresh}
	d.rewire.wait(done)
	d.step(member.DevicesChange{})
	d.rewired()
}

func (r *rewiring) wait(done chan error) {
	if done != nil {
		r.done = append(r.done, done)
	}
}

// rewired goes on with a change of devices as soon as no call is in flight; the loop asks at every tick.
func (d *Daemon) rewired() {
	r := d.rewire
	if r == nil || r.busy || (!sameDevices(d.cfg.Config, r.fresh) && (d.engine.Busy() || len(d.probes) > 0)) {
		return
	}
	fresh := r.fresh
	r.busy = true
	devices := *fresh
	devices.SelfFence = d.selfFencers // whoever ends this machine was told at the start which they are, by their order
	d.wg.Go(func() {
		err := d.cfg.Devices.Configure(&devices)
		d.post(func() {
			if r.busy = false; r.fresh == fresh { // else a newer file came meanwhile
				d.taken(fresh, err)
			}
		})
	})
}

// taken ends a take, in the loop.
func (d *Daemon) taken(fresh *config.Config, err error) {
	r := d.rewire
	d.rewire = nil
	if err == nil {
		for _, what := range needsRestart(d.cfg.Config, fresh) {
			d.log.Warn("takes effect when this daemon is restarted", "setting", what)
		}
		d.cfg.Config, d.ownHash = fresh, fresh.Roster.Hash()
		d.roster.Store(&fresh.Roster)
		d.log.Info("configuration read again", "roster", d.ownHash)
		d.step(member.ConfigChanged{RosterHash: d.ownHash, Logins: fresh.Logins(), Shared: sharedBy(fresh)})
		d.follow(false)
	} else {
		d.log.Error("the configuration was read again and cannot be used; this node goes on with the one before", "error", err)
		d.file.problem = err.Error()
	}
	d.step(member.DevicesChange{Done: true})
	for _, ch := range r.done {
		ch <- err
	}
}

// sameDevices reports whether a change of configuration leaves every device as it was.
func sameDevices(a, b *config.Config) bool {
	return slices.Equal(a.Roster.Devices, b.Roster.Devices) && slices.EqualFunc(a.Devices, b.Devices, func(x, y config.Device) bool {
		return x.Equal(y) && a.Plugin(x.Plugin).Isolate == b.Plugin(y.Plugin).Isolate
	})
}

// takeAndWait is take for who is not the loop.
func (d *Daemon) takeAndWait(ctx context.Context, fresh *config.Config) error {
	done := make(chan error, 1)
	if err := d.ask(ctx, func() { d.take(fresh, done) }); err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-d.done:
		return client.Errorf(client.CodeUnreachable, "the daemon is going down")
	case <-ctx.Done():
		return client.Errorf(client.CodeTimeout, "the new configuration waits until calls to devices have returned; it is taken then")
	}
}

// Reload implements api.Steward. One at a time, from before the file is read: judging it takes seconds, and what was read first is never taken last (an
// old password would be tried again, R28).
func (d *Daemon) Reload(ctx context.Context, _ api.Caller) (client.Reloaded, error) {
	out := client.Reloaded{API: client.API}
	select {
	case d.reading <- struct{}{}:
		defer func() { <-d.reading }()
	case <-ctx.Done():
		return out, client.Errorf(client.CodeTryAgain, "another reload is still being judged: try again when it has ended")
	}
	fresh, err := d.examined(ctx)
	if err != nil {
		return out, err
	}
	var refused error
	take := false
	err = d.ask(ctx, func() {
		dom := d.member.Domain()
		out.Version, out.Hash = dom.Roster.Version, fresh.Roster.Hash()
		out.Equal = dom.Roster.Version == 0 || d.committedIs(fresh.Roster, out.Hash)
		out.Restart = needsRestart(d.cfg.Config, fresh)
		refused = d.mayTake(fresh)
		take = refused == nil && (out.Equal || !d.rosterEqual())
		if !out.Equal {
			out.Changes = fence.Changes(dom.Roster, fresh.Roster)
			d.file.differs = differs(dom.Roster, fresh.Roster)
		}
	})
	if err := errors.Join(refused, err); err != nil || !take {
		return out, err
	}
	out.Taken = true
	return out, d.takeAndWait(ctx, fresh)
}

// examined reads the configuration again for somebody who is there to hear what is wrong with it: what plugins say of options refuses it as a whole, and
// nothing is lost by that. A daemon that follows the committed roster takes it all the same (follow): the device is out then, and the node is not.
func (d *Daemon) examined(ctx context.Context) (*config.Config, error) {
	if d.cfg.Examine == nil {
		return d.cfg.Reload()
	}
	return d.cfg.Examine(ctx)
}

// needsRestart lists what a daemon that runs does not take from its file.
func needsRestart(old, fresh *config.Config) []string {
	var out []string
	add := func(what string, changed bool) {
		if changed {
			out = append(out, what)
		}
	}
	o, n := old.Roster.Timing, fresh.Roster.Timing
	add("timings failure_timeout, ping_interval, lease (membership)", o.FailureTimeoutMS != n.FailureTimeoutMS || o.PingMS != n.PingMS || o.LeaseMS != n.LeaseMS)
	add("authkey", old.Authkey != fresh.Authkey || old.Key != fresh.Key)
	add("api", old.API != fresh.API || old.Socket != fresh.Socket)
	add("log", old.LogLevel != fresh.LogLevel || old.LogFormat != fresh.LogFormat)
	add("history keep", old.Roster.Policy.HistoryKeep != fresh.Roster.Policy.HistoryKeep)
	add("self_fence", !reflect.DeepEqual(old.SelfFence, fresh.SelfFence))
	add("residual", !reflect.DeepEqual(old.Residual, fresh.Residual))
	add("core_processes", !slices.Equal(old.Cores, fresh.Cores))
	add("watchdog", !reflect.DeepEqual(old.Watchdog, fresh.Watchdog))
	own, _ := fresh.Roster.Node(fresh.Self)
	add("membership listen", old.Listen != fresh.Listen && fresh.Listen != own.Address) // its own address it follows
	return out
}

package daemon

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/internal/api"

	"github.com/fenced-project/fenced/client"
)

// locals are the registered clients. All of it belongs to the loop. It decides nothing: what a client is told, and when, is the member's.
type locals struct {
	byID map[uint64]*local
	next uint64
	// gone are clients that ended in the middle of carrying out effects; the member hears of them when these are carried out.
	gone []member.ClientGone
}

// local is one registered client.
type local struct {
	api.ClientArgs
	id      uint64
	stream  *api.Stream
	granted bool
	frozen  bool
	why     string
	since   time.Time
	grant   member.TellKind // the newest of granted and grant-refused that it was told
}

// newLocals makes an empty register. Ids go on from a random number: one that a program still has from an earlier run of the daemon must not
// be another program's now, which it could sign off. They stay below 2^53, where JSON numbers are exact everywhere.
func newLocals() (locals, error) {
	var raw [8]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return locals{}, fmt.Errorf("cannot make ids of clients: %w", err)
	}
	return locals{byID: map[uint64]*local{}, next: binary.BigEndian.Uint64(raw[:])>>12 | 1}, nil
}

// Register implements api.Registrar.
func (d *Daemon) Register(ctx context.Context, a api.ClientArgs) (uint64, *api.Stream, error) {
	var c *local
	var failed error
	err := d.ask(ctx, func() {
		for _, o := range d.locals.byID {
			if o.Name == a.Name {
				failed = client.Errorf(client.CodeTryAgain, "a client named %s is registered already, by %s", a.Name, o.By)
				return
			}
		}
		d.locals.next++
		c = &local{ClientArgs: a, id: d.locals.next, stream: api.NewStream(d.locals.next, 0, d.cfg.Now), since: time.Now()}
		d.locals.byID[c.id] = c
		d.step(member.ClientRegistered{ID: c.id, Name: a.Name, Role: a.Role, Critical: a.Critical, After: a.After})
	})
	switch {
	case failed != nil:
		return 0, nil, failed
	case err != nil:
		return 0, nil, err
	}
	return c.id, c.stream, nil
}

// Gone implements api.Registrar.
func (d *Daemon) Gone(id uint64, why string) {
	d.post(func() { d.unregister(id, member.ClientGone{ID: id, Why: why}) })
}

// Done implements api.Registrar.
func (d *Daemon) Done(ctx context.Context, id uint64, by api.Caller) error {
	var failed error
	err := d.ask(ctx, func() {
		c := d.locals.byID[id]
		switch {
		case c == nil:
			failed = client.Errorf(client.CodeNoSuch, "no such client: %d", id)
		case !c.mayBe(by):
			failed = client.Errorf(client.CodeNotPermitted, "client %s was registered by uid %d: only that user and root may say that it is done", c.Name, c.By.UID)
		default:
			d.unregister(id, member.ClientGone{ID: id, Done: true, Why: "it uses nothing any more"})
		}
	})
	if failed != nil {
		return failed
	}
	return err
}

// mayBe reports whether a caller may speak for a client.
func (c *local) mayBe(by api.Caller) bool { return by.UID == 0 || by.UID == c.By.UID }

// unregister forgets a client, tells the member at once and ends the stream. Of a client that is not there nothing is told a second time.
func (d *Daemon) unregister(id uint64, why member.ClientGone) {
	if d.forget(id, why) {
		d.step(why)
	}
}

// forget takes a client out of the register, ends its stream after what was told before, and says so; it reports whether there was one.
func (d *Daemon) forget(id uint64, why member.ClientGone) bool {
	c := d.locals.byID[id]
	if c == nil {
		return false
	}
	delete(d.locals.byID, id)
	c.stream.End()
	result := "gone"
	if why.Done {
		result = "done"
	}
	d.noteClient(c, client.EventClientGone, result, why.Why)
	return true
}

// tell brings a message on its way. A client whose stream takes no more is dropped: it cannot be told what is missing.
func (d *Daemon) tell(e member.Tell) {
	c := d.locals.byID[e.Client]
	if c == nil {
		return // gone meanwhile
	}
	if !c.stream.Tell(api.Tale{Notice: d.notice(e), UntilMS: e.UntilMS}) {
		c.stream.Cut()
		d.drop(member.Drop{Client: e.Client, Why: "it did not keep up with what it was told"})
		return
	}
	d.wasTold(c, e)
}

// drop ends a client's stream. The member hears of it after the effects that are being carried out.
func (d *Daemon) drop(e member.Drop) {
	gone := member.ClientGone{ID: e.Client, Why: e.Why}
	if d.forget(e.Client, gone) {
		d.locals.gone = append(d.locals.gone, gone)
	}
}

// wasTold keeps for status how a client stands, and publishes each transition once.
func (d *Daemon) wasTold(c *local, e member.Tell) {
	turn := func(event string, is bool) {
		c.since, c.why = time.Now(), e.Why
		if is {
			d.noteClient(c, event, "", e.Why)
		}
	}
	switch e.Kind {
	case member.TellState:
		c.granted = e.State.Granted // only who is granted is told that it is frozen
	case member.TellGranted:
		c.granted, c.frozen = true, false
		turn(client.EventGranted, c.grant != e.Kind)
		c.grant = e.Kind
	case member.TellRefused:
		c.granted = false
		turn(client.EventGrantRefused, c.grant != e.Kind)
		c.grant = e.Kind
	case member.TellFrozen:
		was := c.frozen
		c.frozen = true
		turn(client.EventFrozen, !was)
	case member.TellThawed:
		was := c.frozen
		c.frozen = false
		turn(client.EventThawed, was)
	case member.TellFailed:
		c.granted = false
		turn("", false)
	}
}

// noteClient publishes an event about one client of this node.
func (d *Daemon) noteClient(c *local, event, result, why string) {
	d.note(client.Event{Event: event, Node: d.cfg.Config.SelfName, Incarnation: d.cfg.Self.Boot, Client: c.Name, Result: result, Text: why})
}

// notice is a message as it goes over the wire.
func (d *Daemon) notice(e member.Tell) client.Notice {
	n := client.Notice{
		Index: e.Index, Event: string(e.Kind), Node: d.name(e.Life.Node), Incarnation: e.Life.Boot, Verdict: string(e.Verdict.Kind), Why: e.Why,
		At: client.At(time.Now()),
	}
	if e.Kind != member.TellState {
		return n
	}
	n.Granted, n.Frozen, n.HeartbeatMS = e.State.Granted, e.State.Frozen, e.State.HeartbeatMS
	for _, l := range e.State.Unresolved {
		n.Unresolved = append(n.Unresolved, client.Life{Node: d.name(l.Node), Incarnation: l.Boot})
	}
	for _, id := range e.State.Unknown {
		n.Unknown = append(n.Unknown, d.name(id))
	}
	return n
}

// list shows the clients in status, by name.
func (l *locals) list() client.List[client.LocalClient] {
	var out client.List[client.LocalClient]
	for _, c := range l.byID {
		out = append(out, client.LocalClient{
			ID: c.id, Name: c.Name, Role: c.Role, Critical: c.Critical, Granted: c.granted, Frozen: c.frozen, Since: client.At(c.since), Why: c.why, PID: c.By.PID,
		})
	}
	slices.SortFunc(out, func(a, b client.LocalClient) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// end ends all streams: a daemon that decides no more has nothing to tell, and the end of the stream says it (S4.7). It is called when the loop
// has ended, and not before: a client that uses what is shared must keep this node from leaving cleanly.
func (l *locals) end() {
	for _, c := range l.byID {
		c.stream.End()
	}
}

// asker is in whose name a request is made: an operator's, or that of the registered client that the caller speaks for (R29).
func (d *Daemon) asker(a api.RequestArgs, r *domain.Request) error {
	if a.Client == 0 {
		return nil
	}
	c := d.locals.byID[a.Client]
	switch {
	case c == nil:
		return client.Errorf(client.CodeNoSuch, "no such client: %d", a.Client)
	case !c.mayBe(a.By):
		return client.Errorf(client.CodeNotPermitted, "client %s was registered by uid %d: only that user and root may ask in its name", c.Name, c.By.UID)
	case c.Role != client.RoleReport:
		return client.Errorf(client.CodeNotPermitted, "client %s has the role %s: only %s may ask for fencing", c.Name, c.Role, client.RoleReport)
	}
	r.Cause, r.By = fence.CauseReported, c.Name+"@"+d.cfg.Config.SelfName
	return nil
}

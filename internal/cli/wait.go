package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/fenced-project/fenced/client"
)

type writer = io.Writer

// wait is what somebody who waits for an operation wants to know.
type wait struct {
	id    uint64
	place client.WatchFrom
	until func(client.Show) bool
	quiet bool // no progress lines
}

// askAgain is how often the operation itself is looked at: events are progress for people, the operation's own record is what decides, so
// an event that was missed costs a second and never the answer.
const askAgain = time.Second

// decisive are the events after which looking at once is worth it.
var decisive = map[string]bool{
	client.EventVerdict: true, client.EventCancelled: true, client.EventAck: true, client.EventPowerOn: true, client.EventUnfence: true, client.EventLeft: true,
	client.EventRefused: true, client.EventClaimEnd: true, client.EventClean: true, client.EventDrill: true,
}

// waitFor shows the events of an operation until `until` holds. Errors: CodeTimeout when ctx's time is over and the operation goes on,
// CodeUnknown when it was interrupted or the daemon cannot be asked any more.
func (a *app) waitFor(ctx context.Context, c *client.Client, w wait) (client.Show, error) {
	inner, cancel := context.WithCancel(ctx)
	events := make(chan client.Event)
	problems := make(chan error)
	ended := make(chan struct{})
	from := w.place
	go func() {
		defer close(ended)
		for e, err := range c.Watch(inner, from) {
			if err != nil {
				select {
				case problems <- err:
				case <-inner.Done():
				}
				continue
			}
			select {
			case events <- e:
			case <-inner.Done():
			}
		}
	}()
	defer func() { cancel(); <-ended }()

	again := time.NewTicker(askAgain)
	defer again.Stop()
	look := looker{client: c, id: w.id}
	if done, err := look.at(ctx, w.until); done {
		a.drain(events, w, look.last)
		return look.last, err
	}
	for {
		check := false
		select {
		case e := <-events:
			a.lost = false
			w.place = client.WatchFrom{Seq: e.Seq, Stream: e.Stream}
			if e.Operation == w.id {
				check = decisive[e.Event]
				if !w.quiet {
					a.progress(e)
				}
			}
		case err := <-problems:
			if end := a.interrupted(ctx, err); end != nil && *end != nil && ctx.Err() == nil {
				return look.last, *end
			}
		case <-again.C:
			check = true
		case <-ctx.Done():
			return look.last, look.giveUp(ctx)
		}
		if !check {
			continue
		}
		if done, err := look.at(ctx, w.until); done {
			a.drain(events, w, look.last)
			return look.last, err
		}
	}
}

// drain shows what led to the end and is still on its way, for at most a second: the answer must not overtake the last step.
func (a *app) drain(events <-chan client.Event, w wait, s client.Show) {
	limit := time.NewTimer(time.Second)
	defer limit.Stop()
	for w.place.Seq < s.Seq && !w.place.New {
		select {
		case e := <-events:
			w.place.Seq = e.Seq
			if e.Operation == w.id && !w.quiet {
				a.progress(e)
			}
		case <-limit.C:
			return
		}
	}
}

// progress is one line for each step: talk in text, data in JSON.
func (a *app) progress(e client.Event) {
	if a.format == formatJSON {
		a.json(e)
		return
	}
	fmt.Fprintln(a.err, eventLine(e))
}

// looker looks at one operation again and again.
type looker struct {
	client *client.Client
	id     uint64
	last   client.Show
	err    error // of the newest look
}

// at looks once. It reports true when the wait is over, with or without an error.
func (l *looker) at(ctx context.Context, until func(client.Show) bool) (bool, error) {
	ask, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	s, err := l.client.Show(ask, l.id)
	l.err = err
	if err == nil {
		l.last = s
		return until(s), nil
	}
	switch client.CodeOf(err) {
	case client.CodeNoSuch, client.CodeNotPermitted, client.CodeUsage:
		return true, err
	}
	return false, nil // the daemon may come back; ctx bounds how long that is waited for
}

// giveUp says what is left behind. A daemon that did not answer the last time may have finished the operation: that is unknown, not late.
func (l *looker) giveUp(ctx context.Context) error {
	var e *client.Error
	switch {
	case !errors.Is(ctx.Err(), context.DeadlineExceeded):
		e = client.Errorf(client.CodeUnknown, "interrupted: operation %d goes on", l.id)
	case l.err != nil && !errors.Is(l.err, context.DeadlineExceeded):
		e = client.Errorf(client.CodeUnknown, "the time is over and the daemon does not answer: the outcome of operation %d is unknown", l.id)
	default:
		e = client.Errorf(client.CodeTimeout, "operation %d is not over in time and goes on", l.id)
	}
	e.Next = fmt.Sprintf("fenced watch %d", l.id)
	return e
}

// outcome is the error that an operation which is over ends a command with. Nothing is a success without a proof that has a name.
func outcome(s client.Show) error {
	h := s.History
	switch {
	case s.Code != client.CodeOK:
		return client.Errorf(s.Code, "%s", orElse(s.Error, fmt.Sprintf("operation %d on %s failed: %s", h.ID, h.Victim, s.Code)))
	case h.Action == client.ActionUnfence && h.Finished.IsZero():
		return client.Errorf(client.CodeError, "%s was not unfenced: it went, or became a victim, before its access was open again", h.Victim)
	case h.Action == client.ActionOn, h.Action == client.ActionUnfence, h.Resolution == client.ResolutionPassed:
		return nil
	case h.Resolution == client.ResolutionLeft:
		return client.Errorf(client.CodeError, "%s left cleanly before it was fenced: nothing was switched off", h.Victim)
	case h.Resolution == "" || h.Evidence.Kind == "":
		return client.Errorf(client.CodeUnknown, "operation %d on %s is over, and no proof is named", h.ID, h.Victim)
	}
	return nil
}

// resultLine says how an operation ended, with its proof.
func resultLine(s client.Show) string {
	h := s.History
	what := h.Resolution
	if h.Verdict != "" {
		what = h.Verdict
	}
	line := fmt.Sprintf("%s: %s", h.Victim, orElse(what, h.Action))
	if h.Evidence.Kind != "" {
		line += ", " + evidenceText(h.Evidence)
	}
	if !h.Evidence.At.IsZero() {
		line += " at " + stamp(h.Evidence.At)
	}
	if h.Actor != "" {
		line += ", by " + h.Actor
	}
	if !h.Started.IsZero() && !h.Finished.IsZero() {
		line += ", after " + took(h.Finished.Sub(h.Started.Time).Milliseconds())
	}
	return line + fmt.Sprintf(" (op %d)", h.ID)
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

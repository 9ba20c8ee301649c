package daemon

import (
	"context"
	"errors"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/internal/api"

	"github.com/fenced-project/fenced/client"
)

// leaveTimeout is how long a daemon that is told to end tries to leave cleanly before it ends all the same.
const leaveTimeout = 5 * time.Second

// leaveGrace is how much longer the loop waits for the member's own answer, which comes at its deadline.
const leaveGrace = 500 * time.Millisecond

// Leave implements api.Steward: this node leaves, and the daemon ends by itself.
func (d *Daemon) Leave(ctx context.Context, a api.LeaveArgs) (client.Committed, error) {
	out := client.Committed{API: client.API, Text: d.selfName(ctx) + " has left; its daemon stops"}
	var ch chan member.Answer
	if err := d.ask(ctx, func() { ch = d.requestLeave(d.who(a.By)+": "+a.Reason, a.Force, a.Timeout) }); err != nil && ch == nil {
		return out, err
	}
	var answer member.Answer
	select {
	case answer = <-ch:
	case <-d.done:
		select {
		case answer = <-ch: // it was given before the loop ended, which is what a leave ends with
		default:
			return out, client.Errorf(client.CodeUnknown, "the daemon goes down, whether this node has left is unknown")
		}
	case <-ctx.Done():
		select {
		case answer = <-ch:
		default:
			return out, client.Errorf(client.CodeUnknown, "no answer within the time given: this node may still leave")
		}
	}
	out.Index = answer.Index
	return out, leaveError(answer)
}

// requestLeave asks the member; it runs in the loop. The channel has room for the one answer.
func (d *Daemon) requestLeave(why string, force bool, limit time.Duration) chan member.Answer {
	d.reply++
	ch := make(chan member.Answer, 1)
	d.replies[d.reply] = ch
	d.step(member.LeaveRequested{Reply: d.reply, Reason: why, Force: force, UntilMS: d.cfg.Now() + limit.Milliseconds()})
	return ch
}

// leaveError says why a leave was refused, with its exit code, and what follows from it.
func leaveError(a member.Answer) error {
	err := a.Err
	code := client.CodeError
	switch {
	case a.Unknown:
		return client.Errorf(client.CodeUnknown, "the outcome is unknown: the leave is proposed and goes on; this node takes no duty until it has left or its daemon is started again")
	case err == nil:
		return nil
	case errors.Is(err, fence.ErrNoQuorum):
		e := client.Errorf(client.CodeNoQuorum, "no quorum: this node cannot leave, and if its daemon stops the others will fence it once they have quorum")
		e.Next = "fenced status -o wide"
		return e
	case errors.Is(err, member.ErrResidue):
		code = client.CodeDirty
	case errors.Is(err, member.ErrUnsure):
		code = client.CodeResidualUnknown
	case errors.Is(err, member.ErrHeld):
		code = client.CodeTryAgain
	case errors.Is(err, member.ErrLate):
		code = client.CodeTimeout
	case errors.Is(err, fence.ErrUnsafe):
		code = client.CodeUnsafe
	}
	return client.Errorf(code, "this node does not leave: %s", rejected(err))
}

// farewell is the leave that ends a daemon which was told to end: SIGTERM does no more harm than it must. It forces, because the daemon ends
// in any case: those who stay lose its vote either way.
type farewell struct {
	answer chan member.Answer // nil before
	limit  <-chan time.Time
}

// begin reports whether there is anything to wait for.
func (f *farewell) begin(d *Daemon) bool {
	if d.cfg.LeaveTimeout < 0 {
		return false
	}
	limit := d.cfg.LeaveTimeout
	if limit == 0 {
		limit = leaveTimeout
	}
	f.answer = d.requestLeave("its daemon was told to end", true, limit)
	f.limit = time.After(limit + leaveGrace)
	return true
}

// told logs what came of it; the daemon ends now.
func (f *farewell) told(d *Daemon, a member.Answer) {
	if err := leaveError(a); err != nil {
		d.log.Warn("this daemon ends without a clean leave: in an armed cluster the others fence a node that was a member", "node", d.me(), "why", err)
		return
	}
	d.log.Info("left cleanly", "node", d.me(), "index", a.Index)
}

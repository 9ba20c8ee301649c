package daemon

import (
	"context"
	"errors"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/internal/api"
	"github.com/fenced-project/fenced/residual"

	"github.com/fenced-project/fenced/client"
)

// Restart implements api.Steward: the daemon ends for a planned restart (R26). Who runs it starts the next one at once, see Restarts.
func (d *Daemon) Restart(ctx context.Context, a api.RestartArgs) (client.Committed, error) {
	out := client.Committed{API: client.API, Text: "the daemon of " + d.selfName(ctx) + " restarts"}
	until := d.cfg.Now() + a.Timeout.Milliseconds()
	looks, seen := context.WithTimeout(ctx, a.Timeout/2) // a plugin that hangs leaves time for the rest
	_, err := d.examined(looks)
	if seen(); err != nil { // the next daemon would not start, and this life would end with its lease
		return out, err
	}
	ch := make(chan member.Answer, 1)
	if err := d.ask(ctx, func() {
		d.reply++
		d.replies[d.reply] = ch
		d.step(member.RestartRequested{Reply: d.reply, Reason: d.who(a.By) + ": " + a.Reason, UntilMS: until})
	}); err != nil {
		return out, err
	}
	var answer member.Answer
	select {
	case answer = <-ch:
	case <-d.done:
		select {
		case answer = <-ch: // it was given in the turn in which the loop ended
		default:
			return out, client.Errorf(client.CodeUnknown, "the daemon goes down, whether it was to restart is unknown")
		}
	case <-ctx.Done():
		return out, client.Errorf(client.CodeUnknown, "no answer within the time given: the daemon may still restart")
	}
	out.Index = answer.Index
	return out, restartError(answer)
}

// Restarts reports, once Run has returned, whether the next daemon is to be started at once, in this boot and for what the log waits for.
func (d *Daemon) Restarts() bool { return d.again.Load() }

// Resumes reports whether this start is that of the next daemon of a planned restart, which the log waits for only so long (R26): nothing may hold it up.
func Resumes(o residual.Options, now int64) bool {
	r := restartRecord(o)
	return r.Nonce != "" && now < r.UntilMS
}

// restartError says why a restart was refused, with its exit code.
func restartError(a member.Answer) error {
	code := client.CodeError
	switch err := a.Err; {
	case a.Unknown:
		return client.Errorf(client.CodeUnknown, "the outcome is unknown")
	case err == nil:
		return nil
	case errors.Is(err, fence.ErrNoQuorum):
		code = client.CodeNoQuorum
	case errors.Is(err, member.ErrUnsure):
		code = client.CodeResidualUnknown
	case errors.Is(err, member.ErrHeld), errors.Is(err, member.ErrRestarting), errors.Is(err, fence.ErrRefused):
		code = client.CodeTryAgain
	case errors.Is(err, member.ErrLate):
		code = client.CodeTimeout
	case errors.Is(err, fence.ErrUnsafe):
		code = client.CodeUnsafe
	}
	return client.Errorf(code, "the daemon of this node does not restart: %s", rejected(a.Err))
}

// restartRecord is what the daemon before this one left in the session record of this boot; zero where there is none, or none that can be read: what
// that means the state of the record says.
func restartRecord(o residual.Options) member.RestartRecord {
	if o.Session == nil {
		return member.RestartRecord{}
	}
	b, err := o.Session()
	_, s, err := residual.JudgeSession(o.Boot, b, err)
	if err != nil || s.Restart == nil {
		return member.RestartRecord{}
	}
	return member.RestartRecord{Nonce: s.Restart.Nonce, UntilMS: s.Restart.UntilMS, Print: s.Restart.Print, Cores: s.Restart.Cores}
}

package daemon

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fenced-project/fenced/fence/member"

	"github.com/fenced-project/fenced/client"
)

// The processes that a node's own file calls its core. Each is watched by a pidfd, which neither a number that is given again nor a manager that is slow
// can deceive; what its end meant, and whether it is back, is asked of systemd or of its pid file. What follows from that is fence/member's to say.

// CoreSight is what is known of a core process at one moment.
type CoreSight struct {
	// PID is that of its main process, 0 where there is none; then Fate says why.
	PID  int
	Fate member.CoreFate
	// Restarts counts how often its manager has started it again by itself, since somebody started it.
	Restarts int
	// Undecided: it has just ended, and its manager cannot say yet whether in order. Fate is what it is if that stays so.
	Undecided bool
	// Origin is what said PID, "" where that is asked of a manager who is never behind: a pid file that is still the same after its process has ended
	// names nobody, whoever has the number now.
	Origin string
	Why    string
}

// CoreLook asks about one core process, within the deadline of ctx. An error is no good news: it counts as a death if the process has ended.
type CoreLook func(ctx context.Context) (CoreSight, error)

// Core is a core process to be watched.
type Core struct {
	Name string
	Look CoreLook
}

// How a core process is looked for: how long one look may take, how often while it does not run, and how long its manager may take to notice an end.
const (
	coreLookTime = 5 * time.Second
	coreEvery    = time.Second
	coreReapTime = 2 * time.Second
	coreReapStep = 20 * time.Millisecond
)

// watchCore tells the loop what becomes of one of them, until ctx ends.
func (d *Daemon) watchCore(ctx context.Context, c Core) {
	tick := time.NewTicker(coreEvery)
	defer tick.Stop()
	var said member.CoreSeen
	say := func(fate member.CoreFate, why, id string) bool {
		in := member.CoreSeen{Name: c.Name, Fate: fate, Why: why, ID: id}
		if in == said {
			return true
		}
		said = in
		d.log.Info("core process", "unit", c.Name, "fate", fate, "why", why)
		return d.post(in)
	}
	var last CoreSight // that ended
	for ctx.Err() == nil {
		s, f, err := openCore(ctx, c.Look, last)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s = CoreSight{Fate: member.CoreDied, Why: err.Error()}
			fallthrough
		case f == nil:
			if !say(s.Fate, s.Why, "") {
				return
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
			continue
		}
		if !say(member.CoreRuns, "", fmt.Sprintf("%d, started again %d times, %s", s.PID, s.Restarts, s.Origin)) {
			_ = f.Close()
			return
		}
		d.awaitCore(ctx, c.Name, f)
		_ = f.Close()
		if ctx.Err() != nil {
			return
		}
		last = s
		fate, why := coreEnd(ctx, c.Look, s)
		if ctx.Err() != nil || !say(fate, why, "") {
			return
		}
	}
}

// openCore looks for the process and opens a pidfd of it, nil where it does not run. The second look makes sure that what was opened is what is meant:
// between the first and the opening its number may have been given again.
// last is the one whose end was seen: what named it then and is unchanged names nobody, also where another process of that name has its number.
func openCore(ctx context.Context, look CoreLook, last CoreSight) (CoreSight, *os.File, error) {
	s, err := lookOnce(ctx, look)
	if err != nil || s.PID <= 0 {
		return s, nil, err
	}
	if s.Origin != "" && s.Origin == last.Origin && s.PID == last.PID {
		return s, nil, fmt.Errorf("its pid file is still that of process %d, which has ended", s.PID)
	}
	fd, err := unix.PidfdOpen(s.PID, 0)
	if err != nil {
		return s, nil, fmt.Errorf("cannot watch process %d: %w", s.PID, err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return s, nil, fmt.Errorf("cannot watch process %d: %w", s.PID, err)
	}
	f := os.NewFile(uintptr(fd), fmt.Sprintf("pidfd of %d", s.PID)) // #nosec G115: a file descriptor
	again, err := lookOnce(ctx, look)
	switch {
	case err != nil:
	case again.PID != s.PID:
		err = fmt.Errorf("process %d is not its main process any more", s.PID)
	case ended(fd):
		err = fmt.Errorf("process %d has ended", s.PID)
	}
	if err != nil {
		_ = f.Close()
		return s, nil, err
	}
	return again, f, nil
}

func lookOnce(ctx context.Context, look CoreLook) (CoreSight, error) {
	ctx, cancel := context.WithTimeout(ctx, coreLookTime)
	defer cancel()
	return look(ctx)
}

// awaitCore waits until the process of a pidfd has ended, or ctx. Where the poller does not take it, that is said, and it is looked at each second.
func (d *Daemon) awaitCore(ctx context.Context, unit string, f *os.File) {
	if err := awaitExit(ctx, f); err != nil && ctx.Err() == nil {
		d.log.Warn("core process is looked at each second: its end cannot be waited for", "unit", unit, "process", f.Name(), "error", err)
		awaitByLooking(ctx, f)
	}
}

// awaitExit waits until the process of a pidfd has ended, in the runtime's poller. An error: ctx ended first, or the poller does not take this pidfd.
func awaitExit(ctx context.Context, f *os.File) error {
	stop := context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Read(func(fd uintptr) bool { return ended(int(fd)) }) // #nosec G115: a file descriptor
}

// awaitByLooking waits for the same without the poller, until ctx ends.
func awaitByLooking(ctx context.Context, f *os.File) {
	tick := time.NewTicker(coreEvery)
	defer tick.Stop()
	for !ended(int(f.Fd())) { // #nosec G115: a file descriptor
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// ended reports whether the process of a pidfd has, whether or not somebody waited for it.
func ended(pidfd int) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, 0) // #nosec G115: a file descriptor
	return err == nil && n > 0
}

// coreEnd says what the end of the process that was seen meant: whether it was in order is its manager's word, and without one it was not. Who cannot
// answer at once, as systemd while it executes itself anew or still ends what is left of a unit, or a pid file that is about to be removed or written, is
// asked again for coreReapTime.
func coreEnd(ctx context.Context, look CoreLook, was CoreSight) (member.CoreFate, string) {
	deadline := time.Now().Add(coreReapTime)
	for {
		s, err := lookOnce(ctx, look)
		switch {
		case err != nil && time.Now().Before(deadline):
		case err != nil:
			return member.CoreDied, err.Error() // in the words of the next look, so that it is said once
		case s.Restarts > was.Restarts:
			return member.CoreDied, fmt.Sprintf("process %d ended and was started again", was.PID)
		case s.PID == 0 && s.Undecided && time.Now().Before(deadline):
		case s.PID == 0:
			return s.Fate, s.Why
		case s.PID != was.PID:
			return member.CoreStopped, fmt.Sprintf("process %d was replaced in order", was.PID)
		case time.Now().After(deadline):
			return member.CoreDied, fmt.Sprintf("process %d ended and nobody noticed", was.PID)
		}
		select {
		case <-time.After(coreReapStep):
		case <-ctx.Done():
			return member.CoreDied, ctx.Err().Error()
		}
	}
}

// coreAttention shows those that do not run.
func (d *Daemon) coreAttention(add func(code, node, text, next string)) {
	for _, c := range d.member.Cores() {
		add(client.AttentionCore, d.me(), fmt.Sprintf("core process %s %s: %s; this node grants and releases nothing until it runs", c.Name, c.Fate, c.Why), "systemctl status "+c.Name)
	}
}

package daemon

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/internal/config"
	"github.com/fenced-project/fenced/membership"
	"github.com/fenced-project/fenced/membership/corosync"
)

// Stored is the store of a node whose daemon does not run.
type Stored interface {
	// Domain is "" where it has none; Only says that nobody else has what it remembers.
	Domain() string
	Only() bool
	Replay(push func(membership.Event)) error
}

// Remembered is what such a store remembers: the domain as its whole story makes it.
func Remembered(o Stored) (*domain.State, error) {
	state := domain.New()
	var failed error
	err := o.Replay(func(ev membership.Event) {
		switch ev := ev.(type) {
		case membership.SnapshotInstalled:
			s, err := domain.Restore(ev.Data)
			if err != nil {
				failed = errors.Join(failed, err)
				return
			}
			s.Index = max(s.Index, ev.Index)
			state = s
		case membership.ViewInstalled:
			members := make([]domain.Origin, 0, len(ev.View.Members))
			for _, m := range ev.View.Members {
				members = append(members, origin(m))
			}
			state.ApplyView(ev.Index, members, ev.View.Quorate)
		case membership.Committed:
			e, err := domain.Decode(ev.Data)
			if err != nil {
				state.Reject(ev.Index)
				return
			}
			_, _ = state.Apply(ev.Index, origin(ev.Proposer), e) // what was refused is refused again
		case membership.Recovered:
			_, _, err := state.ApplyRecover(ev.Index, ev.Data)
			failed = errors.Join(failed, err)
		}
	})
	return state, errors.Join(err, failed)
}

// Rejoins describes what giving up a store means.
type Rejoins struct {
	// From is the directory that is given up, To where it is kept.
	From, To string
}

// GiveUp moves this node's store aside, so that the daemon begins a new one with its next start and joins as a newcomer (R3). The session
// records and whether this node was ever armed stay: they are about this machine and not about the log. It refuses while a daemon has the
// store open. Nothing is deleted: until the node has joined again the store can be moved back.
func GiveUp(stateDir, provider string, now time.Time) (Rejoins, error) {
	from := filepath.Join(stateDir, "raft")
	if provider == config.ProviderCorosync {
		from = corosync.Dir(stateDir)
	}
	to := from + ".given-up-" + now.UTC().Format("20060102T150405Z")
	r := Rejoins{From: from, To: to}
	if err := idle(filepath.Join(from, "log.db")); err != nil {
		return r, err
	}
	if err := os.Rename(from, to); err != nil {
		return r, fmt.Errorf("cannot move the store aside: %w", err)
	}
	d, err := os.Open(stateDir) // #nosec G304: the daemon's own directory
	if err != nil {
		return r, err
	}
	return r, errors.Join(d.Sync(), d.Close())
}

// idle demands that no daemon has this file open; bbolt holds the same lock.
func idle(path string) error {
	f, err := os.Open(path) // #nosec G304: the daemon's own file
	if err != nil {
		return nil // none, or one that no daemon could open either
	}
	defer func() { _ = f.Close() }()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("cannot give up %s: a daemon has it open", path)
	}
	return nil
}

// CheckGiveUp says why a store is not to be given up lightly: victims and verdicts that nobody else has would be forgotten.
func CheckGiveUp(o Stored, s *domain.State) error {
	if o.Domain() != "" && o.Only() {
		return fmt.Errorf("%w: this store is the only voter of domain %s, so nobody else has what it remembers (%d open victims)", fence.ErrUnsafe, o.Domain(), len(s.Victims()))
	}
	return nil
}

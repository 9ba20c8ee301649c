//go:build linux && (amd64 || arm64)

package corosync

import (
	"errors"
	"fmt"
	"time"

	"github.com/fenced-project/fenced/membership/corosync/libcorosync"
)

// ReadSettings asks the corosync that runs on this node, for at most within: its libraries wait for ever for one that is stopped, and then a
// thread is left behind that waits with them.
func ReadSettings(within time.Duration) (Settings, error) {
	type answer struct {
		s   Settings
		err error
	}
	got := make(chan answer, 1)
	go func() {
		s, err := readSettings()
		got <- answer{s, err}
	}()
	t := time.NewTimer(within)
	defer t.Stop()
	select {
	case a := <-got:
		return a.s, a.err
	case <-t.C:
		return Settings{}, fmt.Errorf("corosync does not answer within %v", within)
	}
}

func readSettings() (Settings, error) {
	m, err := libcorosync.OpenMap()
	if err != nil {
		return Settings{}, explain(err)
	}
	s, err := read(m)
	return s, errors.Join(err, m.Close())
}

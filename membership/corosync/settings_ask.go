//go:build linux && (amd64 || arm64)

package corosync

import (
	"errors"

	"github.com/fenced-project/fenced/membership/corosync/libcorosync"
)

// ReadSettings asks the corosync that runs where the calling thread is. It can block for as long as corosync is stopped: not for a loop that
// decides.
func ReadSettings() (Settings, error) {
	m, err := libcorosync.OpenMap()
	if err != nil {
		return Settings{}, explain(err)
	}
	s, err := read(m)
	return s, errors.Join(err, m.Close())
}

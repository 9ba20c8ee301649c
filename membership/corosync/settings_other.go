//go:build !linux || (!amd64 && !arm64)

package corosync

import "time"

// ReadSettings says that corosync cannot be asked on this machine.
func ReadSettings(time.Duration) (Settings, error) { return Settings{}, supported() }

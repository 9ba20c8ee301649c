//go:build !linux || (!amd64 && !arm64)

package corosync

// ReadSettings says that corosync cannot be asked on this machine.
func ReadSettings() (Settings, error) { return Settings{}, supported() }

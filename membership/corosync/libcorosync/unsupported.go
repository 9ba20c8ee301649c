//go:build !linux || (!amd64 && !arm64)

package libcorosync

import (
	"fmt"
	"runtime"
)

// Load says that corosync's libraries cannot be called here.
func Load() error {
	return fmt.Errorf("%w: corosync's libraries can be called on linux on amd64 and arm64, not on %s/%s: set membership.provider to embedded", ErrUnsupported, runtime.GOOS, runtime.GOARCH)
}

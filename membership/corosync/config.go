package corosync

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/fenced-project/fenced/membership"
	"github.com/fenced-project/fenced/membership/corosync/libcorosync"
)

// Config of a provider.
type Config struct {
	Self membership.Self
	// Cluster is a part of the group's name, so that two clusters in one ring do not meet.
	Cluster string
	// StateDir holds the log, its snapshot and the identity of this store, in corosync/.
	StateDir string
	// FailureTimeout is how long silence of a daemon in the group lasts until it leaves the view; default 2 s. A node that leaves corosync's ring is
	// gone when the ring says so. Ping is the interval of the signs of life; default a tenth.
	FailureTimeout time.Duration
	Ping           time.Duration
	// Lease is how long nothing is proposed after this process was stopped (R20); default FailureTimeout.
	Lease time.Duration
	// Outcome is how long a proposal is tried before its outcome is unknown; default the larger of 5 s and five failure timeouts.
	Outcome time.Duration
	// WriteDeadline is how long a write may take until this node goes out of service (R20); default the larger of 3 s and two failure timeouts.
	WriteDeadline time.Duration
	// SnapshotEvery is the number of entries between two snapshots of the log; default 4096.
	SnapshotEvery int
	Logger        *slog.Logger
	Version       string // of the software; shown, not compared
	// Enter is for tests only: it puts the calling thread where this node's corosync is reached. Production leaves it nil.
	Enter func() error
}

func (c *Config) fill() {
	if c.FailureTimeout == 0 {
		c.FailureTimeout = 2 * time.Second
	}
	if c.Ping == 0 {
		c.Ping = c.FailureTimeout / 10
	}
	if c.Lease == 0 {
		c.Lease = c.FailureTimeout
	}
	if c.Outcome == 0 {
		c.Outcome = max(5*time.Second, 5*c.FailureTimeout)
	}
	if c.WriteDeadline == 0 {
		c.WriteDeadline = max(3*time.Second, 2*c.FailureTimeout)
	}
	if c.SnapshotEvery == 0 {
		c.SnapshotEvery = 4096
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// maxCluster leaves room for the rest of the group's name.
const maxCluster = 100

func (c *Config) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Cluster == "" || len(c.Cluster) > maxCluster {
		bad("the cluster's name must have 1 to %d bytes, it has %d", maxCluster, len(c.Cluster))
	}
	if c.StateDir == "" {
		bad("state directory must be set")
	}
	if c.Self.Node == 0 || c.Self.Boot == "" || c.Self.Instance == "" {
		bad("node id, boot id and instance must be set")
	}
	if c.FailureTimeout < 4*c.Ping {
		bad("failure timeout (%v) must be at least four times the ping interval (%v)", c.FailureTimeout, c.Ping)
	}
	return errors.Join(errs...)
}

// Never reports whether an error of this package is about this machine and not about the corosync that runs on it: a library is missing, or the
// processor is one for which nobody has tried. No waiting helps.
func Never(err error) bool {
	var missing *libcorosync.MissingError
	return errors.As(err, &missing) || errors.Is(err, libcorosync.ErrUnsupported)
}

// group is the name of the CPG group.
func (c *Config) group() string { return "fenced:" + c.Cluster }

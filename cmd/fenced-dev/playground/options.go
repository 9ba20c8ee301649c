package playground

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Options say what cluster to build. The zero value is the demo's: three nodes on the loopback, one honest BMC each.
type Options struct {
	// Nodes is how many; 0 means 3, and embedded membership takes no fewer.
	Nodes int
	// Netns gives every node a network namespace of its own, so that networks can be cut (needs root and iproute2).
	Netns bool
	// Dir is where everything is put and left; "" means a temporary directory that goes at the end. It must be empty or absent.
	Dir string
	// Build is the directory with fenced, fenced-dev and plugins/; "" means that of the running program.
	Build string
	// FailureTimeout is how long a silent node is waited for; 0 means 2 s, the product's default.
	FailureTimeout time.Duration
	// PostJoinDelay is how long a node has to say that it is clean; 0 means 20 s, the product's default.
	PostJoinDelay time.Duration
	// PostFailDelay is how long a claim waits after a failure; 0 means 0, the product's default.
	PostFailDelay time.Duration
	// BMCs lists the BMCs of a node (from 1); nil means one honest BMC.
	BMCs func(node int) []BMCSpec
	// Levels lists the levels of a node as lists of device names; nil means one level for each of its BMCs.
	Levels func(node int) [][]string
	// Spare is how many of Nodes, the last ones, are machines that no configuration names and that have no power at the start: they can be added
	// to the cluster while it runs (Node.RegainPower, Cluster.Seat).
	Spare int
	// Witness makes the last node a witness: it runs from the one file that `fenced witness export` writes, and no configuration names its BMC.
	Witness bool
	// Disks gives a node a disk of its own for its state; nil, or nil for a node, means none.
	Disks func(node int) *DiskSpec
	// Corosync makes it the membership: every machine runs one, in the node's namespaces. It needs Netns, and takes two nodes too.
	Corosync *CorosyncSpec
	// Disarmed leaves the cluster as bootstrap made it.
	Disarmed bool
	// IdleStateless is the policy of this name.
	IdleStateless bool
	// OnResidual is the policy of this name, "" for the product's default.
	OnResidual string
	// Env is added to every daemon's environment, K=V.
	Env []string
	// Log takes one line for each step of building; nil means none.
	Log io.Writer
}

// BMCSpec is one BMC of a node. Its device is called bmc-NODE, and bmc-NODE-b, -c where a node has more.
type BMCSpec struct {
	// PDU makes it an outlet of a power strip that speaks SNMP and gives no identity. Nothing hangs on it where it is Idle.
	PDU, Idle bool
	// Port makes it a port of a network switch instead, by SNMP: through it its node reaches what the nodes share. No power hangs on it; while it is closed
	// there is a file of that name in Cluster.Dir: closed-NODE.
	Port bool
	// Registrar, beside Port, is the path of a fence agent whose `on` works only on the node itself: nobody asks the switch then. The agent gets Cluster.Dir as dir
	// and the node's name as plug, and keeps the same file.
	Registrar string
	// Redfish makes it speak Redfish instead of IPMI. Fingerprint is the one that the configuration demands of its certificate, "" for that which it shows.
	Redfish     bool
	Fingerprint string
	// Knobs are faults from the start (fenced-dev bmc --knob).
	Knobs []string
	// GUID is the identity that it gives, "" for that of its node's machine.
	GUID string
	// AttemptTimeout and Attempts bound what the daemon tries at it; 0 means 4 s and 1.
	AttemptTimeout time.Duration
	Attempts       int
	// Effect is the longest time by which the switch may lag behind a command (R9), as the daemon is told; 0 means 1 s.
	Effect time.Duration
}

const (
	defaultNodes          = 3
	maxNodes              = 9 // 10.88.0.N and the patience of one machine
	defaultFailureTimeout = 2 * time.Second
	defaultPostJoinDelay  = 20 * time.Second
	defaultAttemptTimeout = 4 * time.Second
	defaultEffect         = time.Second // a switch moves before its BMC answers, unless a knob delays it
)

// fill puts defaults in and refuses what cannot work.
func (o *Options) fill() error {
	if o.Nodes == 0 {
		o.Nodes = defaultNodes
	}
	fewest := defaultNodes
	if o.Corosync != nil {
		fewest = 2
		if err := o.Corosync.fill(o); err != nil {
			return err
		}
	}
	if o.Nodes < fewest || o.Nodes > maxNodes {
		return fmt.Errorf("a playground has %d to %d nodes, not %d", fewest, maxNodes, o.Nodes)
	}
	if o.Spare < 0 || o.Nodes-o.Spare < fewest || (o.Spare > 0 && o.Witness) {
		return fmt.Errorf("%d of %d nodes cannot be spare", o.Spare, o.Nodes)
	}
	if o.FailureTimeout == 0 {
		o.FailureTimeout = defaultFailureTimeout
	}
	if o.PostJoinDelay == 0 {
		// A machine under load may take seconds to catch up, and is no victim for that.
		o.PostJoinDelay = max(defaultPostJoinDelay, 2*o.FailureTimeout)
	}
	if o.BMCs == nil {
		o.BMCs = func(int) []BMCSpec { return []BMCSpec{{}} }
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	if o.Netns {
		if why := NetnsMissing(); why != "" {
			return fmt.Errorf("network namespaces: %s", why)
		}
	}
	if o.Disks != nil {
		if why := DisksMissing(); why != "" {
			return fmt.Errorf("disks: %s", why)
		}
	}
	if o.Build == "" {
		self, err := selfBinary()
		if err != nil {
			return err
		}
		o.Build = filepath.Dir(self)
	}
	build, err := filepath.Abs(o.Build)
	if err != nil {
		return err
	}
	o.Build = build
	var errs []error
	for _, f := range []string{o.fenced(), o.fencedDev(), o.plugins()} {
		if _, err := os.Stat(f); err != nil {
			errs = append(errs, fmt.Errorf("cannot find %s: run `make build`", f))
		}
	}
	return errors.Join(errs...)
}

func (o *Options) fenced() string    { return filepath.Join(o.Build, "fenced") }
func (o *Options) fencedDev() string { return filepath.Join(o.Build, "fenced-dev") }
func (o *Options) plugins() string   { return filepath.Join(o.Build, "plugins") }

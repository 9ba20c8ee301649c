package fence

import (
	"fmt"
	"strings"
)

// NodeID names a configured node. It never changes while the node is in the roster; names may.
type NodeID uint32

// Incarnation is one life of a node (R1): from one boot of its kernel to the next. Victims, verdicts and acknowledgements are keyed by it.
// The instance id of a daemon is deliberately absent: five restarts of a daemon are one life.
// Kept for R1: S0.12, V9.
type Incarnation struct {
	Node NodeID `json:"node"`
	// Boot is the kernel's boot id, or "unknown@GENERATION" for a life that nobody has seen (R10).
	Boot string `json:"boot"`
}

const unknownPrefix = "unknown@"

// UnknownLife names the life of a node whose boot id was never known, at a generation of the domain (R1, R10).
func UnknownLife(node NodeID, generation uint64) Incarnation {
	return Incarnation{Node: node, Boot: fmt.Sprintf("%s%d", unknownPrefix, generation)}
}

// Unknown reports whether the boot id of this life was never known.
func (i Incarnation) Unknown() bool { return strings.HasPrefix(i.Boot, unknownPrefix) }

// Zero reports whether this names no life at all.
func (i Incarnation) Zero() bool { return i.Node == 0 && i.Boot == "" }

// String is the form used in logs and on the command line: NODE/BOOT, the boot id shortened to what a person compares.
func (i Incarnation) String() string { return fmt.Sprintf("%d/%s", i.Node, ShortBoot(i.Boot)) }

// ShortBoot shortens a boot id to its first eight characters; unknown lives keep their whole name.
func ShortBoot(boot string) string {
	if strings.HasPrefix(boot, unknownPrefix) || len(boot) <= 8 {
		return boot
	}
	return boot[:8]
}

package corosync

import (
	"time"

	"github.com/fenced-project/fenced/membership/corosync/libcorosync"
)

// counts is what this node counts for and what a quorum needs. Refused says why nothing may be committed at all; two, that corosync calls each of two
// nodes quorate without the other: then both are needed, or the proof that the other is over (R23).
type counts struct {
	own, need int
	two       bool
	forms     time.Duration // how long corosync may take to form a ring without a node that died; 0 where it does not say
	refused   string
}

// refusedFlags are settings of votequorum with which two quorums need not share a node, and for which nothing here makes up (R15).
var refusedFlags = []struct {
	flag libcorosync.VoteFlags
	name string
}{
	{libcorosync.FlagLastManStanding, "last_man_standing"},
	{libcorosync.FlagAutoTieBreaker, "auto_tie_breaker"},
	{libcorosync.FlagAllowDownscale, "allow_downscale"},
	{libcorosync.FlagDeviceThere, "a quorum device"},
}

// counted reads votequorum's word: its flags as they are in effect, not as a file has them.
func counted(v libcorosync.Votes) counts {
	c := counts{own: int(v.Votes), need: int(v.Quorum)}
	for _, f := range refusedFlags {
		if v.Flags&f.flag != 0 {
			return counts{refused: "corosync's quorum section has " + f.name + ", with which two sides can be quorate at once: not supported"}
		}
	}
	if v.Flags&libcorosync.FlagTwoNode == 0 {
		return c
	}
	if v.Flags&libcorosync.FlagWaitForAll == 0 {
		return counts{refused: "corosync has two_node without wait_for_all: after a start each node alone would be quorate and fence the other (R23); remove `wait_for_all: 0` from corosync.conf on both nodes and restart corosync"}
	}
	c.two, c.need = true, max(int(v.Expected), int(v.Quorum), c.own)
	return c
}

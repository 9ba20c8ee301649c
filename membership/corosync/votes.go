package corosync

import (
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership/corosync/agreement"
	"github.com/fenced-project/fenced/membership/corosync/libcorosync"
)

// counts is what this node counts for and what a quorum needs. Refused says why nothing may be committed at all; two, that one of two nodes may be
// quorate without the other: then both are needed, or the proof that the other is over (R23). Sides names why the other side of a split may be
// quorate too, so that no watchdog's time is a proof (R15).
type counts struct {
	own, need int
	shown     int // need as a person counts: one for each vote
	two       bool
	sides     string
	forms     time.Duration // how long corosync may take to form a ring without a node that died; 0 where it does not say
	refused   string
}

// counted makes fenced's own count of votequorum's word (its flags are in effect, a file's need not be) and of the nodelist. Whatever corosync calls
// quorate, two quorums of this count share a store (R6, ADR 0089), unless an operator said by expected votes that others are gone.
func counted(v libcorosync.Votes, s Settings) counts {
	has := func(f libcorosync.VoteFlags) bool { return v.Flags&f != 0 }
	c := counts{own: int(v.Votes), need: int(v.Quorum)}
	listed, expected := s.votes(), int(max(v.Expected, v.HighestExpected))
	dynamic := has(libcorosync.FlagLastManStanding) || has(libcorosync.FlagAllowDownscale)
	device := s.Device != "" || has(libcorosync.FlagDeviceThere)
	forced := expected < listed && !dynamic
	c.sides = sides(v.Flags, device, forced)
	switch {
	case c.sides != "" && listed == 0:
		return counts{refused: "corosync's quorum section has " + c.sides + ", and corosync.conf has no nodelist by which fenced could count (R6): add one on every node, and restart corosync"}
	case has(libcorosync.FlagTwoNode) && !has(libcorosync.FlagWaitForAll):
		return counts{refused: "corosync has two_node without wait_for_all: after a start each node alone would be quorate and fence the other (R23); remove `wait_for_all: 0` from corosync.conf on both nodes and restart corosync"}
	case has(libcorosync.FlagTwoNode):
		c.two, c.need = true, max(expected, c.need, c.own)
	case device && len(s.Nodes) == 2: // the device says which of two is quorate, and has no store: the other's word is replaced by a proof, or a person's
		c.two, c.need = true, max(min(listed, expected), c.own)
	case forced:
		c.tie(s, v, expected)
	case device:
		c.need = listed/2 + 1
		c.tie(s, v, listed)
	case c.sides != "":
		c.need = max(c.need, listed/2+1)
		c.tie(s, v, max(listed, expected))
	}
	if c.shown == 0 {
		c.shown = c.need
	}
	return c
}

// sides names what lets two sides be quorate in corosync's eyes, "" for nothing.
func sides(flags libcorosync.VoteFlags, device, forced bool) string {
	for _, f := range []struct {
		on   bool
		name string
	}{
		{flags&libcorosync.FlagAutoTieBreaker != 0, "auto_tie_breaker"},
		{flags&libcorosync.FlagLastManStanding != 0, "last_man_standing"},
		{flags&libcorosync.FlagAllowDownscale != 0, "allow_downscale"},
		{device, "a quorum device"},
		{forced, "fewer expected votes than nodes"},
	} {
		if f.on {
			return f.name
		}
	}
	return ""
}

// tie weighs votes so that of two even halves only the one with the tie breaker's node goes on: the same one for ever, other than corosync's own.
func (c *counts) tie(s Settings, v libcorosync.Votes, total int) {
	at := s.TieNode()
	if at == 0 {
		return
	}
	c.shown = max(c.need, total/2+1)
	c.own, c.need = agreement.LowestID(c.own, total, at == fence.NodeID(v.Node))
	if s.Device == "" { // an operator may have given nodes more votes since
		c.need = max(c.need, 2*int(v.Quorum)-1)
	}
}

package corosync

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership/corosync/libcorosync"
)

const (
	flagTwo  = libcorosync.FlagTwoNode
	flagAll  = libcorosync.FlagWaitForAll
	flagLast = libcorosync.FlagLastManStanding
	flagTie  = libcorosync.FlagAutoTieBreaker
	flagDown = libcorosync.FlagAllowDownscale
	flagDev  = libcorosync.FlagDeviceThere
)

// listing is a nodelist of so many nodes with one vote each.
func listing(nodes int, tie string) Settings {
	s := Settings{Tie: tie, AutoTieBreaker: tie != ""}
	for i := range nodes {
		s.Nodes = append(s.Nodes, Listed{ID: fence.NodeID(i + 1), Votes: 1})
	}
	return s
}

// R15, R23: what votequorum has in effect is what counts. Expected is what it counts by, quorum what it says; node 1 is asked.
func TestVotequorumsFlagsAreHonoured(t *testing.T) {
	device := listing(4, "lowest")
	device.AutoTieBreaker, device.Device = false, "net"
	other := listing(4, "")
	other.Device = "other"
	pair := listing(2, "lowest")
	pair.AutoTieBreaker, pair.Device = false, "net"
	for name, tt := range map[string]struct {
		flags            libcorosync.VoteFlags
		settings         Settings
		expected, quorum uint32
		own, need, shown int
		two              bool
		sides, refused   string
	}{
		"none":                         {0, listing(3, ""), 3, 2, 1, 2, 2, false, "", ""},
		"wait_for_all":                 {flagAll, listing(3, ""), 3, 2, 1, 2, 2, false, "", ""},
		"more expected than listed":    {0, listing(3, ""), 5, 3, 1, 3, 3, false, "", ""},
		"an operator's word":           {0, listing(3, ""), 1, 1, 1, 1, 1, false, "fewer expected votes than nodes", ""},
		"two_node":                     {flagTwo | flagAll, listing(2, ""), 2, 1, 1, 2, 2, true, "", ""},
		"two_node, an operator's word": {flagTwo | flagAll, listing(2, ""), 1, 1, 1, 1, 1, true, "fewer expected votes than nodes", ""},
		"two_node alone":               {flagTwo, listing(2, ""), 2, 1, 0, 0, 0, false, "", "without wait_for_all"},
		"two_node, no nodelist":        {flagTwo | flagAll, Settings{}, 2, 1, 1, 2, 2, true, "", ""},
		// {1, 2} of four has 5, {3, 4} 4; three have 6 or 7.
		"auto_tie_breaker":             {flagTie, listing(4, "lowest"), 4, 3, 3, 5, 3, false, "auto_tie_breaker", ""},
		"auto_tie_breaker, highest":    {flagTie, listing(4, "highest"), 4, 3, 2, 5, 3, false, "auto_tie_breaker", ""},
		"auto_tie_breaker, a list":     {flagTie, listing(4, "1 3"), 4, 3, 3, 5, 3, false, "auto_tie_breaker", ""},
		"auto_tie_breaker, odd":        {flagTie | flagAll, listing(5, "lowest"), 5, 3, 3, 6, 3, false, "auto_tie_breaker", ""},
		"auto_tie_breaker, more votes": {flagTie, listing(4, "lowest"), 4, 4, 3, 7, 4, false, "auto_tie_breaker", ""},
		// Corosync counts by three of five by now, or by what is left after a leave; fenced does not.
		"last_man_standing":             {flagLast | flagAll, listing(5, ""), 3, 2, 1, 3, 3, false, "last_man_standing", ""},
		"last_man_standing and the tie": {flagLast | flagTie, listing(4, "lowest"), 2, 2, 3, 5, 3, false, "auto_tie_breaker", ""},
		"allow_downscale":               {flagDown, listing(5, ""), 2, 2, 1, 3, 3, false, "allow_downscale", ""},
		"last_man_standing, no list":    {flagLast, Settings{}, 3, 2, 0, 0, 0, false, "", "no nodelist"},
		// The device's vote is in what corosync expects, and in no quorum of fenced.
		"a device, four nodes":     {flagDev, device, 5, 3, 3, 5, 3, false, "a quorum device", ""},
		"a device without a tie":   {flagDev, other, 5, 3, 1, 3, 3, false, "a quorum device", ""},
		"a device, two nodes":      {flagDev, pair, 3, 2, 1, 2, 2, true, "a quorum device", ""},
		"a device not yet there":   {0, pair, 3, 2, 1, 2, 2, true, "a quorum device", ""},
		"a device, two, by a word": {flagDev, pair, 1, 2, 1, 1, 1, true, "a quorum device", ""},
	} {
		v := libcorosync.Votes{Node: 1, Votes: 1, Expected: tt.expected, HighestExpected: tt.expected, Quorum: tt.quorum, Total: 1, Flags: tt.flags | libcorosync.FlagQuorate}
		c := counted(v, tt.settings)
		if c.own != tt.own || c.need != tt.need || c.shown != tt.shown || c.two != tt.two || c.sides != tt.sides {
			t.Errorf("%s: %+v", name, c)
		}
		if (c.refused != "") != (tt.refused != "") || !strings.Contains(c.refused, tt.refused) {
			t.Errorf("%s: refused %q", name, c.refused)
		}
	}
}

// R6: whatever of these settings corosync has, and however far it has shrunk what it expects, no two quorums are without a node in common.
func TestTwoQuorumsShareANode(t *testing.T) {
	for _, tie := range []string{"", "lowest", "highest", "3 1"} {
		for nodes := 3; nodes <= 6; nodes++ {
			for expected := 1; expected <= nodes; expected++ {
				s := listing(nodes, tie)
				flags := flagLast
				if tie != "" {
					flags |= flagTie
				}
				t.Run(fmt.Sprint(tie, nodes, expected), func(t *testing.T) { share(t, s, flags, expected) })
			}
		}
	}
}

// share tries every part of the nodes against the rest; either side may have shrunk, or may not.
func share(t *testing.T, s Settings, flags libcorosync.VoteFlags, shrunk int) {
	quorum := func(side, expected int) bool {
		votes, need := 0, 0
		for i := range s.Nodes {
			if side&(1<<i) != 0 {
				c := counted(libcorosync.Votes{Node: uint32(i + 1), Votes: 1, Expected: uint32(expected), HighestExpected: uint32(expected), Quorum: uint32(expected/2 + 1), Flags: flags}, s)
				votes, need = votes+c.own, max(need, c.need)
			}
		}
		return need > 0 && votes >= need
	}
	all := 1<<len(s.Nodes) - 1
	if !quorum(all, len(s.Nodes)) {
		t.Fatal("all of them are none")
	}
	for side := 1; side < all; side++ {
		for _, e := range []int{shrunk, len(s.Nodes)} {
			if quorum(side, e) && quorum(all&^side, shrunk) {
				t.Errorf("%b and %b are both quorums", side, all&^side)
			}
		}
	}
}

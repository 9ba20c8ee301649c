package corosync

import (
	"strings"
	"testing"

	"github.com/fenced-project/fenced/membership/corosync/libcorosync"
)

// R15, R23: what votequorum has in effect is what counts; two_node needs wait_for_all, and then both votes.
func TestVotequorumsFlagsAreHonoured(t *testing.T) {
	const two, all = libcorosync.FlagTwoNode, libcorosync.FlagWaitForAll
	for name, tt := range map[string]struct {
		flags   libcorosync.VoteFlags
		need    int
		two     bool
		refused string
	}{
		"none":              {0, 1, false, ""},
		"wait_for_all":      {all, 1, false, ""},
		"two_node":          {two | all, 2, true, ""},
		"two_node alone":    {two, 0, false, "without wait_for_all"},
		"last_man_standing": {libcorosync.FlagLastManStanding | all, 0, false, "last_man_standing"},
		"auto_tie_breaker":  {libcorosync.FlagAutoTieBreaker, 0, false, "auto_tie_breaker"},
		"allow_downscale":   {libcorosync.FlagAllowDownscale, 0, false, "allow_downscale"},
		"a device":          {two | all | libcorosync.FlagDeviceThere, 0, false, "a quorum device"},
	} {
		c := counted(libcorosync.Votes{Votes: 1, Expected: 2, Quorum: 1, Total: 1, Flags: tt.flags | libcorosync.FlagQuorate})
		if c.need != tt.need || c.two != tt.two || (c.refused != "") != (tt.refused != "") || !strings.Contains(c.refused, tt.refused) || c.refused != "" && c.own != 0 {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

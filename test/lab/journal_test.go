package lab

import (
	"fmt"
	"strings"
	"testing"
)

// What the proof of a shutdown's order rests on: an end that is missing, failed, timed out or too early is seen.
func TestAnEndThatIsTooEarlyIsSeen(t *testing.T) {
	say := func(id, unit, result string) string {
		return fmt.Sprintf(`{"MESSAGE_ID":%q,"UNIT":%q,"JOB_RESULT":%q}`, id, unit, result)
	}
	end := func(unit string) []string {
		return []string{say(unitStopping, unit, ""), say(unitSucceeded, unit, ""), say(unitStopped, unit, "done")}
	}
	mount, daemon := end("mnt.mount"), end("fenced.service")
	for what, c := range map[string]struct {
		lines []string
		wrong int
	}{
		"in order":                    {append(append([]string{}, mount...), daemon...), 0},
		"the daemon first":            {append(append([]string{}, daemon...), mount...), 1},
		"both at the same time":       {[]string{mount[0], daemon[0], mount[1], daemon[1], mount[2], daemon[2]}, 1},
		"the mount failed":            {append([]string{mount[0], mount[2]}, daemon...), 1},
		"the mount was never stopped": {daemon, 1},
		"its stop ran out of time":    {append([]string{mount[0], mount[1], say(unitStopped, "mnt.mount", "timeout")}, daemon...), 1},
	} {
		wrong, err := outOfOrder(strings.Join(c.lines, "\n"), "mnt.mount", "fenced.service")
		if err != nil || len(wrong) != c.wrong {
			t.Errorf("%s: %q (%v)", what, wrong, err)
		}
	}
	if _, err := outOfOrder("-- No entries --", "mnt.mount"); err == nil {
		t.Error("what is no journal is taken for one")
	}
}

package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// What systemd says in the journal of a unit that ends: that it begins to, how, and that it is over (`journalctl --catalog`, systemd.journal-fields(7)).
const (
	unitStopping  = "de5b426a63be47a7b6ac3eaac82e2f6f"
	unitSucceeded = "7ad2d189f7e94e70a38c781354912448"
	unitStopped   = "9d1aaa27d60140bd96365438aad20286"
)

// Ends is what systemd wrote in its journal about the ends of units in a life of a machine, in the order in which it did, one JSON object in a line.
func (m *Machine) Ends(ctx context.Context, life string) (string, error) {
	ids := []string{unitStopping, unitSucceeded, unitStopped}
	return m.Run(ctx, fmt.Sprintf("journalctl -q --no-pager -o json _PID=1 _BOOT_ID=%s MESSAGE_ID=%s", strings.ReplaceAll(life, "-", ""), strings.Join(ids, " MESSAGE_ID=")))
}

// outOfOrder says what is wrong with the ends of these units, nothing where each ended well and was over before systemd began to stop the next.
func outOfOrder(ends string, units ...string) (wrong []string, err error) {
	said := map[string]int{} // the line that first says of a unit what a message id stands for
	for n, text := range strings.Split(strings.TrimSpace(ends), "\n") {
		var line struct {
			Unit   string `json:"UNIT"`
			ID     string `json:"MESSAGE_ID"`
			Result string `json:"JOB_RESULT"`
		}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			return nil, fmt.Errorf("the journal says %q: %w", text, err)
		}
		if line.ID == unitStopped && line.Result != "done" {
			continue // a stop that was given up
		}
		if key := line.ID + line.Unit; said[key] == 0 {
			said[key] = n + 1
		}
	}
	for i, u := range units {
		begun, well, over := said[unitStopping+u], said[unitSucceeded+u], said[unitStopped+u]
		if begun == 0 || well == 0 || over == 0 {
			wrong = append(wrong, fmt.Sprintf("%s did not end well: its stop began in line %d, it had succeeded in line %d, it was over in line %d", u, begun, well, over))
		}
		if i > 0 && begun < said[unitStopped+units[i-1]] {
			wrong = append(wrong, fmt.Sprintf("the stop of %s began in line %d, before %s was over in line %d", u, begun, units[i-1], said[unitStopped+units[i-1]]))
		}
	}
	return wrong, nil
}

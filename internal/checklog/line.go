package checklog

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/fenced-project/fenced/client"
)

// Line is one event line, or one line of ground truth: {"event":"write","node","incarnation","block","seq","at"} for a write that the shared
// disk accepted, {"event":"power","node","action":"off","at"} for a power-off that a BMC carried out.
type Line struct {
	client.Event
	Block *uint64 `json:"block,omitempty"`
	// Where the line was read, for the message.
	File string `json:"-"`
	N    int    `json:"-"`
}

func (l Line) where() string { return fmt.Sprintf("%s:%d", l.File, l.N) }

// The events of ground truth.
const (
	truthWrite = "write"
	truthPower = "power"
)

// MaxLine bounds one line; a longer one is an error of that file.
const MaxLine = 1 << 20

// Read reads the lines of one file. Empty lines and lines that are not JSON objects of fenced/v1 or ground truth are errors: a log that was
// cut or garbled proves nothing. The last line may be torn (the node was killed while it wrote): it is dropped, and the second result says so.
func Read(name string, r io.Reader) ([]Line, bool, error) {
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 64<<10), MaxLine)
	var out []Line
	var bad error
	for n := 1; in.Scan(); n++ {
		if bad != nil {
			return nil, false, bad // it was not the last line
		}
		text := strings.TrimSpace(in.Text())
		if text == "" {
			continue
		}
		var l Line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			bad = fmt.Errorf("%s:%d: not an event line: %w", name, n, err)
			continue
		}
		if l.Event.Event == "" {
			return nil, false, fmt.Errorf("%s:%d: a line without an event", name, n)
		}
		l.File, l.N = name, n
		out = append(out, l)
	}
	if err := in.Err(); err != nil {
		return nil, false, fmt.Errorf("%s: %w", name, err)
	}
	return out, bad != nil, nil
}

// committed returns one line for each committed event, in the order of the log; every node's copy was compared before (agreement).
func committed(lines []Line) []Line {
	var out []Line
	seen := map[string]bool{}
	for _, l := range lines {
		if l.Index == 0 || l.Event.Event == client.EventRelease || seen[identity(l)] {
			continue
		}
		seen[identity(l)] = true
		out = append(out, l)
	}
	slices.SortStableFunc(out, func(a, b Line) int { return compare(a.Index, b.Index) })
	return out
}

// identity is what all members must say alike of one committed event.
func identity(l Line) string {
	return fmt.Sprintf("%d %s %s %s %d %s %s %s %s", l.Index, l.Event.Event, l.Node, l.Incarnation, l.Claim, l.Actor, l.Verdict, l.Action, strings.Join(l.Members, ","))
}

func compare(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

package evs

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/fenced-project/fenced/membership"
	"github.com/fenced-project/fenced/membership/corosync/agreement"
)

// truth judges what the machines tell their readers by what all of them told before, and by the disks.
type truth struct {
	t      *testing.T
	need   int
	top    uint64
	lines  map[uint64]string                  // what was told first at each index
	once   map[string]uint64                  // where each proposal is
	stable map[uint64]map[string]map[int]bool // what was ever on which disk, by index
}

func key(instance string, number uint64) string { return fmt.Sprintf("%s/%d", instance, number) }

// wrote takes note of an entry on a disk.
func (t *truth) wrote(i int, e agreement.Entry) {
	at := t.stable[e.Index]
	if at == nil {
		at = map[string]map[int]bool{}
		t.stable[e.Index] = at
	}
	what := said(e)
	if at[what] == nil {
		at[what] = map[int]bool{}
	}
	at[what][i] = true
}

// said is what an entry says to a reader.
func said(e agreement.Entry) string {
	if e.View != nil {
		var ids []string
		for _, h := range e.View.Members {
			ids = append(ids, h.Instance)
		}
		return fmt.Sprint("view ", ids)
	}
	return key(e.Instance, e.Number)
}

// line is the first half of safety: one value for each index, the same for everybody.
func (t *truth) line(d *daemon, index uint64, what string) {
	if old, ok := t.lines[index]; ok && old != what {
		t.t.Fatalf("node %d (%s) has at %d\n%s\nanother has\n%s", d.id, d.self.Instance, index, what, old)
	}
	t.lines[index] = what
	t.top = max(t.top, index)
}

// committed is the second: nothing twice, and nothing that a majority's disks did not have (R6).
func (t *truth) committed(d *daemon, e membership.Committed) {
	k := key(e.Proposer.Instance, e.Number)
	if at, ok := t.once[k]; ok && at != e.Index {
		t.t.Fatalf("%s is at %d and at %d", k, at, e.Index)
	}
	t.once[k] = e.Index
	if _, known := t.lines[e.Index]; !known && len(t.stable[e.Index][k]) < t.need {
		b, _ := json.Marshal(t.stable[e.Index])
		t.t.Fatalf("node %d is told %s at %d, which %d disks had: %s", d.id, k, e.Index, len(t.stable[e.Index][k]), b)
	}
	t.line(d, e.Index, k+" "+string(e.Data))
}

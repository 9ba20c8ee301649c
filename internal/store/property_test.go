package store

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"pgregory.net/rapid"
)

// TestAnyCrashesLoseNothingThatWasTold draws writes of a record and appends to a history on one disk, the power going at any call of any of them,
// again and again, each time with any disk that it may leave; the next daemon goes on with that one. V16: what was told is there, a record is never
// older than the last write that returned nil, and nothing is there that nobody wrote.
func TestAnyCrashesLoseNothingThatWasTold(t *testing.T) {
	crashes, kept := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		w := &written{m: newModel(), keep: rapid.IntRange(1, 4).Draw(rt, "keep")}
		for range rapid.IntRange(1, 4).Draw(rt, "lives") {
			w.m.left = rapid.IntRange(0, 40).Draw(rt, "calls")
			w.live(rt)
			outcomes := w.m.outcomes()
			w.m = outcomes[rapid.IntRange(0, len(outcomes)-1).Draw(rt, "outcome")]
			crashes++
			w.recover(rt)
		}
		kept += w.low
	})
	if crashes < 50 || kept == 0 {
		t.Errorf("%d crashes, %d appends survived: this tests nothing", crashes, kept)
	}
}

// written is what was written so far, and what of it must or may be on the disk.
type written struct {
	m       *model
	keep    int
	record  int // the newest write of the record that was told, or found since
	tried   int // the newest that was begun
	low     int // the same of the history's entries
	highest int
	entries int // of the history that are told and not yet more than it keeps
}

// live does what a daemon does until the power goes or it has enough.
func (w *written) live(rt *rapid.T) {
	h, _, err := openHistory(w.m, "d/h", w.keep, DefaultDeadline)
	f := &File{path: "d/x", deadline: DefaultDeadline, disk: w.m}
	for range rapid.IntRange(0, 6).Draw(rt, "writes") {
		if err != nil {
			return
		}
		if rapid.Bool().Draw(rt, "append") {
			w.highest++
			if err = h.Append(fmt.Appendf(nil, `{"n":%d}`, w.highest)); err == nil {
				w.low = w.highest
				w.entries++
			}
		} else {
			w.tried++
			if err = f.Write(fmt.Append(nil, w.tried)); err == nil {
				w.record = w.tried
			}
		}
	}
}

// recover reads what is there, and takes it for what was told: a later crash must not take it away again.
func (w *written) recover(rt *rapid.T) {
	got, err := readRecord(w.m, "d/x")
	n := 0
	switch {
	case err == nil:
		if _, err := fmt.Sscan(string(got), &n); err != nil {
			rt.Fatalf("the record is %q", got)
		}
	case !errors.Is(err, fs.ErrNotExist):
		rt.Fatalf("the record: %v", err)
	}
	if n < w.record || n > w.tried {
		rt.Fatalf("write %d of the record was told, %d was tried, and %d is there", w.record, w.tried, n)
	}
	w.record, w.tried = n, max(n, w.tried)
	h, r, err := openHistory(w.m, "d/h", w.keep, DefaultDeadline)
	if err != nil || r.Err() != nil {
		rt.Fatalf("opening the history: %v, %v", err, r.Err())
	}
	last, err := h.Last(100)
	if err != nil {
		rt.Fatal(err)
	}
	top, before := 0, 0
	for _, e := range last {
		if _, err := fmt.Sscanf(string(e), `{"n":%d}`, &top); err != nil || top <= before {
			rt.Fatalf("entry %s after number %d: %v", e, before, err)
		}
		before = top
	}
	if top < w.low || top > w.highest || len(last) < min(w.entries, w.keep) {
		rt.Fatalf("append %d was told, %d was tried; %d entries up to %d are there, %d are to be kept", w.low, w.highest, len(last), top, w.keep)
	}
	w.low, w.entries = top, len(last)
	if err := h.Close(); err != nil {
		rt.Fatal(err)
	}
}

package agreement

import (
	"bytes"
	"fmt"
	"testing"
)

func logOf(from, to uint64, size int) (es []Entry) {
	for i := from; i <= to; i++ {
		es = append(es, Entry{Index: i, Node: 1, Boot: "b", Instance: "i", Number: i, Data: bytes.Repeat([]byte{byte(i)}, size)})
	}
	return es
}

// A transfer of many pages arrives whole whatever is lost and sent again, and counts only when it is.
func TestTransferIsWholeOrNothing(t *testing.T) {
	snapshot := bytes.Repeat([]byte("0123456789"), 20000)
	p := Plan{Synced: 3, Last: 120, SnapAt: 20, From: 20, Snapshot: true, Cuts: 1}
	log := logOf(21, 125, 3000)
	all := pages(p, snapshot, log, Progress{})
	if len(all) < 8 {
		t.Fatalf("%d pages", len(all))
	}
	s := newShadow(nil, p, "sender")
	for i, page := range all {
		if s.whole(p) {
			t.Fatalf("whole after %d of %d pages", i, len(all))
		}
		if b, err := (Message{Session: "s", Page: &page}).Encode(); err != nil || len(b) > MaxMessage {
			t.Fatalf("page %d: %d bytes, %v", i, len(b), err)
		}
		s.take(page)
		s.take(page) // twice is once
		if i > 2 {
			s.take(all[i-2])
		}
	}
	if !s.whole(p) || !bytes.Equal(s.snapshot, snapshot) || len(s.entries) != 100 || s.entries[99].Index != 120 {
		t.Fatalf("snapshot %d bytes, %d entries, through %d", len(s.snapshot), len(s.entries), s.Through)
	}
}

// R7: a transfer that a change interrupted goes on where it was, if sender, receiver and log are the same; else it begins anew.
func TestTransferGoesOnAfterAChange(t *testing.T) {
	p := Plan{Source: Process{1, 100}, Synced: 3, Last: 100, Cuts: 1, Receivers: []Process{{2, 100}}}
	log := logOf(1, 100, 3000)
	half := func() *shadow {
		s := newShadow(nil, p, "sender")
		for _, page := range pages(p, nil, log, Progress{})[:3] {
			s.take(page)
		}
		return s
	}
	got := half().Through
	if got == 0 || got == 100 {
		t.Fatalf("half a transfer goes to %d", got)
	}
	for _, tt := range []struct {
		name   string
		sender string
		change func(*Plan)
		goesOn bool
	}{
		{"the same", "sender", func(*Plan) {}, true},
		{"the log grew", "sender", func(q *Plan) { q.Last = 110 }, true},
		{"another sender", "other", func(*Plan) {}, false},
		{"the sender dropped entries", "sender", func(q *Plan) { q.Cuts = 2 }, false},
		{"the sender's log begins elsewhere", "sender", func(q *Plan) { q.SnapAt, q.From, q.Snapshot = 50, 50, true }, false},
		{"the log ends before what is there", "sender", func(q *Plan) { q.Last = got - 1 }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := p
			tt.change(&q)
			old := half()
			if s := newShadow(old, q, tt.sender); (s == old) != tt.goesOn {
				t.Errorf("goes on: %v, want %v", s == old, tt.goesOn)
			}
			have := old.Progress
			ps := []Participant{{Process: Process{2, 100}, State: State{Have: &have}}}
			if c := common(q, tt.sender, ps); (c.Through == got) != tt.goesOn {
				t.Errorf("the sender begins behind %d", c.Through)
			}
		})
	}
}

func TestPagesWithAHoleAreRefused(t *testing.T) {
	es := logOf(1, 5, 1)
	for name, p := range map[string]Page{
		"a hole":           {Entries: append(es[:2:2], es[3:]...)},
		"no entries":       {},
		"nobody's":         {Entries: []Entry{{Index: 1, Number: 1}}},
		"both":             {Entries: es, SnapAt: 3, Total: 5, Bytes: []byte("x")},
		"beyond the total": {SnapAt: 3, Total: 5, Offset: 4, Bytes: []byte("xyz")},
		"negative":         {SnapAt: 3, Total: 5, Offset: -1, Bytes: []byte("x")},
		"far too large":    {SnapAt: 3, Total: maxSnapshot + 1, Bytes: []byte("x")},
	} {
		if p.ordered() {
			t.Errorf("%s is accepted", name)
		}
	}
}

func FuzzShadow(f *testing.F) {
	f.Add(uint64(20), uint64(40), []byte{0, 1, 2, 3, 4, 5, 6, 7})
	f.Add(uint64(0), uint64(3), []byte{2, 1, 0, 1, 2})
	f.Fuzz(func(t *testing.T, from, n uint64, order []byte) {
		from, n = from%1000, 1+n%60
		p := Plan{Last: from + n, From: from}
		if from > 0 {
			p.SnapAt, p.Snapshot = from, true
		}
		snapshot := bytes.Repeat([]byte("ab"), 50000)
		log := logOf(from+1, from+n+3, 4000)
		all := pages(p, snapshot, log, Progress{})
		s := newShadow(nil, p, "x")
		for _, i := range order {
			s.take(all[int(i)%len(all)])
			if s.whole(p) {
				break
			}
		}
		for i := range s.entries {
			if want := log[i]; s.entries[i].Index != want.Index || !bytes.Equal(s.entries[i].Data, want.Data) {
				t.Fatalf("entry %d is not the sender's", i)
			}
		}
		if s.whole(p) && (uint64(len(s.entries)) != n || p.Snapshot && !bytes.Equal(s.snapshot, snapshot)) {
			t.Fatal("whole, and something is missing")
		}
		for _, page := range pages(p, snapshot, log, s.Progress) { // and it can always be ended
			s.take(page)
		}
		if !s.whole(p) {
			t.Fatal(fmt.Sprint("not whole after everything: ", s.Progress))
		}
	})
}

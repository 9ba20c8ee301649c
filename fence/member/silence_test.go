package member

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// mute is a scan of a machine that is busy with its start: nothing answered in time, its own record neither.
var mute = ResidualScanned{Session: Session{State: SessionUnreadable}, State: true, Unsure: true, NoAnswer: true, Why: "dlm: no answer within 2s"}

func TestAScanThatNothingAnsweredIsRepeated(t *testing.T) { // S2.13: once, and not held against this boot for ever
	m, _ := joining(t)
	if out := m.Step(120, mute); kinds(out, "Propose") != 0 || kinds(out, "Scan") != 0 {
		t.Fatalf("%v", out)
	}
	scans := 0
	for now := int64(130); now < 120+2*silenceRetryMS; now += 50 {
		out := m.Step(now, Tick{})
		scans += kinds(out, "Scan")
		if word(out) != nil {
			t.Fatalf("at %d it says %+v", now, word(out))
		}
	}
	if scans != 1 {
		t.Fatalf("it scans %d times", scans)
	}
	m.Step(2200, ResidualScanned{Session: Session{State: SessionNone}})
	m.Step(2210, SessionWritten{})
	if a := word(m.Step(2220, ResidualScanned{Session: Session{State: SessionStateless}})); a == nil || !a.Clean {
		t.Fatalf("it says %+v", a)
	}
}

func TestWhatNeverAnswersCounts(t *testing.T) { // S2.13, V12: a read that hangs is dirty in the end
	m, _ := joining(t)
	for now := int64(120); now < 120+2*silencePatienceMS; now += 100 {
		out := m.Step(now, mute)
		a := word(out)
		switch {
		case a != nil && (a.Clean || now < 120+silencePatienceMS):
			t.Fatalf("at %d it says %+v", now, a)
		case a != nil:
			return
		}
	}
	t.Fatal("it never says what it found")
}

func TestOneScanWithAnAnswerCountsAtOnce(t *testing.T) { // V12
	m, _ := joining(t)
	in := mute
	in.NoAnswer = false
	if a := word(m.Step(120, in)); a == nil || a.Clean {
		t.Fatalf("it says %+v", a)
	}
}

// The mark of armed clusters says that this node was a member of one. Its own record, written before it is admitted, does not make it one: what
// appears before its word was never guarded here, and is adopted or rebooted by a person (start table).
func TestTheArmedMarkComesWithAdmission(t *testing.T) {
	m, self := joining(t)
	m.Step(112, EntryCommitted{Index: 3, By: self, Data: encode(t, domain.Entry{Arm: &domain.Arm{Armed: true, By: "t"}})})
	out := m.Step(120, ResidualScanned{Session: Session{State: SessionNone}})
	s, ok := recorded(out)
	if !ok || s.EverArmed || s.State != SessionStateful {
		t.Fatalf("before its admission it writes %+v", s)
	}
	m.Step(130, SessionWritten{})
	again := *m
	found := ResidualScanned{Session: Session{State: SessionStateful, EverArmed: true}, State: true, Resettable: true, Why: "dlm lockspace x"}
	if a := word(again.Step(140, found)); a == nil || a.Clean || !a.Unguarded {
		t.Fatalf("it says %+v of what was never guarded here", a)
	}
	a := word(m.Step(140, ResidualScanned{Session: Session{State: SessionStateful}}))
	if a == nil || !a.Clean {
		t.Fatalf("it says %+v", a)
	}
	out = m.Step(150, EntryCommitted{Index: 4, By: self, Number: m.number, Data: encode(t, domain.Entry{Announce: a})})
	if s, ok := recorded(out); !m.dom.Clean(1) || !ok || !s.EverArmed {
		t.Fatalf("admitted %v, it writes %+v", m.dom.Clean(1), s)
	}
}

// recorded is the session that is written, if one is.
func recorded(out []Effect) (Session, bool) {
	for _, e := range out {
		if w, ok := e.(WriteSession); ok {
			return w.Session, true
		}
	}
	return Session{}, false
}

// A clean word waits in the log for what may still be in flight, for a minute or more. What appears meanwhile takes it back (S2.16, R9).
func TestAWordThatWaitsIsLookedAfter(t *testing.T) {
	c := alone(t)
	c.lies[3] = true // it accepts and does nothing: what was commanded may come at any time
	c.force(1, 3, fence.ActionOff)
	c.run(9000)
	effect := c.n(1).m.Local("l1").effect
	c.boot(2)
	c.boot(3)
	c.install()
	c.give(c.n(1), QuorumHeld{})
	for c.dom(1).Node(3).Pending == nil && c.now < effect {
		c.run(50)
	}
	if c.now+lastScanFreshMS+500 >= effect {
		t.Fatalf("its word does not wait: %+v", c.dom(1).Node(3))
	}
	c.n(3).residue = true
	for c.now < effect+3000 {
		if c.run(50); c.dom(1).Clean(3) {
			t.Fatalf("at %d it is admitted by a scan from before it waited: %d", effect, c.now)
		}
	}
	if n := c.dom(1).Node(3); n.Pending != nil || n.Phase == domain.PhaseJoining {
		t.Fatalf("%+v", n)
	}
}

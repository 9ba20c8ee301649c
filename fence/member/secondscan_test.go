package member

import (
	"testing"

	"github.com/fenced-project/fenced/fence/domain"
)

// written brings a joining node to the moment at which all that precedes its clean word is done, and its second scan is asked for.
func written(t *testing.T) *Member {
	m, _ := joining(t)
	if out := m.Step(120, ResidualScanned{Session: Session{State: SessionNone}}); kinds(out, "WriteSession") != 1 || kinds(out, "Propose") != 0 {
		t.Fatalf("%v", out)
	}
	if out := m.Step(130, SessionWritten{}); kinds(out, "Scan") != 1 || kinds(out, "Propose") != 0 {
		t.Fatalf("it speaks by the scan from before its record was written: %v", out)
	}
	return m
}

// word is what was announced, nil for nothing.
func word(out []Effect) *domain.Announce {
	for _, e := range out {
		if p, ok := e.(Propose); ok && p.Entry.Announce != nil {
			return p.Entry.Announce
		}
	}
	return nil
}

// proves: S2.16
func TestStateThatCameBeforeTheAnnouncement(t *testing.T) { // S2.16: a lockspace appears while the session record is written
	m := written(t)
	a := word(m.Step(140, ResidualScanned{Session: Session{State: SessionStateful, EverArmed: true}, State: true, Resettable: true, Why: "dlm lockspace x"}))
	if a == nil || a.Clean {
		t.Fatalf("it announced %+v over what the second scan found", a)
	}
}

func TestTheSecondScanIsNotSure(t *testing.T) { // S2.16, V12
	m := written(t)
	a := word(m.Step(140, ResidualScanned{Session: Session{State: SessionStateless, EverArmed: true}, Unsure: true, Why: "dlm: no answer"}))
	if a == nil || a.Clean {
		t.Fatalf("it announced %+v over a scan that could not look", a)
	}
}

func TestTheSecondScanFindsNothing(t *testing.T) { // S2.16: its own open record is not held against it
	m := written(t)
	if a := word(m.Step(140, ResidualScanned{Session: Session{State: SessionStateless}})); a == nil || !a.Clean {
		t.Fatalf("%+v", a)
	}
}

func TestTheSecondScanIsOld(t *testing.T) { // S2.16: the word was not committed in time, so it is looked at anew before it is said again
	m := written(t)
	if word(m.Step(140, ResidualScanned{Session: Session{State: SessionStateless}})) == nil {
		t.Fatal("nothing was announced")
	}
	m.Step(150, ProposalDone{Number: m.number})
	var out []Effect
	for now := int64(200); now < 140+2*lastScanFreshMS; now += 50 {
		some := m.Step(now, Tick{})
		if a := word(some); a != nil && now > 140+lastScanFreshMS {
			t.Fatalf("at %d it says it again by a scan of 140", now)
		}
		out = append(out, some...)
	}
	if kinds(out, "Scan") != 1 {
		t.Fatalf("%d scans", kinds(out, "Scan"))
	}
}

func TestTheSecondScanOfBeforeAStopSaysNothing(t *testing.T) { // S2.16, R20: it was begun before this node stood still
	m := written(t)
	now := int64(60_000)
	m.Step(now, Tick{})
	if out := m.Step(now+10, ResidualScanned{Session: Session{State: SessionStateless}}); kinds(out, "Scan") != 1 || word(out) != nil {
		t.Fatalf("%v", out)
	}
}

func TestTheRecordIsWrittenAnewAfterTheSecondScan(t *testing.T) { // S2.16: the cluster is armed in between, so the record must say stateful first
	m := written(t)
	self := m.cfg.Self
	if out := m.Step(135, EntryCommitted{Index: 3, By: self, Data: encode(t, domain.Entry{Arm: &domain.Arm{Armed: true, By: "t"}})}); kinds(out, "Propose") != 0 {
		t.Fatalf("%v", out)
	}
	if out := m.Step(140, ResidualScanned{Session: Session{State: SessionStateless}}); kinds(out, "WriteSession") != 1 || word(out) != nil {
		t.Fatalf("%v", out)
	}
	if out := m.Step(150, SessionWritten{}); kinds(out, "Scan") != 1 || word(out) != nil {
		t.Fatalf("it speaks by a scan from before its record: %v", out)
	}
}

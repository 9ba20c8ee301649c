package daemon

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/internal/watchdog"
)

// holderFake answers what the test set.
type holderFake struct {
	mu     sync.Mutex
	state  watchdog.State
	err    error
	words  []string
	renews int
	gate   chan struct{} // a Renew waits for it, where it is set
}

func (h *holderFake) answer(word string) (watchdog.State, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.words = append(h.words, word)
	return h.state, h.err
}

func (h *holderFake) Renew(context.Context, int64) (watchdog.State, error) {
	if h.gate != nil {
		<-h.gate
	}
	h.mu.Lock()
	h.renews++
	h.mu.Unlock()
	return h.answer("renew")
}

// renewed is how often it was fed.
func (h *holderFake) renewed() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.renews
}

func (h *holderFake) Release(context.Context) (watchdog.State, error) { return h.answer("release") }
func (h *holderFake) Hello(context.Context) (watchdog.State, error)   { return h.answer("hello") }
func (h *holderFake) Expire(context.Context) (watchdog.State, error)  { return h.answer("expire") }
func (h *holderFake) Close()                                          {}

func openState() watchdog.State {
	return watchdog.State{Phase: watchdog.PhaseOpen, Devices: []watchdog.Device{{Path: "/dev/watchdog0", Kind: "iTCO_wdt", Open: true, TimeoutMS: 10_000}}}
}

// seenAll collects what the member would hear.
type seenAll struct {
	mu  sync.Mutex
	all []member.WatchdogSeen
}

func (s *seenAll) post(in any) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w, ok := in.(member.WatchdogSeen); ok {
		s.all = append(s.all, w)
	}
	return true
}

func (s *seenAll) last() (member.WatchdogSeen, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) == 0 {
		return member.WatchdogSeen{}, 0
	}
	return s.all[len(s.all)-1], len(s.all)
}

// The member hears what is new, with the stint that its word had; a holder that dies between two words is noticed.
func TestKeeperTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, got, done := &holderFake{state: openState()}, &seenAll{}, make(chan struct{})
		k := newKeeper(h, got.post)
		go k.run(done)
		for range 3 {
			k.tell(member.Feed{Stint: 4, UntilMS: 1})
			synctest.Wait()
		}
		if s, n := got.last(); n != 1 || s != (member.WatchdogSeen{Stint: 4, Open: true, Kind: "iTCO_wdt", HardwareMS: 10_000}) {
			t.Errorf("%d, %+v", n, s)
		}
		h.mu.Lock()
		h.state, h.err = watchdog.State{Phase: watchdog.PhaseOrphan}, nil
		h.mu.Unlock()
		time.Sleep(watchdogLook + time.Millisecond)
		synctest.Wait()
		if s, _ := got.last(); !s.Over || s.Open || s.Stint != 4 {
			t.Errorf("a holder that died is %+v", s)
		}
		close(done)
		synctest.Wait()
	})
}

// A release is brought also when the daemon ends: the node has left. A feeding that waits then is not.
func TestKeeperReleasesAtTheEnd(t *testing.T) {
	for word, want := range map[member.Effect]string{member.Unfeed{}: "release", member.Feed{}: ""} {
		synctest.Test(t, func(t *testing.T) {
			h, got, done := &holderFake{state: openState(), gate: make(chan struct{})}, &seenAll{}, make(chan struct{})
			k := newKeeper(h, got.post)
			go k.run(done)
			k.tell(member.Feed{})
			synctest.Wait() // it is with the holder
			k.tell(word)
			<-k.wake // nobody is told but by the end
			close(done)
			close(h.gate)
			synctest.Wait()
			if last := h.words[len(h.words)-1]; (want != "" && last != want) || (want == "" && h.renews != 1) {
				t.Errorf("%T: %v", word, h.words)
			}
		})
	}
}

// A device that cannot be used is not tried with every ping.
func TestKeeperIsPatient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, got, done := &holderFake{state: watchdog.State{Phase: watchdog.PhaseClosed}, err: &watchdog.Refused{Code: watchdog.CodeMissing, Text: "there is no /dev/watchdog"}}, &seenAll{}, make(chan struct{})
		k := newKeeper(h, got.post)
		go k.run(done)
		for range 40 {
			k.tell(member.Feed{UntilMS: 1})
			time.Sleep(250 * time.Millisecond)
		}
		synctest.Wait()
		if h.renews > 2 {
			t.Errorf("asked %d times in ten seconds", h.renews)
		}
		if s, n := got.last(); n != 1 || s.Why != "there is no /dev/watchdog" || s.Open {
			t.Errorf("%d, %+v", n, s)
		}
		close(done)
		synctest.Wait()
	})
}

// Only what is open and fed is open; silence is not.
func TestWhatTheHoldersAnswerMeans(t *testing.T) {
	unfed := openState()
	unfed.Devices[0].Code, unfed.Devices[0].Why = watchdog.CodeDevice, "cannot feed it"
	soft := openState()
	soft.Devices = append(soft.Devices, watchdog.Device{Kind: "softdog", Open: true, TimeoutMS: 60_000})
	for name, c := range map[string]struct {
		state watchdog.State
		err   error
		want  member.WatchdogSeen
	}{
		"open":        {openState(), nil, member.WatchdogSeen{Open: true, Kind: "iTCO_wdt", HardwareMS: 10_000}},
		"with a soft": {soft, nil, member.WatchdogSeen{Open: true, Kind: "iTCO_wdt", HardwareMS: 10_000}},
		"not fed":     {unfed, nil, member.WatchdogSeen{Why: "cannot feed it"}},
		"unreachable": {openState(), watchdog.ErrUnreachable, member.WatchdogSeen{Why: watchdog.ErrUnreachable.Error()}},
		"expired":     {watchdog.State{Phase: watchdog.PhaseExpired}, &watchdog.Refused{Code: watchdog.CodeExpired}, member.WatchdogSeen{Over: true, Why: "the lease of this node ended: its watchdog is not fed any more"}},
		"custody":     {watchdog.State{Phase: watchdog.PhaseCustody, Devices: openState().Devices}, nil, member.WatchdogSeen{}},
	} {
		if got := seenOf(c.state, c.err); got != c.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

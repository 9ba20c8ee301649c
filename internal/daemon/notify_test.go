package daemon

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fenced-project/fenced/client"
)

// told is a systemd that writes down what it hears and when.
type told struct {
	mu    sync.Mutex
	words []string
	at    []time.Time
}

func (s *told) say(word string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.words, s.at = append(s.words, word), append(s.at, time.Now())
}

// times are when a word was heard.
func (s *told) times(word string) []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []time.Time
	for i, w := range s.words {
		if w == word {
			out = append(out, s.at[i])
		}
	}
	return out
}

func (s *told) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.words) == 0 {
		return ""
	}
	return s.words[len(s.words)-1]
}

// fakeLoop beats every tick like the deciding loop and answers for its status, unless it stalls.
type fakeLoop struct {
	mu      sync.Mutex
	beat    int64
	stalled bool
	state   string
}

// now is a boot clock that began long before.
func now() int64 { return time.Now().UnixMilli() }

func (l *fakeLoop) run(ctx context.Context) {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		l.mu.Lock()
		if !l.stalled {
			l.beat = now()
		}
		l.mu.Unlock()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (l *fakeLoop) set(stalled bool, state string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stalled, l.state = stalled, state
}

func (l *fakeLoop) last() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.beat
}

func (l *fakeLoop) status(ctx context.Context) (client.Status, error) {
	l.mu.Lock()
	stalled, state := l.stalled, l.state
	l.mu.Unlock()
	if stalled {
		<-ctx.Done()
		return client.Status{}, ctx.Err()
	}
	return client.Status{Domain: "d", Quorate: true, Node: "n", Nodes: []client.Node{{Name: "n", State: state}}}, nil
}

// telling runs a teller over a fake loop within a bubble, for as long as f.
func telling(t *testing.T, watchdog time.Duration, f func(*testing.T, *told, *fakeLoop)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		heard, loop := &told{}, &fakeLoop{state: client.StateJoining}
		var wg sync.WaitGroup
		defer func() { cancel(); wg.Wait() }() // also where f gives up
		wg.Go(func() { loop.run(ctx) })
		wg.Go(func() {
			(&teller{say: heard.say, now: now, beat: loop.last, watchdog: watchdog, status: loop.status}).run(ctx, nil)
		})
		f(t, heard, loop)
	})
}

func TestTheWatchdogHearsOfALoopThatTurnsAndOfNoOther(t *testing.T) {
	for _, watchdog := range []time.Duration{10 * time.Second, time.Second} { // longer and shorter than what the status needs
		hearsOfTheLoop(t, watchdog)
	}
}

func hearsOfTheLoop(t *testing.T, watchdog time.Duration) {
	t.Helper()
	telling(t, watchdog, func(t *testing.T, heard *told, loop *fakeLoop) {
		began := time.Now()
		time.Sleep(time.Minute)
		beats := heard.times("WATCHDOG=1")
		if len(beats) == 0 {
			t.Fatal("a loop that turns is never heard of")
		}
		last := began
		for _, b := range beats {
			if gap := b.Sub(last); gap > watchdog/2 {
				t.Errorf("%v between two words of a loop that turns, of %v", gap, watchdog)
			}
			last = b
		}

		loop.set(true, "")
		stalled := time.Now()
		time.Sleep(time.Minute)
		beats = heard.times("WATCHDOG=1")
		if late := beats[len(beats)-1].Sub(stalled); late >= watchdog/2 {
			t.Errorf("a loop that stands still is called alive %v later", late)
		}
		if n := len(heard.times("STATUS=the deciding loop does not answer")); n != 1 {
			t.Errorf("people were told of the stalled loop %d times", n)
		}

		loop.set(false, client.StateJoining)
		again := time.Now()
		time.Sleep(watchdog)
		if b := heard.times("WATCHDOG=1"); b[len(b)-1].Before(again) {
			t.Error("a loop that turns again is not heard of")
		}
	})
}

func TestALoopThatNeverTurnedIsNotAlive(t *testing.T) {
	for _, clock := range []int64{1, 1 << 40} { // the first second after the machine started, and long after
		x := teller{now: func() int64 { return clock }, beat: func() int64 { return 0 }, watchdog: time.Minute}
		if x.turns() {
			t.Errorf("alive at %d without a turn", clock)
		}
	}
}

func TestWithoutAWatchdogNobodyIsFed(t *testing.T) {
	telling(t, 0, func(t *testing.T, heard *told, _ *fakeLoop) {
		time.Sleep(time.Minute)
		if n := len(heard.times("WATCHDOG=1")); n != 0 {
			t.Errorf("%d words for a watchdog that is not there", n)
		}
	})
}

func TestReadyIsSaidOnceAndOnlyByAMember(t *testing.T) {
	extend := "EXTEND_TIMEOUT_USEC=30000000"
	telling(t, 0, func(t *testing.T, heard *told, loop *fakeLoop) {
		for _, state := range []string{client.StateAbsent, client.StateJoining, client.StateDirty, client.StateUnknown, client.StateFailed} {
			loop.set(false, state)
			before := len(heard.times(extend))
			time.Sleep(5 * time.Second)
			if len(heard.times("READY=1")) != 0 {
				t.Fatalf("ready as %s", state)
			}
			if len(heard.times(extend)) == before {
				t.Errorf("no more time asked for as %s", state)
			}
		}
		loop.set(true, "")
		time.Sleep(2 * notifyEvery)
		before := len(heard.times(extend))
		time.Sleep(time.Minute)
		if n := len(heard.times(extend)) - before; n != 0 {
			t.Errorf("a loop that does not answer asked for more time %d times", n)
		}
		loop.set(false, client.StateMember)
		time.Sleep(5 * time.Second)
		before = len(heard.times(extend))
		loop.set(false, client.StateDirty)
		time.Sleep(5 * time.Second)
		loop.set(false, client.StateMember)
		time.Sleep(5 * time.Second)
		if n := len(heard.times("READY=1")); n != 1 {
			t.Errorf("ready %d times", n)
		}
		if n := len(heard.times(extend)) - before; n != 0 {
			t.Errorf("more time asked for after ready, %d times", n)
		}
	})
}

func TestTheLastWordIsStopping(t *testing.T) {
	const stopping = "STOPPING=1\nSTATUS=stopping"
	for _, why := range []string{"told to", "loop ended", "while asking"} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			heard, loop, done := &told{}, &fakeLoop{state: client.StateMember, stalled: why == "while asking"}, make(chan struct{})
			var wg sync.WaitGroup
			wg.Go(func() {
				(&teller{say: heard.say, now: now, beat: loop.last, status: loop.status}).run(ctx, done)
			})
			time.Sleep(notifyEvery + notifyEvery/2)
			if why == "loop ended" {
				close(done)
			} else {
				cancel()
			}
			began := time.Now()
			wg.Wait()
			if took := time.Since(began); took > 0 {
				t.Errorf("%s: the teller needed %v to end", why, took)
			}
			if n := len(heard.times(stopping)); n != 1 || heard.last() != stopping {
				t.Errorf("%s: heard %q", why, heard.words)
			}
		})
	}
}

func TestTheStatusSaysWhatItWaitsFor(t *testing.T) {
	node := func(state, why string) []client.Node { return []client.Node{{Name: "n", State: state, Why: why}} }
	for _, c := range []struct {
		want string
		s    client.Status
	}{
		{"waiting: this node belongs to no domain", client.Status{}},
		{"joining, waiting: join (a, b)", client.Status{Waiting: client.List[client.Waiting]{{What: "join", For: []string{"a", "b"}}}, Nodes: node(client.StateJoining, "")}},
		{"member, waiting: quorum, votes 1 of 2 needed", client.Status{Votes: client.Votes{Have: 1, Need: 2}, Nodes: node(client.StateMember, "")}},
		{"dirty, waiting: leftover dlm lockspace", client.Status{Quorate: true, Nodes: node(client.StateDirty, "leftover dlm lockspace")}},
		{"joining, waiting: to be announced clean", client.Status{Quorate: true, Nodes: node(client.StateJoining, "")}},
		{"member, 1 operations open, first on x (claimed)", client.Status{Quorate: true, Nodes: node(client.StateMember, ""), Operations: client.List[client.Operation]{{Victim: "x", Phase: client.PhaseClaimed}}}},
		{"member, epoch 7, votes 0 of 0 needed, armed", client.Status{Quorate: true, Epoch: 7, Armed: true, Nodes: node(client.StateMember, "")}},
		{"unknown, waiting: to be announced clean", client.Status{Quorate: true}},
	} {
		c.s.Node = "n"
		if !strings.HasPrefix(c.want, "waiting: this node belongs") {
			c.s.Domain = "d"
		}
		if got := summary(c.s, ownNode(c.s)); !strings.HasPrefix(got, c.want) {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestAStatusIsOneBoundedLine(t *testing.T) {
	heard := &told{}
	x := teller{say: heard.say}
	x.line("dirty, waiting: left over\nREADY=1\r\x00\u0085" + strings.Repeat("é", 2*maxStatus))
	x.line("same")
	x.line("same")
	if len(heard.words) != 2 {
		t.Fatalf("said %q", heard.words)
	}
	got := heard.words[0]
	if slices.ContainsFunc([]rune(got), func(r rune) bool { return r < ' ' || r == '\u0085' }) || len([]rune(got)) != maxStatus+len("STATUS=") {
		t.Errorf("said %q", got)
	}
}

// R26: to systemd a process that restarts goes on; told that it stops, it would end the unit. It gives the next daemon the lease, and the next one takes
// that back with its first turn.
func TestARestartSaysNothingOfAnEnd(t *testing.T) {
	for _, x := range []struct {
		again    bool
		watchdog time.Duration
		want     string
	}{
		{again: false, watchdog: 10 * time.Second, want: "STOPPING=1\nSTATUS=stopping"},
		{again: true},
		{again: true, watchdog: 10 * time.Second, want: "WATCHDOG_USEC=100000000\nWATCHDOG=1"},
	} {
		said := ""
		tell := teller{say: func(s string) { said += s }, again: func() bool { return x.again }, watchdog: x.watchdog, lease: func() time.Duration { return 90 * time.Second }}
		if tell.last(); said != x.want {
			t.Errorf("restart %v, watchdog %v: %q, want %q", x.again, x.watchdog, said, x.want)
		}
	}
	telling(t, 10*time.Second, func(t *testing.T, heard *told, _ *fakeLoop) {
		time.Sleep(time.Minute)
		back, fed := heard.times("WATCHDOG_USEC=10000000"), heard.times("WATCHDOG=1")
		if len(back) != 1 || len(fed) == 0 || back[0].After(fed[0]) {
			t.Errorf("the watchdog's own time was said at %v, it was fed from %v on", back, fed[:min(1, len(fed))])
		}
	})
}

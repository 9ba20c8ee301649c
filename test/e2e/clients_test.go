package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
	"github.com/fenced-project/fenced/fence/member"
)

// program is a registered client of one node's daemon, as its own process would see it.
type program struct {
	t    *testing.T
	name string
	end  func() // its death
	over chan struct{}
	*client.Session

	mu    sync.Mutex
	heard []client.Notice
	ended time.Time
	err   error
}

// runs registers a program that behaves: it takes what it is told, and ends when it has failed.
func runs(ctx context.Context, t *testing.T, n *playground.Node, r client.Registration) *program {
	t.Helper()
	s, err := n.Client().Register(ctx, r)
	must(t, err)
	p := &program{t: t, name: r.Name + " on " + n.Name, Session: s, end: s.Close, over: make(chan struct{}), heard: []client.Notice{s.State()}}
	go func() {
		defer close(p.over)
		for {
			got, err := s.Next(context.Background())
			p.mu.Lock()
			if err != nil {
				p.ended, p.err = time.Now(), err
				p.mu.Unlock()
				return
			}
			p.heard = append(p.heard, got)
			p.mu.Unlock()
		}
	}()
	t.Cleanup(func() { s.Close(); <-p.over })
	return p
}

// stubborn registers a program that goes on whatever it hears or does not hear: what it shows is what the daemon brings, not what a client
// makes of it.
func stubborn(t *testing.T, n *playground.Node, name string) *program {
	t.Helper()
	conn, err := net.Dial("unix", n.Socket())
	must(t, err)
	body := fmt.Sprintf(`{"name":%q}`, name)
	fmt.Fprintf(conn, "POST /v1/clients HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	p := &program{t: t, name: name + " on " + n.Name, end: func() { _ = conn.Close() }, over: make(chan struct{})}
	go func() {
		defer close(p.over)
		in := bufio.NewScanner(conn)
		for in.Scan() {
			var got client.Notice
			if json.Unmarshal(in.Bytes(), &got) == nil && got.Event != "" && got.Event != client.NoticeHeartbeat {
				p.mu.Lock()
				p.heard = append(p.heard, got)
				p.mu.Unlock()
			}
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.ended, p.err = time.Now(), errors.New("end of stream")
	}()
	t.Cleanup(func() { p.end(); <-p.over })
	return p
}

// notices are those of a kind that it heard, in their order.
func (p *program) notices(kind string) []client.Notice {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.heard), func(n client.Notice) bool { return n.Event != kind })
}

func (p *program) hears(kind string) bool { return len(p.notices(kind)) > 0 }

// story is all that it heard, in words.
func (p *program) story() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var words []string
	for _, n := range p.heard {
		words = append(words, strings.TrimSpace(n.Event+" "+n.Node))
	}
	if p.err != nil {
		words = append(words, "end")
	}
	return strings.Join(words, ", ")
}

// awaits waits until a program hears something.
func (a *accident) awaits(ctx context.Context, p *program, kind string) {
	a.t.Helper()
	if err := a.c.Await(ctx, p.name+" to hear "+kind, func() bool { return p.hears(kind) }); err != nil {
		a.t.Fatalf("%v; it heard: %s", err, p.story())
	}
}

// ends waits until a program's stream has ended and returns when that was.
func (a *accident) ends(ctx context.Context, p *program) time.Time {
	a.t.Helper()
	select {
	case <-p.over:
	case <-ctx.Done():
		a.t.Fatalf("the stream of %s goes on; it heard: %s", p.name, p.story())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended
}

// releasedOnce demands that a program heard exactly these nodes released, in this order, each by the verdict that its node's stream shows.
func (a *accident) releasedOnce(p *program, from int, nodes ...int) {
	a.t.Helper()
	got := p.notices(client.NoticeReleased)
	if len(got) != len(nodes) {
		a.t.Errorf("%s heard %d releases, want %d: %s", p.name, len(got), len(nodes), p.story())
		return
	}
	for i, v := range nodes {
		verdict := a.sight(from, v).First[playground.Verdict]
		if n := got[i]; n.Node != a.c.Node(v).Name || n.Incarnation != a.lives[v] || n.Index != verdict.Index || n.Verdict == "" {
			a.t.Errorf("release %d of %s is %+v, the verdict on %s has index %d", i, p.name, n, a.c.Node(v).Name, verdict.Index)
		}
	}
}

// clientOn is a program as a node's status shows it.
func clientOn(ctx context.Context, n *playground.Node, name string) (client.LocalClient, bool) {
	s, err := n.Client().Status(ctx)
	if err != nil {
		return client.LocalClient{}, false
	}
	i := slices.IndexFunc(s.Clients, func(c client.LocalClient) bool { return c.Name == name })
	if i < 0 {
		return client.LocalClient{}, false
	}
	return s.Clients[i], true
}

// Two nodes die, one after the other, while programs run on the rest. Each hears both released, once, in the order of the log; the program of a
// dead node hears its end within a second (S4.7); one that comes while a node is not fenced is granted when it is (R12).
// part of: S4.7
func TestProgramsHearReleasesOnceAndInOrder(t *testing.T) {
	c, ctx := start(t, playground.Options{Nodes: 5, BMCs: short})
	a := accidentOf(t, c)
	one, two := runs(ctx, t, c.Node(1), client.Registration{Name: "db"}), runs(ctx, t, c.Node(2), client.Registration{Name: "db"})
	dead := runs(ctx, t, c.Node(4), client.Registration{Name: "db"})
	for _, p := range []*program{one, two, dead} {
		a.awaits(ctx, p, client.NoticeGranted)
	}
	must(t, c.BMC(5).SetKnobs(ctx, "hang"))
	killed := time.Now()
	must(t, c.Node(4).Kill())
	if took := a.ends(ctx, dead).Sub(killed); took > patience(time.Second) || !errors.Is(dead.Err(), client.ErrFailed) {
		t.Errorf("%s heard its end after %s: %v", dead.name, took, dead.Err())
	}
	a.await(ctx, "the first release", func() bool { return one.hears(client.NoticeReleased) && two.hears(client.NoticeReleased) })
	must(t, c.Node(5).Kill())
	a.await(ctx, "the second victim", func() bool { return a.saw(1, 5, playground.Detection) })
	late := runs(ctx, t, c.Node(1), client.Registration{Name: "late"})
	a.awaits(ctx, late, client.NoticeRefused)
	if s := late.State(); len(s.Unresolved) != 1 || s.Unresolved[0] != (client.Life{Node: "node-5", Incarnation: a.lives[5]}) {
		t.Errorf("its state names %+v", s.Unresolved)
	}
	if late.hears(client.NoticeGranted) {
		t.Errorf("granted beside a victim: %s", late.story())
	}
	must(t, c.BMC(5).SetKnobs(ctx))
	a.awaits(ctx, late, client.NoticeGranted)
	a.over(ctx, 4, 5)
	for _, p := range []*program{one, two} {
		a.releasedOnce(p, 1, 4, 5)
	}
	if got := late.story(); !strings.Contains(got, "grant-refused") || strings.Index(got, "released node-5") > strings.LastIndex(got, "granted") {
		t.Errorf("%s heard %s", late.name, got)
	}
	a.releasedOnce(late, 1, 5)
	// Resumed behind the first, only the second is told again; behind nothing that is known, all of it.
	first := one.notices(client.NoticeReleased)[0].Index
	again := runs(ctx, t, c.Node(2), client.Registration{Name: "again", After: first})
	whole := runs(ctx, t, c.Node(2), client.Registration{Name: "whole", After: 1})
	a.awaits(ctx, again, client.NoticeGranted)
	a.awaits(ctx, whole, client.NoticeGranted)
	a.releasedOnce(again, 2, 5)
	a.releasedOnce(whole, 2, 4, 5)
}

// The cluster network of a node is cut. Its program hears frozen before anything else, is never granted or told of a release again, and hears
// its end: at the latest when the machine's power is cut.
// part of: S1.14
func TestTheProgramOfACutOffNodeIsFrozenAndFailed(t *testing.T) {
	c, ctx := start(t, playground.Options{})
	a := accidentOf(t, c)
	p, other := runs(ctx, t, c.Node(3), client.Registration{Name: "db"}), runs(ctx, t, c.Node(1), client.Registration{Name: "db"})
	a.awaits(ctx, p, client.NoticeGranted)
	a.awaits(ctx, other, client.NoticeGranted)
	must(t, c.BMC(3).SetKnobs(ctx, "hang")) // so that it lives to be told
	must(t, c.Node(3).Cut())
	a.awaits(ctx, p, client.NoticeFrozen)
	a.await(ctx, "the others to call it a victim", func() bool { return a.saw(1, 3, playground.Detection) })
	if s, ok := clientOn(ctx, c.Node(3), "db"); !ok || !s.Frozen || s.Why == "" {
		t.Errorf("status shows %+v", s)
	}
	must(t, c.Node(3).Heal())
	a.ends(ctx, p)
	if !errors.Is(p.Err(), client.ErrFailed) {
		t.Error(p.Err())
	}
	must(t, c.BMC(3).SetKnobs(ctx))
	a.over(ctx, 3)
	if got := p.story(); !strings.HasSuffix(got, ", frozen, end") || p.hears(client.NoticeReleased) { // contact that is back thaws nothing (R14)
		t.Errorf("%s heard %s", p.name, got)
	}
	a.releasedOnce(other, 1, 3)
}

// A daemon stands still for less than the others' patience: its program is frozen until the lease is sure again (R20), and nobody is fenced.
func TestAShortStopFreezesAndThaws(t *testing.T) {
	patient := patience(4 * time.Second) // a busy machine must not make more of the stop than it is
	c, ctx := start(t, playground.Options{FailureTimeout: patient})
	a := accidentOf(t, c)
	p := stubborn(t, c.Node(3), "db")
	a.awaits(ctx, p, client.NoticeGranted)
	must(t, c.Node(3).Freeze())
	time.Sleep(patient * 6 / 10) // what is measured: more than half the failure timeout, less than all of it
	must(t, c.Node(3).Thaw())
	a.awaits(ctx, p, client.NoticeThawed)
	a.over(ctx)
	if got := p.story(); !strings.HasSuffix(got, ", frozen, thawed") {
		t.Errorf("%s heard %s", p.name, got)
	}
}

// A node is stopped until it is a victim, and another one dies and is fenced meanwhile. It wakes with that verdict in its queue, and before its
// own power is cut: its program hears of no release (S5.16).
// proves: S5.16
func TestTheProgramOfAWokenNodeHearsOfNoRelease(t *testing.T) {
	c, ctx := start(t, playground.Options{Nodes: 5, BMCs: short})
	const frozen, dead, watcher = 5, 4, 1
	a := accidentOf(t, c)
	p, watching := stubborn(t, c.Node(frozen), "db"), runs(ctx, t, c.Node(watcher), client.Registration{Name: "db"})
	behaves := runs(ctx, t, c.Node(frozen), client.Registration{Name: "behaves"})
	for _, p := range []*program{p, watching, behaves} {
		a.awaits(ctx, p, client.NoticeGranted)
	}
	must(t, c.BMC(frozen).SetKnobs(ctx, "hang"))
	must(t, c.Node(frozen).Freeze())
	a.ends(ctx, behaves) // by the heartbeats that do not come, while its daemon stands still
	if !errors.Is(behaves.Err(), client.ErrFailed) || !strings.Contains(behaves.Err().Error(), "silent") {
		t.Error(behaves.Err())
	}
	a.await(ctx, "the stopped node to be a victim", func() bool { return a.saw(watcher, frozen, playground.Claim) })
	must(t, c.Node(dead).Kill())
	a.await(ctx, "the release of the dead node", func() bool { return watching.hears(client.NoticeReleased) })
	must(t, c.Node(frozen).Thaw())
	a.ends(ctx, p)
	must(t, c.BMC(frozen).SetKnobs(ctx))
	a.over(ctx, frozen, dead)
	if got := p.story(); strings.Contains(got, "released") || strings.LastIndex(got, "granted") > strings.Index(got+"frozen", "frozen") || p.hears(client.NoticeThawed) {
		t.Errorf("%s heard %s", p.name, got)
	}
	t.Logf("%s heard %s", p.name, p.story())
	a.releasedOnce(watching, watcher, dead, frozen)
}

// A daemon dies, or hangs, under a program that needs a second to stop. It hears the end within a second of a death, and after three heartbeats of
// silence of a hang; and where the failure timeout is longer than that silence and its stop together, it has stopped before anybody takes over. Who does
// not stop, or not in time, is reset before the release: TestASharedDiskWhenTheDaemonIs.
// proves: S4.7
func TestAProgramStopsBeforeTheOthersTakeOver(t *testing.T) {
	const stop = time.Second
	silence := client.LateHeartbeats * member.HeartbeatMS * time.Millisecond
	for _, hit := range []struct {
		name   string
		does   func(*playground.Node) error
		within time.Duration
	}{
		{"killed", (*playground.Node).Kill, time.Second},
		{"stopped", (*playground.Node).Freeze, silence + time.Second},
	} {
		t.Run(hit.name, func(t *testing.T) {
			c, ctx := long(t, playground.Options{FailureTimeout: patience(silence + stop + 4*time.Second)})
			a := accidentOf(t, c)
			p, next := runs(ctx, t, c.Node(3), client.Registration{Name: "db"}), stubborn(t, c.Node(1), "next")
			a.awaits(ctx, p, client.NoticeGranted)
			a.awaits(ctx, next, client.NoticeGranted)
			began := time.Now()
			must(t, hit.does(c.Node(3)))
			if took := a.ends(ctx, p).Sub(began); took > patience(hit.within) || !errors.Is(p.Err(), client.ErrFailed) {
				t.Errorf("%s heard its end after %s: %v", p.name, took, p.Err())
			}
			time.Sleep(stop) // it stops
			if next.hears(client.NoticeReleased) || a.saw(1, 3, playground.Detection) {
				t.Errorf("others take over before it has stopped: %s", next.story())
			}
			a.awaits(ctx, next, client.NoticeReleased)
			a.over(ctx, 3)
		})
	}
}

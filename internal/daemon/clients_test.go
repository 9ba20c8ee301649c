package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/internal/api"
	"github.com/fenced-project/fenced/internal/config"
	"github.com/fenced-project/fenced/membership"
	"github.com/fenced-project/fenced/membership/memory"

	"github.com/fenced-project/fenced/client"
)

// loner is one daemon of three, without quorum: its own mind tells its clients nothing but "not yet", and a test speaks for it.
type loner struct {
	*Daemon
	t      *testing.T
	cancel context.CancelFunc
	ended  chan error

	mu    sync.Mutex
	lines []string
}

// byHand marks what a test says in the mind's place.
const byHand = "by-hand"

func alone(t *testing.T) *loner {
	t.Helper()
	l := &loner{t: t, ended: make(chan error, 1)}
	roster := fence.Roster{Cluster: "test", Timing: fence.Timing{FailureTimeoutMS: 300, PingMS: 50, PostJoinDelayMS: 1000, LeaseMS: 600, StaggerMS: 100}}
	var voters []membership.Voter
	for id := fence.NodeID(1); id <= 3; id++ {
		voters = append(voters, membership.Voter{ID: id, Votes: 1})
		roster.Nodes = append(roster.Nodes, fence.RosterNode{ID: id, Name: fmt.Sprintf("node-%d", id), Votes: 1})
	}
	cluster := memory.New(memory.Config{Nodes: voters, FailureTimeout: 300 * time.Millisecond})
	self := membership.Self{Node: 1, Boot: "boot-1", Instance: "i-1"}
	p, err := cluster.Start(self)
	if err != nil {
		t.Fatal(err)
	}
	l.Daemon, err = New(Config{
		Config: &config.Config{Roster: roster, Self: 1, SelfName: "node-1", StateDir: t.TempDir(), Simulated: true},
		Self:   self, Machine: fence.Machine{UUID: uuid(1)}, Version: "test", Provider: provider{p, new(atomic.Value)}, Devices: devices{},
		Scan: func(context.Context) member.ResidualScanned {
			return member.ResidualScanned{Session: member.Session{State: member.SessionNone}, Resettable: true}
		},
		Now: Boottime, LeaveTimeout: -1, Logger: slog.New(slog.NewTextHandler(l, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	var ctx context.Context
	ctx, l.cancel = context.WithCancel(context.Background())
	go func() { l.ended <- l.Run(ctx); close(l.ended) }()
	t.Cleanup(func() {
		l.end()
		cluster.Close()
	})
	return l
}

// end ends the daemon and waits for it.
func (l *loner) end() {
	l.cancel()
	if err := <-l.ended; err != nil {
		l.t.Error(err)
	}
}

func (l *loner) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(b))
	return len(b), nil
}

// events are the event lines about a client that a test caused, without what is the same in all of them.
func (l *loner) events(name string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, line := range l.lines {
		_, line, _ = strings.Cut(line, "msg=")
		event, rest, ok := strings.Cut(strings.TrimSpace(line), " node=node-1 epoch=0 client="+name+" life=boot-1")
		if ok && (strings.Contains(rest, byHand) || event == client.EventClientGone) {
			out = append(out, event+rest)
		}
	}
	return out
}

func (l *loner) soon() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	l.t.Cleanup(cancel)
	return ctx
}

func (l *loner) register(a api.ClientArgs) (uint64, *api.Stream) {
	l.t.Helper()
	a.Role = member.RoleWatch
	id, s, err := l.Register(l.soon(), a)
	if err != nil {
		l.t.Fatal(err)
	}
	return id, s
}

// mind carries out effects as the loop does when the member has asked for them.
func (l *loner) mind(effects ...member.Effect) {
	l.t.Helper()
	err := l.ask(l.soon(), func() {
		for _, e := range effects {
			l.perform(e)
		}
		l.step(member.Tick{}) // which tells the member who has gone meanwhile
		if len(l.locals.gone) > 0 {
			l.t.Error("the member was not told who is gone")
		}
	})
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *loner) shown(name string) (client.LocalClient, bool) {
	l.t.Helper()
	s, err := l.Status(l.soon())
	if err != nil {
		l.t.Fatal(err)
	}
	i := slices.IndexFunc(s.Clients, func(c client.LocalClient) bool { return c.Name == name })
	if i < 0 {
		return client.LocalClient{}, false
	}
	return s.Clients[i], true
}

var me = api.Caller{UID: 1000, PID: 77}

func TestWhatTheMindTellsIsShownToTheClientInStatusAndInEvents(t *testing.T) {
	l := alone(t)
	c := client.New(serveAPI(t, l.Daemon), "test")
	defer c.Close()
	session, err := c.Register(l.soon(), client.Registration{Name: "db"})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	id := session.ID()
	if s, ok := l.shown("db"); !ok || s.ID != id || s.Granted || s.Role != client.RoleWatch || s.PID == 0 || s.Since.IsZero() {
		t.Errorf("at first status shows %+v", s)
	}
	tell := func(kind member.TellKind) member.Tell { return member.Tell{Client: id, Kind: kind, Why: byHand} }
	released := tell(member.TellReleased)
	released.Index, released.Life, released.Verdict = 44, fence.Incarnation{Node: 3, Boot: "b3"}, fence.Verdict{Kind: fence.VerdictReset}
	l.mind(tell(member.TellGranted), tell(member.TellGranted), tell(member.TellHeartbeat), released, tell(member.TellFrozen), tell(member.TellFrozen),
		tell(member.TellThawed), tell(member.TellRefused), tell(member.TellRefused), tell(member.TellGranted), tell(member.TellFrozen))
	var got []string
	for len(got) < 10 {
		n, err := session.Next(l.soon())
		if err != nil {
			t.Fatal(err)
		}
		if n.Event == client.NoticeReleased && (n.Node != "node-3" || n.Incarnation != "b3" || n.Verdict != client.VerdictReset || n.Index != 44 || n.At.IsZero()) {
			t.Errorf("%+v", n)
		}
		if n.Why == byHand {
			got = append(got, n.Event)
		}
	}
	if want := "granted granted released frozen frozen thawed grant-refused grant-refused granted frozen"; strings.Join(got, " ") != want {
		t.Errorf("the client heard %s", got)
	}
	if s, _ := l.shown("db"); !s.Granted || !s.Frozen || s.Why != byHand {
		t.Errorf("status shows %+v", s)
	}
	want := []string{"granted", "frozen", "thawed", "grant-refused", "granted", "frozen"}
	for i := range want {
		want[i] += " text=" + byHand
	}
	if got := l.events("db"); !slices.Equal(got, want) { // each transition once, and no release: the node has told that
		t.Errorf("events %q", got)
	}
	l.mind(tell(member.TellFailed), member.Drop{Client: id, Why: byHand})
	<-session.Over()
	if _, err := session.Next(l.soon()); err == nil || !strings.Contains(err.Error(), byHand) {
		t.Errorf("after you-are-failed: %v", err)
	}
	if _, ok := l.shown("db"); ok {
		t.Error("a client that was dropped is shown")
	}
}

func TestTheStateOfAStream(t *testing.T) {
	l := alone(t)
	var n client.Notice
	if err := l.ask(l.soon(), func() {
		n = l.notice(member.Tell{Kind: member.TellState, Index: 7, State: member.ClientState{
			Frozen: true, Unresolved: []fence.Incarnation{{Node: 3, Boot: "b3"}}, Unknown: []fence.NodeID{2}, HeartbeatMS: 500,
		}})
	}); err != nil {
		t.Fatal(err)
	}
	if len(n.Unresolved) != 1 || n.Unresolved[0] != (client.Life{Node: "node-3", Incarnation: "b3"}) || !slices.Equal(n.Unknown, []string{"node-2"}) ||
		n.Granted || !n.Frozen || n.HeartbeatMS != 500 || n.Index != 7 || n.Event != client.NoticeState {
		t.Errorf("%+v", n)
	}
}

// serveAPI puts a daemon's API on a socket.
func serveAPI(t *testing.T, d *Daemon) string {
	t.Helper()
	s, err := api.New(api.Config{}, d, d.Feed())
	if err != nil {
		t.Fatal(err)
	}
	path := t.TempDir() + "/s"
	ln, err := s.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return path
}

func TestOneNameIsRegisteredOnce(t *testing.T) {
	l := alone(t)
	first, _ := l.register(api.ClientArgs{Name: "db", By: me})
	if _, _, err := l.Register(l.soon(), api.ClientArgs{Name: "db", By: me}); client.CodeOf(err) != client.CodeTryAgain || !strings.Contains(err.Error(), "db is registered already, by uid=1000 pid=77") {
		t.Errorf("%v", err)
	}
	l.register(api.ClientArgs{Name: "other", By: me})
	l.Gone(first, "its connection ended")
	second, _ := l.register(api.ClientArgs{Name: "db", By: me}) // the loop has heard that the first is gone
	if second == first {
		t.Error("an id is used twice")
	}
	l.Gone(first, "again") // a late word about the first does not touch the second
	if _, ok := l.shown("db"); !ok {
		t.Error("the second is gone")
	}
	if got := l.events("db"); !slices.Equal(got, []string{`client-gone result=gone text="its connection ended"`}) {
		t.Errorf("events %q", got)
	}
}

// Ids of another run are nobody's: a program that signs off with an old one must not sign off another.
func TestIDsAreNotThoseOfAnotherRun(t *testing.T) {
	seen := map[uint64]bool{}
	for range 100 {
		l, err := newLocals()
		if err != nil || seen[l.next] || l.next == 0 || l.next+1<<32 >= 1<<53 {
			t.Fatalf("%d, %v", l.next, err)
		}
		seen[l.next] = true
	}
}

// A stream that is full loses its client: the loop goes on at once, and the member hears that it is gone.
func TestAClientThatDoesNotKeepUpIsDropped(t *testing.T) {
	l := alone(t)
	id, s := l.register(api.ClientArgs{Name: "sleeper", By: me})
	other, _ := l.register(api.ClientArgs{Name: "other", By: me})
	tells := make([]member.Effect, 0, 2*api.StreamKeep)
	for range api.StreamKeep + 2 {
		tells = append(tells, member.Tell{Client: id, Kind: member.TellHeartbeat})
	}
	l.mind(append(tells, member.Tell{Client: other, Kind: member.TellFrozen, Why: byHand})...)
	if _, ok := l.shown("sleeper"); ok {
		t.Error("it is still there")
	}
	if got := l.events("sleeper"); !slices.Equal(got, []string{`client-gone result=gone text="it did not keep up with what it was told"`}) {
		t.Errorf("events %q", got)
	}
	if got := l.events("other"); len(got) != 1 {
		t.Errorf("what came after it: %q", got)
	}
	if s.Tell(api.Tale{}) {
		t.Error("its stream goes on")
	}
	l.Gone(id, "its connection ended") // which its connection says too
	if got := l.events("sleeper"); len(got) != 1 {
		t.Errorf("gone twice: %q", got)
	}
}

func TestOnlyItsUserAndRootSayThatAClientIsDone(t *testing.T) {
	l := alone(t)
	id, s := l.register(api.ClientArgs{Name: "db", By: me})
	if err := l.Done(l.soon(), id, api.Caller{UID: 1001}); client.CodeOf(err) != client.CodeNotPermitted {
		t.Error(err)
	}
	if err := l.Done(l.soon(), id+1, me); client.CodeOf(err) != client.CodeNoSuch {
		t.Error(err)
	}
	if err := l.Done(l.soon(), id, api.Caller{UID: 1000, PID: 78}); err != nil { // another process of its, curl for example
		t.Error(err)
	}
	if s.Tell(api.Tale{}) {
		t.Error("its stream goes on")
	}
	if err := l.Done(l.soon(), id, me); client.CodeOf(err) != client.CodeNoSuch {
		t.Errorf("a second time: %v", err)
	}
	if got := l.events("db"); !slices.Equal(got, []string{`client-gone result=done text="it uses nothing any more"`}) {
		t.Errorf("events %q", got)
	}
	root, _ := l.register(api.ClientArgs{Name: "db", By: me})
	if err := l.Done(l.soon(), root, api.Caller{}); err != nil {
		t.Error(err)
	}
}

// The end of the daemon is the end of every stream (S4.7), and nobody registers any more.
func TestTheEndOfTheDaemonEndsEveryStream(t *testing.T) {
	l := alone(t)
	_, s := l.register(api.ClientArgs{Name: "db", By: me})
	l.end()
	if s.Tell(api.Tale{}) {
		t.Error("its stream goes on")
	}
	if _, _, err := l.Register(l.soon(), api.ClientArgs{Name: "late", By: me}); client.CodeOf(err) != client.CodeUnreachable {
		t.Error(err)
	}
}

// A request in the name of a client has the cause reported and the client's name (R29); a watching client, a stranger and nobody may not.
func TestRequestsInTheNameOfAClient(t *testing.T) {
	l := newLab(t)
	d := l.nodes[1].d
	report, _, err := d.Register(l.ctx(), api.ClientArgs{Name: "drbd", Role: client.RoleReport, By: me})
	if err != nil {
		t.Fatal(err)
	}
	watch, _, err := d.Register(l.ctx(), api.ClientArgs{Name: "db", Role: client.RoleWatch, By: me})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(id string, who uint64, by api.Caller, force bool) error {
		_, err := d.Request(l.ctx(), api.RequestArgs{ID: id, Node: "node-3", Action: client.ActionOff, Reason: "test", Client: who, By: by, Force: force})
		return err
	}
	for _, x := range []struct {
		who   uint64
		by    api.Caller
		force bool
		code  client.Code
	}{
		{watch, me, false, client.CodeNotPermitted},
		{report + 1000, me, false, client.CodeNoSuch},
		{report, api.Caller{UID: 1001}, false, client.CodeNotPermitted},
		{report, me, true, client.CodeError}, // force is an operator's
	} {
		if err := ask("no", x.who, x.by, x.force); client.CodeOf(err) != x.code {
			t.Errorf("%+v: %v", x, err)
		}
	}
	if l.count(3) != 0 {
		t.Fatal("a refused request switched something")
	}
	if err := ask("yes", report, me, false); err != nil {
		t.Fatal(err)
	}
	l.until(1, "node-3 off", func(s client.Status) bool { return s.Nodes[2].Last != nil })
	l.stop(3)
	h, err := d.History(l.ctx(), api.HistoryQuery{Limit: 10})
	if err != nil || len(h.Lines) != 1 || h.Lines[0].Cause != client.CauseReported || h.Lines[0].RequestedBy != "drbd@node-1" {
		t.Errorf("%+v, %v", h, err)
	}
}

// A critical client that is granted and goes without a word ends its node's life (S4); one that says that it is done does not.
func TestACriticalClientThatGoesEndsThisNode(t *testing.T) {
	l := newLab(t)
	d := l.nodes[3].d
	granted := func(name string) uint64 {
		t.Helper()
		id, _, err := d.Register(l.ctx(), api.ClientArgs{Name: name, Role: client.RoleWatch, Critical: true, By: me})
		if err != nil {
			t.Fatal(err)
		}
		l.until(3, name+" to be granted", func(s client.Status) bool {
			return slices.ContainsFunc(s.Clients, func(c client.LocalClient) bool { return c.Name == name && c.Granted })
		})
		return id
	}
	reset := func() string {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.resets[3]
	}
	if err := d.Done(l.ctx(), granted("well-behaved"), me); err != nil {
		t.Fatal(err)
	}
	id := granted("db")
	if why := reset(); why != "" {
		t.Fatalf("reset because one said that it is done: %s", why)
	}
	d.Gone(id, "its connection ended")
	l.until(3, "the reset", func(client.Status) bool { return reset() != "" })
	if why := reset(); !strings.Contains(why, "db") || !strings.Contains(why, "its connection ended") {
		t.Error(why)
	}
}

package member

import (
	"slices"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// stream is what one client was told. Every message of every test is checked against what must hold of any stream.
type stream struct {
	in      ClientRegistered
	tells   []Tell
	dropped string
	granted bool
	frozen  bool
	index   uint64
	beat    int64
	lives   []fence.Incarnation
}

func (s *stream) kinds() string {
	var words []string
	for _, t := range s.tells {
		if t.Kind != TellHeartbeat {
			words = append(words, string(t.Kind))
		}
	}
	return strings.Join(words, " ")
}

func (s *stream) last(kind TellKind) Tell {
	for _, t := range slices.Backward(s.tells) {
		if t.Kind == kind {
			return t
		}
	}
	return Tell{}
}

// register registers a client; its stream is what comes.
func (c *cluster) register(id fence.NodeID, name, role string) *stream {
	return c.registerWith(id, ClientRegistered{Name: name, Role: role})
}

func (c *cluster) registerWith(id fence.NodeID, in ClientRegistered) *stream {
	c.clients++
	in.ID = c.clients
	x, s := c.n(id), &stream{in: in, beat: c.now}
	if x.streams == nil {
		x.streams = map[uint64]*stream{}
	}
	x.streams[in.ID] = s
	c.give(x, in)
	return s
}

// gone ends a stream from the client's side.
func (c *cluster) gone(id fence.NodeID, s *stream, done bool) {
	delete(c.n(id).streams, s.in.ID)
	c.give(c.n(id), ClientGone{ID: s.in.ID, Done: done, Why: "end of file"})
}

// streams takes what the clients of a node are told and checks it.
func (c *cluster) streams(x *node, effects []Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case Tell:
			if s := x.streams[e.Client]; s != nil {
				c.told(x, s, e)
				s.tells = append(s.tells, e)
			} else {
				c.fatal("%d: node %d tells a client that is gone: %+v", c.now, x.id, e)
			}
		case Drop:
			if s := x.streams[e.Client]; s != nil {
				s.dropped = e.Why
				delete(x.streams, e.Client)
			}
		}
	}
}

// told checks one message against what the stream, the log and the truth say.
func (c *cluster) told(x *node, s *stream, t Tell) {
	c.t.Helper()
	bad := func(why string) {
		c.t.Helper()
		c.fatal("%d: node %d tells %s %s: %s (%+v, told before: %s)", c.now, x.id, s.in.Name, t.Kind, why, t, s.kinds())
	}
	switch {
	case (len(s.tells) == 0) != (t.Kind == TellState):
		bad("a stream begins with the state, once")
	case len(s.tells) > 0 && s.tells[len(s.tells)-1].Kind == TellFailed:
		bad("nothing follows you-are-failed")
	case s.in.Role != RoleWatch && t.Kind != TellState && t.Kind != TellHeartbeat && t.Kind != TellFailed:
		bad("a reporter is told that")
	}
	leased := x.lease > 0 && c.now < x.lease+testRoster(1).Timing.LeaseMS
	dom := x.m.Domain()
	n := dom.Node(x.id)
	switch t.Kind {
	case TellGranted:
		switch {
		case s.granted:
			bad("twice")
		case !leased || !x.m.Quorate() || !dom.Armed || !dom.Clean(x.id) || x.m.Leaving() || len(dom.Unresolved()) > 0:
			bad("a condition fails (R12)")
		case !n.Stateful || x.disk.State != SessionStateful || x.disk.Boot != x.self().Boot || x.disk.Instance != x.self().Instance:
			bad("it is not stateful in the log and on disk (R12, R26)")
		case t.UntilMS < c.now:
			bad("its lease is over")
		}
		s.granted, s.frozen = true, false
	case TellFrozen, TellThawed:
		if !s.granted || s.frozen == (t.Kind == TellFrozen) || (t.Kind == TellFrozen && t.Why == "") {
			bad("out of place")
		}
		s.frozen = t.Kind == TellFrozen
		if !s.frozen && (!leased || !x.m.Quorate()) {
			bad("without lease or quorum")
		}
	case TellReleased:
		switch {
		case s.frozen:
			bad("while frozen")
		case !leased || !x.m.Quorate() || !dom.Armed:
			bad("without lease, quorum or arms (R13)")
		case t.Index < s.index || t.Index != t.Verdict.Index || slices.Contains(s.lives, t.Life):
			bad("out of order or twice")
		case c.applied(x, t.Index) > x.lease:
			bad("the lease is of a ping from before the verdict was applied (R13)")
		}
		s.index, s.lives = t.Index, append(s.lives, t.Life)
		if c.onRelease != nil {
			c.onRelease(x.self().Incarnation, t.Life)
		}
	case TellHeartbeat:
		if c.now-s.beat < HeartbeatMS {
			bad("too early")
		}
		s.beat = c.now
	case TellRefused:
		if s.granted || t.Why == "" || s.last(TellRefused).Why == t.Why {
			bad("granted, without a reason, or the same again")
		}
	}
}

// applied is when this daemon applied an index, 0 for before it was there to notice.
func (c *cluster) applied(x *node, index uint64) int64 { return x.appliedAt[index] }

// commit puts an entry in the log as an operator's, by a node that is there and decides (R22), or the first that is there.
func (c *cluster) commit(e domain.Entry) {
	for _, m := range c.view {
		if x := c.n(m.Node); x.up && x.m.Domain().Clean(m.Node) {
			c.append(record{by: m, data: encode(c.t, e)})
			return
		}
	}
	for _, m := range c.view {
		c.append(record{by: m, data: encode(c.t, e)})
		return
	}
}

// reapply is the administrator whose file was refused: he finds that nobody acts (R5), and applies it again.
func (c *cluster) reapply() {
	for _, m := range c.view {
		if x := c.n(m.Node); x.up && x.m.cfg.RosterHash != x.m.Domain().RosterHash {
			c.idleStateless(c.policy.IdleStateless)
			return
		}
	}
}

// idleStateless applies a roster with this policy, with the files of all nodes following.
func (c *cluster) idleStateless(on bool) {
	c.policy.IdleStateless = on
	var version uint64
	for _, x := range c.nodes {
		if x.up {
			version = max(version, x.m.Domain().Roster.Version)
		}
	}
	r := c.roster()
	r.Version = version + 1
	c.commit(domain.Entry{Roster: &domain.Roster{Roster: r, By: "test"}})
	for _, x := range c.nodes {
		if x.up && !c.frozen[x.id] {
			c.give(x, ConfigChanged{RosterHash: r.Hash()})
		}
	}
}

func (c *cluster) arm(on bool) {
	c.commit(domain.Entry{Arm: &domain.Arm{Armed: on, By: "test"}})
}

func want(t *testing.T, s *stream, kinds string) {
	t.Helper()
	if got := s.kinds(); got != kinds {
		t.Fatalf("%s was told %q, want %q: %+v", s.in.Name, got, kinds, s.tells)
	}
}

func TestAClientIsGrantedAndHearsOfAFence(t *testing.T) { // the whole story: R12, R13
	c := newCluster(t, 3, true)
	db := c.register(1, "db", RoleWatch)
	report := c.register(1, "dlm", RoleReport)
	want(t, db, "state")
	if st := db.tells[0].State; st.HeartbeatMS != HeartbeatMS || st.Granted || st.Frozen || len(st.Unresolved)+len(st.Unknown) != 0 {
		t.Fatalf("%+v", st)
	}
	c.run(50)
	want(t, db, "state granted")
	c.kill(3)
	c.run(2000)
	c.install()
	c.run(100)
	late := c.register(1, "late", RoleWatch)
	c.run(900)
	want(t, db, "state granted frozen thawed released")
	if r := db.last(TellReleased); r.Life.Boot != "boot-3-1" || r.Verdict.Kind != fence.VerdictReset || r.Index != c.dom(1).Node(3).Last.Index {
		t.Fatalf("%+v", r)
	}
	want(t, late, "state grant-refused released granted")
	if st := late.tells[0].State; len(st.Unresolved) != 1 || st.Unresolved[0].Boot != "boot-3-1" || !strings.Contains(late.last(TellRefused).Why, "node-3 (victim)") {
		t.Fatalf("%+v", late.tells)
	}
	want(t, report, "state")
	c.run(5000)
	for _, s := range []*stream{db, report, late} {
		beats := 0
		for _, x := range s.tells {
			if x.Kind == TellHeartbeat {
				beats++
			}
		}
		if beats < 5 {
			t.Errorf("%s heard %d heartbeats", s.in.Name, beats)
		}
	}
}

package config

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership/corosync"
	"github.com/fenced-project/fenced/membership/corosync/libcorosync"
)

// inRing is a configuration that leaves to corosync what corosync knows.
const inRing = `cluster: c
membership: {provider: corosync}
nodes:
  n1: {levels: [{ask: human}]}
  n2: {levels: [{ask: human}]}
  n3: {levels: [{ask: human}]}
`

// ringOf are settings without fault of a corosync with the nodes of inRing, changed.
func ringOf(change func(*corosync.Settings)) *corosync.Settings {
	s := &corosync.Settings{
		Cluster: "c", Token: time.Second, Written: time.Second, Consensus: 1200 * time.Millisecond, Provider: "corosync_votequorum", Encrypted: true,
		Nodes: []corosync.Listed{
			{ID: 1, Name: "n1", Addresses: []string{"10.0.0.1"}, Votes: 1},
			{ID: 2, Name: "n2", Addresses: []string{"fd00::2", "10.1.0.2"}, Votes: 1},
			{ID: 3, Name: "n3", Addresses: []string{"n3.example"}, Votes: 1},
		},
	}
	if change != nil {
		change(s)
	}
	return s
}

// answers is a corosync that says this.
func answers(s *corosync.Settings, err error) func(*Options) {
	return func(o *Options) {
		o.Corosync = func() (corosync.Settings, error) {
			if err != nil {
				return corosync.Settings{}, err
			}
			return *s, nil
		}
	}
}

// loadIn loads a configuration beside a corosync.
func (r room) loadIn(text string, corosync func(*Options), more ...func(*Options)) (*Config, Problems) {
	r.t.Helper()
	r.write("fenced.yaml", text, 0o640)
	o := r.options()
	for _, f := range append(more, corosync) {
		f(&o)
	}
	return Load(o)
}

// What fenced.yaml does not say of a node is taken from corosync's nodelist by its name: id, address, votes. No key is wanted.
func TestNodesOfTheNodelist(t *testing.T) {
	c, ps := newRoom(t).loadIn(inRing, answers(ringOf(func(s *corosync.Settings) { s.Nodes[2].Votes, s.Nodes[2].ID = 2, 30 }), nil))
	if c == nil || len(ps) != 0 {
		t.Fatalf("%v", ps)
	}
	var got []fence.RosterNode
	for _, n := range c.Roster.Nodes {
		got = append(got, fence.RosterNode{Name: n.Name, ID: n.ID, Address: n.Address, Votes: n.Votes})
	}
	want := []fence.RosterNode{
		{Name: "n1", ID: 1, Address: "10.0.0.1:7811", Votes: 1}, {Name: "n2", ID: 2, Address: "[fd00::2]:7811", Votes: 1}, {Name: "n3", ID: 30, Address: "n3.example:7811", Votes: 2},
	}
	if !reflect.DeepEqual(got, want) || c.Provider != ProviderCorosync || c.Self != 1 || c.Listen != "" {
		t.Errorf("nodes %+v, provider %s, self %d, listen %q", got, c.Provider, c.Self, c.Listen)
	}
}

// The file wins where it says something, and says so where the two contradict each other (errors.golden has the words).
func TestTheFileWinsOverTheNodelist(t *testing.T) {
	text := strings.Replace(inRing, "n2: {", "n2: {id: 2, address: 192.0.2.2, votes: 0, ", 1)
	c, ps := newRoom(t).loadIn(text, answers(ringOf(nil), nil))
	if c == nil {
		t.Fatal(ps)
	}
	if n := c.Roster.Nodes[1]; n.Address != "192.0.2.2:7811" || n.Votes != 0 || len(ps) != 1 || !strings.Contains(ps[0].Text, "0 votes here and 1 in corosync") {
		t.Errorf("%+v, %v", n, ps)
	}
}

// Corosync knows which node it is; whoever says so himself is believed.
func TestSelfIsCorosyncsOwn(t *testing.T) {
	here := answers(ringOf(func(s *corosync.Settings) { s.Local = 2 }), nil)
	unnamed := func(o *Options) { o.Node = "" }
	if c, ps := newRoom(t).loadIn(inRing, here, unnamed); c == nil || c.SelfName != "n2" {
		t.Errorf("%v", ps)
	}
	if c, ps := newRoom(t).loadIn(inRing, here); c != nil || ps.Later() {
		t.Errorf("n1 by its flag, and corosync says node 2: %v", ps)
	}
}

// Who waits for corosync waits only where nothing else is wrong, and not for a corosync that is not needed.
func TestOnlyCorosyncIsWaitedFor(t *testing.T) {
	down := answers(nil, errors.New("corosync does not run on this node"))
	if c, ps := newRoom(t).loadIn(inRing, down); c != nil || !ps.Later() {
		t.Errorf("everything but corosync: %v", ps)
	}
	if c, ps := newRoom(t).loadIn(inRing+"timings: {lease: 1}\n", down); c != nil || ps.Later() {
		t.Errorf("another mistake besides: %v", ps)
	}
	whole := strings.NewReplacer("n1: {", "n1: {id: 1, ", "n2: {", "n2: {id: 2, ", "n3: {", "n3: {id: 3, ").Replace(inRing)
	if c, ps := newRoom(t).loadIn(whole, down); c == nil || len(ps) != 1 || !ps[0].Warning {
		t.Errorf("a file that says everything: %v", ps)
	}
	if _, ps := newRoom(t).loadIn(whole, func(*Options) {}); len(ps) != 0 {
		t.Errorf("one that is not to be asked: %v", ps)
	}
}

// What is about this machine alone is answered while corosync is down, or its libraries are missing: it is not even asked.
func TestThisMachineAloneNeedsNoCorosync(t *testing.T) {
	c, ps := newRoom(t).loadIn(inRing, func(o *Options) { o.Local = true })
	if c == nil || len(ps) != 0 || c.SelfName != "n1" {
		t.Errorf("%v", ps)
	}
	if c, ps := newRoom(t).loadIn(inRing, func(o *Options) { o.Local, o.AnyNode, o.Node = true, true, "" }); c == nil || len(ps) != 0 {
		t.Errorf("from anywhere: %v", ps)
	}
	if c, _ := newRoom(t).loadIn(inRing+"timings: {lease: 1}\n", func(o *Options) { o.Local = true }); c != nil {
		t.Error("another mistake is none")
	}
}

// No waiting brings a library: the package to install is named, and nothing starts.
func TestALibraryThatIsMissingIsNotWaitedFor(t *testing.T) {
	missing := &libcorosync.MissingError{Library: "libcmap.so.4", Package: "libcmap4", Err: errors.New("no such file")}
	whole := strings.NewReplacer("n1: {", "n1: {id: 1, ", "n2: {", "n2: {id: 2, ", "n3: {", "n3: {id: 3, ").Replace(inRing)
	for _, text := range []string{inRing, whole} {
		c, ps := newRoom(t).loadIn(text, answers(nil, missing))
		if c != nil || !strings.Contains(ps.Error(), "libcmap4") || ps.Later() {
			t.Errorf("%v", ps)
		}
	}
}

// Which of two even halves goes on is corosync's to say; a policy that says something else is not carried out.
func TestAnEvenSplitIsCorosyncsToDecide(t *testing.T) {
	for name, tt := range map[string]struct {
		policy, tie, want string
	}{
		"nothing said":       {"", "lowest", ""},
		"freeze, and so":     {"freeze", "", ""},
		"freeze, and a tie":  {"freeze", "lowest", "policy.even_split is \"freeze\", and corosync counts as if it were \"node"},
		"lowest, and so":     {"lowest-id", "lowest", ""},
		"lowest, no tie":     {"lowest-id", "", "and corosync counts as if it were \"freeze\""},
		"lowest, by highest": {"lowest-id", "highest", "and corosync counts as if it were \"node"},
	} {
		text := inRing
		if tt.policy != "" {
			text += "policy: {even_split: " + tt.policy + "}\n"
		}
		_, ps := newRoom(t).loadIn(text, answers(ringOf(func(s *corosync.Settings) { s.Tie = tt.tie }), nil))
		if len(ps) != min(1, len(tt.want)) || len(ps) == 1 && !strings.Contains(ps[0].Text, tt.want) {
			t.Errorf("%s: %v", name, ps)
		}
	}
}

package embedded

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
	"github.com/fenced-project/fenced/membership/membershiptest"
)

// Wrong key, cluster, domain: refused, with a reason on both sides, and no effect.
func TestStrangersAreRefused(t *testing.T) {
	tests := []struct {
		name         string
		tweak        func(*Config)
		bootstrap    bool
		here, theirs string // reason on node 1, reason on the stranger
	}{
		{"another key", func(c *Config) { c.Authkey = []byte("another-key-another-key-another!") }, false, "another authkey", "another authkey"},
		{"another cluster", func(c *Config) { c.Cluster = "other" }, false, "another cluster name", `cluster "lab"`},
		{"another domain", func(*Config) {}, true, "domain", "domain"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newParty(t, 3)
			p.start(1, 1)
			p.start(2, 1)
			p.settle(1, 2)
			p.tweak = tt.tweak
			if tt.bootstrap {
				p.booted = false
			}
			p.start(3, 1)
			has := func(part string) func(string) bool { return func(s string) bool { return strings.Contains(s, part) } }
			refusedOf(p.readers[1])(has(tt.here))
			refusedOf(p.readers[3])(has(tt.theirs))
			if v := p.readers[1].Copy().View; len(v.Members) != 2 {
				t.Errorf("a stranger is in the view %+v", v)
			}
			p.commits(1, 1, "goes on")
		})
	}
}

func TestJudge(t *testing.T) {
	we := us{
		hello: hello{Protocol: Protocol, Cluster: "c", Domain: "d", Node: 1, Store: "s1", Instance: "i1", Starts: 1},
		nodes: []NodeConfig{{ID: 1}, {ID: 2}, {ID: 3}},
		gone:  map[fence.NodeID][]string{2: {"old"}},
	}
	good := hello{Protocol: Protocol, Cluster: "c", Domain: "d", Node: 2, Store: "s2", Instance: "i2", Starts: 5, Position: position{3, 70}, Stream: streamRaft}
	tests := []struct {
		name   string
		change func(*hello)
		want   string // part of the reason; "" accepted
	}{
		{"good", func(*hello) {}, ""},
		{"version", func(h *hello) { h.Protocol = Protocol + 1 }, fmt.Sprint("protocol ", Protocol+1)},
		{"cluster", func(h *hello) { h.Cluster = "x" }, "cluster"},
		{"domain", func(h *hello) { h.Domain = "x" }, "domain"},
		{"no domain on a raft stream", func(h *hello) { h.Domain = "" }, "domain none"},
		{"no domain, joining", func(h *hello) { h.Domain, h.Stream, h.Store = "", streamControl, "new" }, ""},
		{"another's certificate", func(h *hello) { h.Node = 3 }, "certificate"},
		{"a store that this node's log does not name yet, perhaps the leader's", func(h *hello) { h.Store = "new" }, ""},
		{"replaced store", func(h *hello) { h.Store = "old" }, "replaced"},
		{"started less often", func(h *hello) { h.Starts, h.Instance = 4, "i0" }, "restored from a copy"},
		{"shorter log after a start", func(h *hello) { h.Starts, h.Instance, h.Position = 6, "i9", position{3, 60} }, "restored from a copy"},
		{"longer log of an older term", func(h *hello) { h.Starts, h.Instance, h.Position = 6, "i9", position{2, 99} }, "restored from a copy"},
		{"two copies", func(h *hello) { h.Instance = "i9" }, "in use by another daemon"},
		{"new start", func(h *hello) { h.Starts, h.Instance, h.Position = 6, "i9", position{3, 71} }, ""},
		{"same run, log a little behind a ping that overtook it", func(h *hello) { h.Position = position{3, 65} }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			now := time.Now()
			f := newFloors(map[string]floor{}, time.Second, 10)
			f.check(shown{Store: "s2", Starts: 5, Instance: "i2", Position: position{3, 50}}, now.Add(-3*time.Second))
			f.check(shown{Store: "s2", Starts: 5, Instance: "i2", Position: position{3, 70}}, now)
			for range quietTurns {
				f.turn()
			}
			h := good
			tt.change(&h)
			got := judge(we, h, 2, f, now)
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if got := judge(we, hello{Protocol: Protocol, Cluster: "c", Domain: "d", Node: 1, Store: "s", Instance: "i"}, 1, newFloors(nil, 0, 10), time.Now()); !strings.Contains(got, "own id") {
		t.Errorf("own id: %q", got)
	}
}

// Floors outlive the daemon: what one run saw of a store binds the next.
func TestFloorsAreKept(t *testing.T) {
	dir := t.TempDir()
	s, err := openStore(dir, 5*time.Second, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := newFloors(nil, 0, 10)
	f.check(shown{Store: "x", Starts: 7, Instance: "i", Position: position{2, 9}}, time.Now())
	if err := s.keepFloors(f.take()); err != nil {
		t.Fatal(err)
	}
	s.close()
	s, err = openStore(dir, 5*time.Second, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	known, err := s.floors()
	if err != nil {
		t.Fatal(err)
	}
	if got := newFloors(known, 0, 10).check(shown{Store: "x", Starts: 6, Instance: "j", Position: position{2, 9}}, time.Now()); !strings.Contains(got, "restored") {
		t.Errorf("got %q", got)
	}
}

// At most one line in ten seconds for each peer and reason, and a bound on all of them.
func TestLimiter(t *testing.T) {
	n := 0
	l := newLimiter(func(string, string) { n++ })
	for range 1000 {
		l.say("a", "x")
	}
	if n != 1 {
		t.Errorf("%d lines for one peer and reason", n)
	}
	for i := range 5000 {
		l.say(fmt.Sprint(i), "x")
	}
	if n > maxLines {
		t.Errorf("%d lines, at most %d", n, maxLines)
	}
}

// Bootstrap is explicit and happens once; an absent file never makes a domain (R3).
func TestBootstrapOnce(t *testing.T) {
	p := newParty(t, 3)
	p.booted = true // nobody bootstraps
	pr := p.start(1, 1)
	p.start(2, 1)
	p.never("domain out of nowhere", 3*p.timeout, func() bool { return pr.Info().Domain != "" })
	if w := pr.Info().Waiting; len(w) != 1 || w[0].What != "join" || len(w[0].For) != 2 {
		t.Errorf("waiting: %+v", w)
	}
	if err := pr.Bootstrap("the-domain"); err != nil {
		t.Fatal(err)
	}
	if err := pr.Bootstrap("another"); !errors.Is(err, ErrHasDomain) {
		t.Errorf("second bootstrap: %v", err)
	}
	p.readers[1].Until("a view of one without quorum", func(s *membershiptest.State) bool { return len(s.View.Members) > 0 })
	p.settle(1, 2)
	if d := p.node(2).Info().Domain; d != "the-domain" {
		t.Errorf("node 2 is in domain %q", d)
	}
	p.kill(1)
	if _, err := Bootstrap(p.config(membership.Self{Node: 1, Boot: "b", Instance: "i"}), ""); !errors.Is(err, ErrHasDomain) {
		t.Errorf("offline bootstrap of a store with a domain: %v", err)
	}
	c := p.config(membership.Self{Node: 3, Boot: "b", Instance: "i"})
	c.StateDir = filepath.Join(t.TempDir(), "x")
	if d, err := Bootstrap(c, ""); err != nil || d == "" {
		t.Errorf("offline bootstrap: %q, %v", d, err)
	}
}

// One node of three that bootstrapped is not quorate, though its Raft commits alone.
func TestOneOfThreeIsNotQuorate(t *testing.T) {
	p := newParty(t, 3)
	p.start(1, 1)
	p.readers[1].Until("a view", func(s *membershiptest.State) bool { return len(s.View.Members) == 1 })
	p.commits(1, 1, "roster")
	if v := p.readers[1].Copy().View; v.Quorate {
		t.Errorf("one of three is quorate: %+v", v)
	}
	if got := p.readers[1].Leases(); len(got) != 0 {
		t.Errorf("one of three renewed its lease: %v", got)
	}
}

func TestConfigRefused(t *testing.T) {
	p := newParty(t, 3)
	good := p.config(membership.Self{Node: 1, Boot: "b", Instance: "i"})
	tests := map[string]func(*Config){
		"two voters (R23)": func(c *Config) { c.Nodes = c.Nodes[:2] },
		"short key":        func(c *Config) { c.Authkey = c.Authkey[:31] },
		"not a node":       func(c *Config) { c.Self.Node = 9 },
		"address twice": func(c *Config) {
			c.Nodes = append([]NodeConfig{{ID: 7, Name: "x", Address: c.Nodes[0].Address}}, c.Nodes...)
		},
		"ping too slow":     func(c *Config) { c.Ping = c.FailureTimeout / 2 },
		"no cluster":        func(c *Config) { c.Cluster = "" },
		"no boot id":        func(c *Config) { c.Self.Boot = "" },
		"nowhere to listen": func(c *Config) { c.Listen = "" },
	}
	for name, tweak := range tests {
		t.Run(name, func(t *testing.T) {
			c := good
			tweak(&c)
			if pr, err := Open(c); err == nil {
				_ = pr.Close()
				t.Error("accepted")
			} else if strings.Contains(err.Error(), string(good.Authkey)) {
				t.Errorf("the key is in the error: %v", err)
			}
		})
	}
	if s := fmt.Sprintf("%v %+v %#v", good, good, good.Authkey); strings.Contains(s, "0123456789abcdef") {
		t.Error("the key prints")
	}
}

// A raft stream reaches the very store that it is for, or nobody: who has an empty log votes for anybody (R3).
func TestStreamIsForOneStore(t *testing.T) {
	p := newParty(t, 3)
	p.startAll()
	m := p.node(1).mux
	if c, err := m.Dial(raft.ServerAddress(p.node(2).mux.server), time.Second); err != nil {
		t.Errorf("the right store: %v", err)
	} else {
		_ = c.Close()
	}
	if _, err := m.Dial("2/another", time.Second); err == nil || !strings.Contains(err.Error(), "stream is for store 2/another") {
		t.Errorf("another store of that node: %v", err)
	}
	if _, err := m.Dial(raft.ServerAddress("3/"+p.node(2).id.Store), time.Second); err == nil {
		t.Error("another node with that store's name was reached")
	}
}

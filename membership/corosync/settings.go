package corosync

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
	"github.com/fenced-project/fenced/membership/corosync/libcorosync"
)

// Settings is what a running corosync says of its own configuration.
type Settings struct {
	Cluster string
	Nodes   []Listed // sorted by id
	// Local is this node, 0 where the nodelist does not have it.
	Local fence.NodeID
	// Token is what takes effect, Written what corosync.conf has (0 for nothing).
	Token   time.Duration
	Written time.Duration
	// Consensus is how long, beyond the token, a ring waits for everybody's agreement.
	Consensus time.Duration
	// Provider is quorum.provider, "" where corosync.conf has none.
	Provider string
	// Expected is what corosync.conf says of expected votes, 0 for nothing: then the nodelist's count.
	Expected int
	TwoNode  bool
	// WaitForAll is what takes effect: two_node brings it, unless it is switched off.
	WaitForAll bool
	Encrypted  bool // messages of the ring are authenticated
	// AutoTieBreaker and LastManStanding are settings of the section quorum with which corosync calls fewer than a majority quorate; AllowDownscale one
	// with which it forgets nodes that left (R15).
	AutoTieBreaker  bool
	LastManStanding bool
	AllowDownscale  bool
	// Device is the model of a quorum device, "" for none.
	Device string
	// Tie says which of two even halves goes on: lowest, highest, or node ids of which the first counts; "" where neither half does.
	Tie string
}

// Listed is one node of corosync's nodelist.
type Listed struct {
	ID        fence.NodeID
	Name      string   // "" where corosync.conf gives none
	Addresses []string // of its links, in their order
	Votes     int      // quorum_votes, 1 where it is not written
}

// QuorumLine is what corosync.conf must have.
const QuorumLine = "add `quorum { provider: corosync_votequorum }` to corosync.conf on every node, and restart corosync"

// NoQuorum reports whether nothing counts votes: then corosync says that every part of a cluster is quorate.
func (s Settings) NoQuorum() bool { return s.Provider == "" }

// The words for a tie breaker that is not a list of ids.
const (
	tieLowest  = "lowest"
	tieHighest = "highest"
)

// votes are those of all nodes of the nodelist.
func (s Settings) votes() (sum int) {
	for _, n := range s.Nodes {
		sum += n.Votes
	}
	return sum
}

// TieNode is the node whose half goes on, 0 for none. Of a list the first counts, always: corosync takes the next one where the first was away before the
// split, and so forgets what the first may have committed.
func (s Settings) TieNode() fence.NodeID {
	switch {
	case s.Tie == "" || len(s.Nodes) == 0:
		return 0
	case s.Tie == tieLowest:
		return s.Nodes[0].ID
	case s.Tie == tieHighest:
		return s.Nodes[len(s.Nodes)-1].ID
	}
	id, err := strconv.ParseUint(strings.Fields(s.Tie + " 0")[0], 10, 32)
	if err != nil {
		return 0
	}
	return fence.NodeID(id)
}

// keys is what is read; libcorosync.Map is one.
type keys interface {
	Text(key string) (string, error)
	Number(key string) (uint64, error)
	Keys(prefix string) ([]string, error)
}

// read takes the settings from the map. A key that is not there has its default; a key that cannot be read is an error.
func read(m keys) (Settings, error) {
	r := reader{m: m}
	s := Settings{
		Cluster:   r.text("totem.cluster_name"),
		Token:     time.Duration(r.number("runtime.config.totem.token")) * time.Millisecond,
		Written:   time.Duration(r.number("totem.token")) * time.Millisecond,
		Consensus: time.Duration(r.number("runtime.config.totem.consensus")) * time.Millisecond,
		Provider:  r.text("quorum.provider"),
		TwoNode:   r.number("quorum.two_node") != 0,
		Expected:  int(min(r.number("quorum.expected_votes"), 1<<16)),
	}
	wait, told := r.has("quorum.wait_for_all")
	s.WaitForAll = wait != 0 || s.TwoNode && !told
	for _, key := range []string{"totem.crypto_hash", "totem.crypto_cipher"} {
		if v := r.text(key); v != "" && v != "none" {
			s.Encrypted = true
		}
	}
	if r.text("totem.secauth") == "on" {
		s.Encrypted = true
	}
	s.LastManStanding = r.number("quorum.last_man_standing") != 0
	s.AllowDownscale = r.number("quorum.allow_downscale") != 0
	s.Device = r.text("quorum.device.model")
	if s.AutoTieBreaker = r.number("quorum.auto_tie_breaker") != 0; s.AutoTieBreaker {
		s.Tie = cmp.Or(r.text("quorum.auto_tie_breaker_node"), tieLowest)
	} else if s.Device == "net" {
		s.Tie = cmp.Or(r.text("quorum.device.net.tie_breaker"), tieLowest)
	}
	s.Nodes = r.nodes()
	s.Local = r.local()
	return s, r.err
}

// reader keeps the first error.
type reader struct {
	m   keys
	err error
}

func (r *reader) fail(err error) bool {
	if err == nil {
		return false
	}
	if !errors.Is(err, libcorosync.NotExist) && r.err == nil {
		r.err = fmt.Errorf("cannot read corosync's settings: %w", err)
	}
	return true
}

func (r *reader) text(key string) string {
	v, err := r.m.Text(key)
	if r.fail(err) {
		return ""
	}
	return v
}

func (r *reader) number(key string) uint64 {
	v, _ := r.has(key)
	return v
}

func (r *reader) has(key string) (uint64, bool) {
	v, err := r.m.Number(key)
	if r.fail(err) {
		return 0, false
	}
	return v, true
}

// maxLinks is how many links a node of corosync can have.
const maxLinks = 8

// nodes reads the nodelist: nodelist.node.N.nodeid and what stands beside it.
func (r *reader) nodes() []Listed {
	all, err := r.m.Keys("nodelist.node.")
	if r.fail(err) {
		return nil
	}
	var out []Listed
	for _, key := range all {
		base, ok := strings.CutSuffix(key, ".nodeid")
		if !ok {
			continue
		}
		id := r.number(key)
		if id == 0 || id > 1<<32-1 {
			r.fail(fmt.Errorf("%s is %d, which is no node id", key, id))
			continue
		}
		n := Listed{ID: fence.NodeID(id), Name: r.text(base + ".name"), Votes: 1}
		if v, told := r.has(base + ".quorum_votes"); told {
			n.Votes = int(min(v, 1<<16))
		}
		for i := range maxLinks {
			if a := r.text(base + ".ring" + strconv.Itoa(i) + "_addr"); a != "" {
				n.Addresses = append(n.Addresses, a)
			}
		}
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b Listed) int { return int(int64(a.ID) - int64(b.ID)) })
	for i := 1; i < len(out); i++ {
		if out[i].ID == out[i-1].ID {
			r.fail(fmt.Errorf("two nodes of corosync's nodelist have the id %d", out[i].ID))
		}
	}
	return out
}

// local is the node that corosync is itself.
func (r *reader) local() fence.NodeID {
	at, told := r.has("nodelist.local_node_pos")
	if !told {
		return 0
	}
	return fence.NodeID(r.number("nodelist.node." + strconv.FormatUint(at, 10) + ".nodeid"))
}

// shortToken is a token that a busy machine misses without being dead.
const shortToken = time.Second

// Warning is a setting that hurts, and what to do.
type Warning struct{ Text, Remedy string }

// Warnings are the settings that hurt.
func (s Settings) Warnings() []Warning {
	var w []Warning
	warn := func(remedy, format string, args ...any) { w = append(w, Warning{fmt.Sprintf(format, args...), remedy}) }
	if s.Token > 0 && s.Token < shortToken {
		warn("set totem.token to 1000 or more", "corosync's token is %v: a machine that is only busy for so long leaves the ring and is fenced", s.Token)
	}
	if s.Written > 0 && s.Token > s.Written {
		warn("set totem.token_coefficient to 0, or count with it", "corosync's token is %v and not %v as corosync.conf says: token_coefficient adds to it for each node beyond two", s.Token, s.Written)
	}
	if s.TwoNode && !s.WaitForAll {
		warn("remove `wait_for_all: 0` on both nodes, and restart corosync", "corosync has two_node without wait_for_all: after a start each node alone would be quorate and fence the other; fenced refuses it and waits (R23)")
	}
	if all := s.votes(); s.Expected > 0 && s.Expected < all {
		warn("remove expected_votes on every node", "corosync's expected_votes is %d and its nodelist has %d votes: two sides can be quorate at once, and fenced follows it as an operator's word", s.Expected, all)
	}
	for _, how := range []struct {
		on   bool
		name string
	}{{s.LastManStanding, "last_man_standing"}, {s.AllowDownscale, "allow_downscale"}} {
		if how.on {
			warn("count with it, or take it out of corosync.conf", "corosync's quorum section has %s: corosync goes on with fewer and fewer nodes, fenced only with a majority of the nodelist", how.name)
		}
	}
	if s.AutoTieBreaker || s.LastManStanding || s.AllowDownscale || s.Device != "" {
		warn("have devices in every level", "corosync's quorum section has auto_tie_breaker, last_man_standing, allow_downscale or a device: levels that wait for a watchdog are not used (R15)")
	}
	if s.Device != "" && len(s.Nodes) > 2 {
		warn("have an odd number of nodes", "corosync has a quorum device: fenced counts the nodes alone, half of them go on only with the device's tie breaker among them, and fewer never")
	}
	if !s.Encrypted {
		warn("set crypto_cipher and crypto_hash, and make a key by corosync-keygen", "corosync's messages are not authenticated: whoever reaches its port can end the cluster")
	}
	if len(s.Nodes) > membership.MaxNodes {
		warn("", "corosync lists %d nodes, fenced can have %d", len(s.Nodes), membership.MaxNodes)
	}
	for _, n := range s.Nodes {
		if n.Name == "" {
			warn("give it one", "node %d has no name in corosync's nodelist", n.ID)
		}
	}
	return w
}

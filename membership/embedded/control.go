package embedded

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"github.com/fenced-project/fenced/fence"
)

// request is what one daemon asks another on a control stream.
type request struct {
	Op      string   `json:"op"` // join | propose
	Entries [][]byte `json:"entries,omitempty"`
}

// response answers a request. Leader is where to ask instead.
type response struct {
	OK     bool         `json:"ok"`
	Reason string       `json:"reason,omitempty"`
	Domain string       `json:"domain,omitempty"`
	Leader fence.NodeID `json:"leader,omitempty"`
}

// Answers that say nothing is wrong.
const (
	noDomain  = "this node has no domain yet"
	notLeader = "not the leader"
)

// controlIdle is how long a control stream may be silent.
const controlIdle = 30 * time.Second

// serveControl answers requests until the stream ends.
func (p *Provider) serveControl(c *conn, h hello) {
	for {
		_ = c.SetDeadline(time.Now().Add(controlIdle))
		var q request
		if err := readFrame(c, &q, maxRequest); err != nil {
			return
		}
		a := p.answer(q, h)
		_ = c.SetDeadline(time.Now().Add(p.mux.timeout))
		if err := writeFrame(c, a, maxHello); err != nil {
			return
		}
	}
}

func (p *Provider) answer(q request, h hello) response {
	r := p.running()
	p.mu.Lock()
	a := response{Domain: p.domain}
	p.mu.Unlock()
	if r == nil {
		a.Reason = noDomain
		return a
	}
	a.Leader = leaderOf(r)
	if r.State() != raft.Leader {
		a.Reason = notLeader
		return a
	}
	var err error
	switch q.Op {
	case "join":
		err = p.admit(r, h)
	case "propose":
		if h.Domain != a.Domain {
			err = errors.New("only members of the domain propose")
		} else {
			if err = proposable(q.Entries); err == nil {
				err = p.commit(r, q.Entries)
			}
		}
	default:
		err = fmt.Errorf("unknown request %q", q.Op)
	}
	a.OK = err == nil
	if err != nil {
		a.Reason = err.Error()
	}
	return a
}

// proposable: a peer proposes its data and that it started, and nothing else: the leader itself makes views and changes of stores, and nobody
// makes a domain over the network (R4).
func proposable(entries [][]byte) error {
	for _, b := range entries {
		if e, err := decodeEntry(b); err != nil || e.Kind != kindData && e.Kind != kindStarted {
			return fmt.Errorf("entries of kind %q are not proposed", e.Kind)
		}
	}
	return nil
}

// commit hands entries to Raft and waits for all of them.
func (p *Provider) commit(r *raft.Raft, entries [][]byte) error {
	var fs []raft.ApplyFuture
	for _, e := range entries {
		fs = append(fs, r.Apply(e, p.cfg.FailureTimeout))
	}
	var errs []error
	for _, f := range fs {
		errs = append(errs, f.Error())
	}
	return errors.Join(errs...)
}

// ask sends one request on a new control stream.
func (p *Provider) ask(node fence.NodeID, q request) (response, error) {
	var a response
	c, _, err := p.mux.dial(node, streamControl, "", p.mux.timeout)
	if err != nil {
		return a, err
	}
	defer func() { _ = c.Close() }()
	return p.askOn(c, q)
}

func (p *Provider) askOn(c *conn, q request) (response, error) {
	var a response
	_ = c.SetDeadline(time.Now().Add(p.mux.timeout))
	if err := writeFrame(c, q, maxRequest); err != nil {
		return a, err
	}
	err := readFrame(c, &a, maxHello)
	return a, err
}

// joinLoop asks to be let in while this store is in no domain, or no leader is heard and its domain's servers do not surely name it. Nobody is told
// that a store waits to be let in which most likely is: it does without a leader, as the others do.
func (p *Provider) joinLoop() {
	next := 0
	for p.pause(max(p.cfg.FailureTimeout/4, 50*time.Millisecond)) {
		at := p.standing()
		if at == inside {
			p.setWait("join", nil)
			continue
		}
		p.mu.Lock()
		var others []NodeConfig
		for _, n := range p.nodes {
			if n.ID != p.cfg.Self.Node {
				others = append(others, n)
			}
		}
		p.mu.Unlock()
		var names []string
		for _, n := range others {
			names = append(names, n.Name)
		}
		if at == unsure {
			names = nil
		}
		p.setWait("join", names)
		if len(others) > 0 {
			p.join(others[next%len(others)].ID)
			next++
		}
	}
}

// standing is how a store stands to its domain.
type standing int

const (
	inside  standing = iota // its servers name it, or a leader is heard, who knows better
	outside                 // they do not name it, or there is no domain
	unsure                  // they name it, and part of the log is not known to be committed: perhaps the change that did (Raft tells no index of it)
)

// standing: a leader that fell may have let this store in and told nobody else. The change is in this store's own log then and in no other; no leader
// sends it anything, so it asks (R3). Whoever is in and asks changes nothing (admit).
func (p *Provider) standing() standing {
	r := p.running()
	now := p.now()
	p.mu.Lock()
	failed, leaderless := p.failed != "", now-p.leaderAt > 2*p.pres.fail
	p.mu.Unlock()
	switch {
	case failed:
		return inside
	case r == nil:
		return outside
	}
	named := slices.ContainsFunc(r.GetConfiguration().Configuration().Servers, func(s raft.Server) bool { return s.ID == p.mux.server })
	switch {
	case !leaderless || leaderOf(r) != 0, named && r.LastIndex() == r.CommitIndex():
		return inside
	case named:
		return unsure
	}
	return outside
}

// noteJoin keeps what the newest answer says of why this node is not in yet, for status.
func (p *Provider) noteJoin(node fence.NodeID, a response, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a.Domain != "" {
		p.theirs = a.Domain
	}
	switch {
	case err == nil && !a.OK && a.Reason == notLeader:
		p.unjoined = "those who have the cluster's memory have no leader: enough of them must be there without this node"
	case err == nil && !a.OK && a.Reason != noDomain:
		p.unjoined = a.Reason
	case err == nil && !a.OK:
		p.unjoined = ""
	}
}

// join asks one node, and the leader that it names.
func (p *Provider) join(node fence.NodeID) {
	a, err := p.ask(node, request{Op: "join"})
	if err == nil && !a.OK && a.Leader != 0 && a.Leader != node && a.Leader != p.cfg.Self.Node {
		a, err = p.ask(a.Leader, request{Op: "join"})
	}
	if err == nil && !a.OK && a.Leader == p.cfg.Self.Node && p.running() == nil { // there is nobody to ask who could let us in
		a.Reason = fmt.Sprintf("another store of node %d is in use: its daemon is still heard, and leads", a.Leader)
	}
	if err == nil && !a.OK && a.Reason != notLeader && a.Reason != noDomain {
		p.lines.say(p.peerName(node), "does not let this node join: "+a.Reason)
	}
	p.noteJoin(node, a, err)
	if err != nil || !a.OK || a.Domain == "" {
		p.log.Debug("not joined yet", "asked", node, "reason", a.Reason, "error", err)
		return
	}
	p.mu.Lock()
	entered := p.domain == a.Domain && p.raft != nil
	p.mu.Unlock()
	if entered {
		return // the leader knows this store, and will be heard
	}
	if err := p.store.adopt(a.Domain); err != nil {
		p.log.Error("cannot keep the domain's id", "error", err)
		return
	}
	if err := p.enter(a.Domain); err != nil {
		p.log.Error("cannot enter the domain", "error", err)
		return
	}
	p.log.Info("joined", "domain", a.Domain)
}

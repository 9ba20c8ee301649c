package embedded

import (
	"slices"
	"time"

	"github.com/fenced-project/fenced/membership"
)

// Info is a snapshot for status.
func (p *Provider) Info() membership.Info {
	k := p.fsm.known()
	leader := leaderOf(p.running())
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	i := membership.Info{Provider: "embedded", Domain: p.domain, Leader: leader, Need: membership.Need(voters(p.nodes))}
	for _, m := range k.view.Members {
		if n, ok := nodeOf(p.nodes, m.Node); ok && slices.Contains(k.voters, serverID(m.Node, k.runs[m.Node].Store)) {
			i.Votes += n.counted()
		}
	}
	for _, what := range []string{"join"} {
		if w, ok := p.waits[what]; ok {
			if p.unjoined != "" {
				w.What += ": " + p.unjoined
			}
			i.Waiting = append(i.Waiting, w)
		}
	}
	if p.failed != "" {
		i.Waiting = append(i.Waiting, membership.Wait{What: "restart of the daemon: " + p.failed})
	} else if p.lost != "" {
		i.Waiting = append(i.Waiting, membership.Wait{What: "quorum: " + p.lost})
	}
	for _, n := range p.nodes {
		if n.ID == p.cfg.Self.Node {
			continue
		}
		path := membership.Path{Node: n.ID, Name: n.Name, LastSeen: -1}
		if pe := p.pres.peers[n.ID]; pe != nil && pe.heardAt != 0 {
			path.LastSeen = time.Duration(now-pe.heardAt) * time.Millisecond
		}
		i.Paths = append(i.Paths, path)
	}
	return i
}

// setWait notes what this node waits for, with nil for nobody any more.
func (p *Provider) setWait(what string, whom []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w, ok := p.waits[what]
	switch {
	case whom == nil:
		delete(p.waits, what)
	case !ok || !slices.Equal(w.For, whom):
		p.waits[what] = membership.Wait{What: what, For: whom, Since: time.Now()}
	}
}

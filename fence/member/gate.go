package member

import (
	"slices"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// release is a committed release that waits for this node's lease.
type release struct {
	index   uint64
	at      int64
	verdict fence.Verdict
}

// maxReleases bounds the queue of releases that wait for a lease. Beyond it the oldest is not announced by itself; its place in the order is
// kept, so nothing passes the gate too early, and clients are told of the newest verdict of its node.
const maxReleases = 1024

// shut says why this node releases and grants nothing at this moment, "" when it may: only an admitted clean member in a quorate view of an
// armed cluster does, with a lease that runs (R13, R14), not while it leaves, not for one lease after it was stopped (R20), and not without its core
// processes (S4.6).
// Kept for R13: S5.16, I1.
func (m *Member) shut() string {
	switch {
	case m.leaving != nil:
		return "this node leaves"
	case m.now < m.gapUntil:
		return "this node stood still a moment ago"
	case !m.Quorate():
		return "this node is in no quorate view"
	case !m.dom.Clean(m.cfg.Self.Node):
		return "this node is no admitted clean member"
	case !m.dom.Armed:
		return "the cluster is not armed: nobody is protected"
	case !m.leased():
		return "the lease of this node is not renewed"
	case m.cmp.why != "":
		return m.cmp.why
	case m.restarting != nil:
		return "the daemon of this node restarts"
	}
	return m.coreless()
}

// leased reports whether this node holds a lease by a ping that it sent since it came into the view, since its contact to it was last lost, and
// since it last stood still.
func (m *Member) leased() bool {
	return m.leaseSent > 0 && m.leaseSent >= m.leaseFrom && m.now < m.leaseSent+m.dom.Roster.Timing.LeaseMS
}

// frozen says why clients with a grant may start nothing new, "" when they may.
func (m *Member) frozen() string {
	if why := m.shut(); why != "" {
		return why
	}
	if len(m.releases) > 0 {
		return "a release waits for the lease"
	}
	return ""
}

// proven is the index up to which no verdict waits for the lease.
func (m *Member) proven() uint64 {
	if len(m.releases) == 0 {
		return m.dom.Index
	}
	return m.releases[0].index - 1
}

// arrive notices that this daemon came into the view: what it applied before needs a lease of afterwards.
func (m *Member) arrive() {
	here := m.present()
	if here && !m.here {
		m.leaseFrom = m.now
	}
	m.here = here
}

// contact notes whether this node is in contact with a quorate view. What begins anew demands a lease by a ping that was sent since: meanwhile
// the others may have made this life a victim, which they do not acknowledge (R14), while the lease of before still runs.
func (m *Member) contact(is bool) {
	if is && !m.quorum {
		m.leaseFrom = m.now
		m.reachable()
	}
	m.quorum = is
}

// release lets go of what this node may tell: only while it holds a lease renewed by a ping sent after it applied that verdict, in a view that
// contains it, in an armed cluster (R13).
func (m *Member) release() {
	for len(m.releases) > maxReleases {
		m.do(Notice{Kind: domain.EventRefused, Node: m.releases[0].verdict.Node, Text: "release dropped: the queue is full and the lease is not renewed"})
		m.releases[1].index = m.releases[0].index
		m.releases = m.releases[1:]
	}
	if m.shut() != "" {
		return
	}
	for len(m.releases) > 0 && m.leaseSent >= m.releases[0].at {
		r := m.releases[0]
		m.releases = m.releases[1:]
		m.do(Release{Life: r.verdict.Incarnation, Verdict: r.verdict})
	}
}

// missed queues the releases of verdicts that a snapshot skipped. Of all but the newest only the fact is known.
func (m *Member) missed(old, s *domain.State) {
	var rs []release
	for i := range s.Nodes {
		n, was := &s.Nodes[i], old.Node(s.Nodes[i].ID)
		if was == nil {
			continue // this node knew nothing, so none of its clients waits
		}
		index := s.Index
		if n.Last != nil {
			index = n.Last.Index
		}
		for _, boot := range n.Ended {
			if slices.Contains(was.Ended, boot) || (n.Last != nil && n.Last.Boot == boot) {
				continue
			}
			life := fence.Incarnation{Node: n.ID, Boot: boot}
			rs = append(rs, release{index: index, at: m.now, verdict: fence.Verdict{Incarnation: life, Kind: fence.VerdictReset, Index: index}})
		}
		if n.Last != nil && (was.Last == nil || was.Last.Index < n.Last.Index) {
			rs = append(rs, release{index: n.Last.Index, at: m.now, verdict: *n.Last})
		}
	}
	slices.SortStableFunc(rs, func(a, b release) int { return compare(a.index, b.index) })
	m.releases = append(m.releases, rs...)
}

func compare(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

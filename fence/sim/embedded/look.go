package embedded

// What may be asked of a daemon from outside; nothing of it changes anything.

// Leads reports whether it takes itself for the leader.
func (p *Daemon) Leads() bool { return p.raft.leads }

// Leader is the place of whom it takes for the leader, -1 for none.
func (p *Daemon) Leader() int { return p.raft.leader }

// Blocked are the leaders that it does not answer, Set whom it takes for connected: a bit for each place.
func (p *Daemon) Blocked() uint64 { return p.raft.blocked }

// Set is the connected set as it sees it.
func (p *Daemon) Set() uint64 { return p.pres.set }

// Applied is the index of the last entry that it has applied.
func (p *Daemon) Applied() int { return p.fsm.Index }

// State is what the entries up to there add up to; to be read only.
func (p *Daemon) State() *FSM { return p.fsm }

// Conf is the newest configuration in its log, committed or not.
func (p *Daemon) Conf() *Conf { return p.conf() }

// Refuses says why it refuses another one, "" for not.
func (p *Daemon) Refuses(o *Daemon) string { return p.refusal(o) }

// HeardAt is when it last heard the node at a place, in milliseconds of its own clock; false for never.
func (p *Daemon) HeardAt(i int) (int64, bool) {
	pe := &p.pres.peers[i]
	return pe.heardAt, pe.ping != nil
}

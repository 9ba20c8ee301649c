// Package agreement decides how daemons in one group of corosync come to one sequence of entries: what is committed, and what of it is kept when
// the membership changes (R6). It is pure: no clock, no goroutine, no I/O; its shell tells it what corosync delivered and what the disk has, and
// does what it returns.
//
// Corosync orders messages within a ring and tells all its members of changes at the same place in that order. It does not commit: a message that
// this node got may be gone with it. So an entry is committed when acknowledgements, each sent after a durable write, have been delivered in one
// session from stores whose votes reach votequorum's quorum.
//
// A session is the time between two changes. It begins with everybody's Hello, which gives it a name that never repeats (I4); with it, or then,
// everybody says how far his log goes, and all compute the same plan from that (plan.go): which log is kept, whom it must be brought, which epoch this
// will be. A quorum promises the epoch (so that it is nobody else's; pledge.go), takes the log over and says so; then the session is open for new entries, and what
// the kept log had is committed. The log that is kept is the one that was taken over last, and of those the longest: a committed entry is in it,
// because two quorums share a store. A store that the log does not know, or that shows less than it once did, has no vote (R3).
//
// Start reading at plan.go (what is decided), then machine.go (how it comes to it).
package agreement

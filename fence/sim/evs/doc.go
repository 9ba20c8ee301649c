// Package evs models what corosync tells its clients: extended virtual synchrony. A group's messages have one order within a ring; rings split
// and merge, and nobody says that a merge was one; of what was under way when a ring broke those who go on together have the same part, with
// holes; members and quorum come in two streams that nobody joins; a process can go without its node, a node without being told of, and a
// member can stay that is not there.
//
// It is pure: its owner says who is in which ring and when something arrives, and gives it its chance. fence/sim/world runs whole clusters over
// it; the tests here run membership/corosync/agreement alone.
//
// Facts are those of corosync 3.1.7 (exec/cpg.c, exec/sync.c, exec/totemsrp.c, exec/votequorum.c).
//
// Start reading at model.go, then ring.go (what a change of the ring does).
package evs

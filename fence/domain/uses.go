package domain

import (
	"fmt"
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// What a life says that it uses of what is shared is what a cut of it must cover (R18, 0078). It only grows within one life, and a word once given is
// kept as long as that life may go on: by its node while it is the newest one, by its victim, and by what is closed to it (Cut).

// MaxShared and maxSharedName bound what a life announces.
const (
	MaxShared     = 64
	maxSharedName = 128
)

// uses takes what a life says that it uses of what is shared. Within one life that only grows: what it has opened once it may hold for ever.
func (t *turn) uses(n *Node, a Announce) error {
	if t.s.Feature < FeatureCut {
		return nil
	}
	if len(a.Shared) > MaxShared || slices.ContainsFunc(a.Shared, func(s string) bool { return s == "" || len(s) > maxSharedName }) {
		return fmt.Errorf("it announces %d shared devices, at most %d with names of at most %d bytes are allowed", len(a.Shared), MaxShared, maxSharedName)
	}
	all := union(n.Shared, a.Shared)
	if len(all) > MaxShared {
		return fmt.Errorf("this life has announced %d shared devices, at most %d are allowed", len(all), MaxShared)
	}
	if len(all) > 0 {
		n.Shared = all
	}
	n.rebooted(a.Machine)
	if v := n.Victim; v != nil && v.Incarnation == n.Life && len(v.Shared) > 0 {
		v.Shared = n.Shared // it may hold that too by now (V12)
	}
	return nil
}

// union is what either of two says, sorted.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// remembers gives a life that is there again, after another one of its node was, what it had said: its file may say less by now.
func (n *Node) remembers() {
	if v := n.Victim; v != nil && v.Incarnation == n.Life {
		n.Shared = v.Shared
	}
	if n.lives() && n.Cut.Life == n.Life {
		n.Shared = n.Cut.Shared
	}
}

// rebooted notes that a cut life is over because a later boot of the very same physical machine speaks, clean or not (R2).
func (n *Node) rebooted(m fence.Machine) {
	if n.lives() && n.Life != n.Cut.Life && !m.Virtual && !n.Machine.Virtual && !n.Cut.Machine.Virtual && m.Same(n.Cut.Machine) {
		n.Cut.Over = true
	}
}

// sharedOf is what a life that becomes a victim had said that it uses; another life of the node says nothing about it.
func (t *turn) sharedOf(n *Node, life fence.Incarnation) []string {
	if t.s.Feature < FeatureCut || n.Life != life || n.Foreign != nil {
		return nil
	}
	return n.Shared
}

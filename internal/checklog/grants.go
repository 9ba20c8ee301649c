package checklog

import (
	"slices"
	"strings"

	"github.com/fenced-project/fenced/client"
)

// grants is the other half of I1, with R12: nobody is granted anything while a life that may hold state is unresolved, without quorum, in a
// cluster that is not armed, or on a node that has left, as far as the log says that the granting node had applied it.
func (c *checker) grants() {
	type grant struct {
		at uint64 // the newest index that the node had shown before
		l  Line
	}
	var grants []grant
	newest := map[string]uint64{}
	frozen := map[string]bool{} // by run of a daemon: what only this node saw
	for _, l := range c.lines { // within one file, lines are in the order in which the node wrote them
		run := l.By + " " + l.Stream
		newest[l.File+" "+l.By] = max(newest[l.File+" "+l.By], l.Index)
		switch {
		case l.Event.Event == client.EventFrozen && l.Client == "":
			frozen[run] = true
		case (l.Event.Event == client.EventThawed && l.Client == "") || (l.Event.Event == client.EventView && l.Quorate != nil && *l.Quorate):
			frozen[run] = false
		case l.Event.Event == client.EventGranted:
			grants = append(grants, grant{newest[l.File+" "+l.By], l})
			if frozen[run] {
				c.violate("R12", l, "%s granted while it had lost its quorum", l.By)
			}
		}
	}
	slices.SortStableFunc(grants, func(a, b grant) int { return compare(a.at, b.at) })
	s, next := standing{}, 0
	for _, g := range grants {
		for ; next < len(c.log) && c.log[next].Index <= g.at; next++ {
			s.apply(c.log[next])
		}
		if names := s.unresolved(); len(names) > 0 {
			c.violate("I1", g.l, "%s granted while %s was unresolved", g.l.By, strings.Join(names, ", "))
		}
		if why := s.barred(g.l.By); why != "" {
			c.violate("R12", g.l, "%s granted %s", g.l.By, why)
		}
	}
}

// standing is what the log says of grants at one index. What happened before its first line is not known and refutes nothing.
type standing struct {
	victims, unknown, left, seen []string
	quorate, armed               *bool
}

func (s *standing) apply(l Line) {
	is := true
	switch l.Event.Event {
	case client.EventView:
		s.quorate = l.Quorate
	case client.EventArm:
		s.armed = &is
	case client.EventDisarm:
		is = false
		s.armed = &is
	case client.EventClean:
		with(&s.seen, l.Node)
		without(&s.unknown, l.Node)
		without(&s.left, l.Node)
	case client.EventLeft:
		with(&s.left, l.Node)
	case client.EventWould:
		with(&s.unknown, l.Node)
	case client.EventVictim:
		with(&s.victims, l.Node)
		without(&s.unknown, l.Node) // from here on the verdict decides
	case client.EventVerdict:
		without(&s.victims, l.Node)
	case client.EventRoster: // nodes may have other names from here on; only who is known to be clean is removed or renamed
		s.unknown = nil
	case client.EventColdStart: // every node that was ever clean must say so again (R10)
		for _, n := range s.seen {
			if !slices.Contains(s.victims, n) {
				with(&s.unknown, n)
			}
		}
	}
}

func (s *standing) unresolved() []string { return append(slices.Clone(s.victims), s.unknown...) }

// barred says why this node may not have granted, "" where nothing says so.
func (s *standing) barred(by string) string {
	switch {
	case s.quorate != nil && !*s.quorate:
		return "in a view without quorum"
	case s.armed != nil && !*s.armed:
		return "in a cluster that is not armed"
	case slices.Contains(s.left, by):
		return "after it had left"
	}
	return ""
}

func with(set *[]string, n string) {
	if !slices.Contains(*set, n) {
		*set = append(*set, n)
	}
}

func without(set *[]string, n string) {
	*set = slices.DeleteFunc(*set, func(o string) bool { return o == n })
}

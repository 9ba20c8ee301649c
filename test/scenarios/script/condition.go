package script

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
)

// condition is something that can be looked at. Since is the place in the log from which an event counts.
type condition struct {
	text  string
	holds func(p *play, since int) bool
}

// states are what can be said of a node.
var states = map[string]func(p *play, i int) bool{
	// what is committed
	"clean":    func(p *play, i int) bool { return p.s.Domain().Clean(p.id(i)) },
	"victim":   func(p *play, i int) bool { return p.node(i).Victim != nil },
	"claimed":  func(p *play, i int) bool { return p.node(i).Victim != nil && p.node(i).Victim.Claim != nil },
	"dirty":    func(p *play, i int) bool { return p.node(i).Phase == domain.PhaseDirty },
	"left":     func(p *play, i int) bool { return p.node(i).Phase == domain.PhaseLeft },
	"unknown":  func(p *play, i int) bool { return p.node(i).Unknown },
	"suspect":  func(p *play, i int) bool { return p.node(i).Suspect != "" },
	"stateful": func(p *play, i int) bool { return p.node(i).Stateful },
	"off-held": func(p *play, i int) bool { return p.node(i).OffHeld },
	"present":  func(p *play, i int) bool { _, in := p.s.Domain().InView(p.id(i)); return in },
	"pending":  func(p *play, i int) bool { return p.node(i).Pending != nil },
	// what is true
	"up":        func(p *play, i int) bool { return p.s.Look(i).Power },
	"running":   func(p *play, i int) bool { return p.s.Look(i).Daemon },
	"out":       func(p *play, i int) bool { return p.s.Look(i).Out },
	"in-ring":   func(p *play, i int) bool { return p.s.Look(i).Ring },
	"leading":   func(p *play, i int) bool { return p.s.Look(i).Leads },
	"granted":   func(p *play, i int) bool { return p.s.Look(i).Granted },
	"using":     func(p *play, i int) bool { return p.s.Look(i).Using },
	"tainted":   func(p *play, i int) bool { return p.s.Look(i).State },
	"quorate":   func(p *play, i int) bool { return p.s.Look(i).Quorate },
	"held":      func(p *play, i int) bool { return p.held(i) },
	"caught-up": func(p *play, i int) bool { return p.s.Look(i).Applied == p.s.Committed() },
}

func stateNames() string { return sortedNames(states) }

// parseCondition reads one condition: `A [not] STATE`, `A lives N`, `view A B`, `settled`, `quorum`, `EVENT [k=v...]`, `N EVENT [k=v...]`.
func parseCondition(c *compiler, args []string) (condition, error) {
	if len(args) == 0 {
		return condition{}, fmt.Errorf("no condition")
	}
	text := strings.Join(args, " ")
	switch {
	case text == "settled":
		return condition{text, func(p *play, _ int) bool { return p.s.Unresolved() == "" }}, nil
	case text == "quorum", text == "no quorum":
		return condition{text, func(p *play, _ int) bool { return p.s.Domain().Quorate() == (text == "quorum") }}, nil
	case args[0] == "view":
		if len(args) > 1 && !strings.Contains(args[1], "=") {
			return viewCondition(c, text, args[1:])
		}
	case nodeName.MatchString(args[0]):
		return nodeCondition(c, text, args)
	}
	return eventCondition(text, args)
}

func viewCondition(c *compiler, text string, args []string) (condition, error) {
	nodes, err := c.list(args)
	slices.Sort(nodes)
	return condition{text, func(p *play, _ int) bool {
		var in []int
		for _, m := range p.s.Domain().View.Members {
			in = append(in, int(m.Node)-1)
		}
		return slices.Equal(in, nodes)
	}}, err
}

func nodeCondition(c *compiler, text string, args []string) (condition, error) {
	i, err := c.node(args[0])
	if err != nil {
		return condition{}, err
	}
	if len(args) == 3 && args[1] == "lives" {
		n, err := number(args[2], 0, 1000)
		return condition{text, func(p *play, _ int) bool { return p.s.Look(i).Lives == n }}, err
	}
	want := true
	if len(args) == 3 && args[1] == "not" {
		want = false
		args = slices.Delete(slices.Clone(args), 1, 2)
	}
	if len(args) != 2 {
		return condition{}, fmt.Errorf("wants a node, maybe not, and one of %s, or lives N", stateNames())
	}
	is, ok := states[args[1]]
	if !ok {
		return condition{}, fmt.Errorf("a node is never %q; it is %s, or lives N", args[1], stateNames())
	}
	return condition{text, func(p *play, _ int) bool { return is(p, i) == want }}, nil
}

// pattern is an event with some of its fields.
type pattern struct {
	event  string
	fields []string
}

func parsePattern(args []string) (pattern, error) {
	if len(args) == 0 || !slices.Contains(words, args[0]) {
		return pattern{}, fmt.Errorf("%q is no event; there are %s", strings.Join(args, " "), strings.Join(words, ", "))
	}
	for _, f := range args[1:] {
		if k, v, ok := strings.Cut(f, "="); !ok || k == "" || v == "" {
			return pattern{}, fmt.Errorf("%q is no field of an event: key=value", f)
		}
	}
	return pattern{args[0], args[1:]}, nil
}

func (t pattern) matches(e entry) bool {
	if e.event != t.event {
		return false
	}
	for _, f := range t.fields {
		if !slices.Contains(e.fields, f) {
			return false
		}
	}
	return true
}

func (l *log) count(t pattern, since int) int {
	n := 0
	for _, e := range l.entries[since:] {
		if t.matches(e) {
			n++
		}
	}
	return n
}

// eventCondition: an event happened since the last thing that was done; with a number before it so often in the whole log.
func eventCondition(text string, args []string) (condition, error) {
	many := -1
	if n, err := number(args[0], 0, 10_000); err == nil {
		many = n
		args = args[1:]
	}
	t, err := parsePattern(args)
	return condition{text, func(p *play, since int) bool {
		if many >= 0 {
			return p.log.count(t, 0) == many
		}
		return p.log.count(t, since) > 0
	}}, err
}

func (p *play) id(i int) fence.NodeID { return fence.NodeID(i + 1) }

func (p *play) node(i int) *domain.Node { return &p.s.Domain().Nodes[i] }

// held: some brake holds this victim back (R21).
func (p *play) held(i int) bool {
	for j := range p.prog.file.nodes {
		if slices.Contains(p.s.Held(j), p.id(i)) {
			return true
		}
	}
	return false
}

package script

import (
	"fmt"
	"strings"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/sim/world"
	"github.com/fenced-project/fenced/membership"
)

// play is one run of a program with one seed.
type play struct {
	prog  *program
	s     *world.Script
	log   *log
	mark  int // the place in the log where the newest thing that was done began
	never []ban
	open  string
	trace []string
}

// ban is an event that must not come any more.
type ban struct {
	pattern
	text string
	from int
}

// Play plays the file with all of its seeds and values, and gives the log. An error says which line, which seed, and what was seen instead; a log
// that is not the same with all of them is one. Trace, where it is not nil, gets every line of the simulator's trace of the run that failed.
func (f *File) Play(trace func(string)) (string, error) {
	first, with := "", ""
	for k := f.From; k <= f.To; k++ {
		prog, err := f.compile(k)
		if err != nil {
			return "", err
		}
		for seed := range f.Seeds {
			who := fmt.Sprintf("seed %d", seed)
			if f.Vary != "" {
				who += fmt.Sprintf(", $%s = %d", f.Vary, k)
			}
			log, err := prog.play(uint64(seed), trace)
			switch {
			case err != nil:
				return log, fmt.Errorf("%w (%s)", err, who)
			case with == "":
				first, with = log, who
			case log != first:
				return first, fmt.Errorf("%s: the log depends on latencies: with %s it is not the one of %s:\n%s", f.Name, who, with, difference(first, log))
			}
		}
	}
	return first, nil
}

func (g *program) play(seed uint64, trace func(string)) (string, error) {
	p := &play{prog: g, log: newLog(g.file.nodes)}
	setup := g.set.setup
	setup.Seed, setup.Watch = seed, p.log
	if trace != nil {
		setup.Trace = func(l string) { p.trace = append(p.trace, l) }
	}
	setup.Choose = choose(len(g.file.nodes))
	p.log.deaf = true // the founding is not the scenario's
	s, err := world.NewScript(setup)
	p.log.deaf = false
	if err != nil {
		return "", g.file.problem(1, "%v", err)
	}
	p.s = s
	err = p.steps()
	if err != nil && trace != nil {
		s.Dump()
		for _, l := range p.trace {
			trace(l)
		}
	}
	return p.text(), err
}

func choose(n int) func(func(fence.NodeID) bool, func(a, b fence.NodeID) bool) []fence.NodeID {
	voters := make([]membership.Voter, 0, n)
	for i := range n {
		voters = append(voters, membership.Voter{ID: fence.NodeID(i + 1), Votes: 1})
	}
	return func(up func(fence.NodeID) bool, mutual func(a, b fence.NodeID) bool) []fence.NodeID {
		return membership.Connected(voters, up, mutual)
	}
}

// steps does one line after the other; what is never to be seen and the invariants are looked at after each.
func (p *play) steps() error {
	f := p.prog.file
	last := 0
	for n, st := range p.prog.steps {
		if !st.looks {
			p.log.block, p.mark = n, len(p.log.entries)
		}
		last = st.at
		err := st.do(p)
		if bad := p.broken(); bad != nil {
			err = bad
		}
		if err != nil {
			return f.problem(st.at, "%s: %v", strings.Join(st.words, " "), err)
		}
	}
	if err := p.end(); err != nil {
		return f.problem(last, "at the end: %v", err)
	}
	return nil
}

// broken is an invariant that does not hold, or an event that was not to come.
func (p *play) broken() error {
	if v := p.s.Violation(); v != nil {
		return fmt.Errorf("invariant %s after %d ms: %s", v.Invariant, v.AtMS, v.Text)
	}
	for _, b := range p.never {
		if p.log.count(b.pattern, b.from) > 0 {
			return fmt.Errorf("%q was never to be seen again", b.text)
		}
	}
	return nil
}

// end demands that everything is as it must be when all is well, or that what is open is what the file says.
func (p *play) end() error {
	if p.open == "" {
		if err := p.settle(settleMS); err != nil {
			return err
		}
	} else {
		p.s.Run(untilMS)
		if why := p.s.Unresolved(); !strings.Contains(why, p.open) {
			return fmt.Errorf("the file says that %q stays open; it is %q", p.open, why)
		}
	}
	if v := p.s.Audit(); v != nil {
		return fmt.Errorf("invariant %s: %s", v.Invariant, v.Text)
	}
	return p.broken()
}

// settle waits until everything is as it must be and has been for a while: right after a fault nobody knows of it yet.
func (p *play) settle(bound int64) error {
	since := int64(-1)
	well := func() bool {
		switch now := p.s.NowMS(); {
		case p.s.Unresolved() != "":
			since = -1
		case since < 0:
			since = now
		default:
			return now-since >= p.quietMS()
		}
		return false
	}
	if !p.s.Until(bound, lookMS, well) {
		if err := p.broken(); err != nil {
			return err
		}
		return fmt.Errorf("not all is well after %d s: %s", bound/1000, p.s.Unresolved())
	}
	return nil
}

// quietMS is how long a fault may go unnoticed, with a margin.
func (p *play) quietMS() int64 { return 3 * p.prog.set.setup.Timing.FailureTimeoutMS }

// switchOn switches on whoever is not off.
func (p *play) switchOn() error {
	for i, off := range p.prog.set.off {
		if off {
			p.s.Lose(i)
		} else {
			p.s.PowerOn(i)
		}
	}
	return nil
}

// start brings the cluster to where most scenarios begin: everybody clean, the first of them leading. Its log is not the scenario's.
func (p *play) start() error {
	p.log.deaf = true
	defer func() { p.log.deaf = false }()
	if err := p.switchOn(); err != nil {
		return err
	}
	if err := p.settle(settleMS); err != nil {
		return err
	}
	for i, off := range p.prog.set.off {
		if off {
			continue
		}
		for range 20 {
			if p.s.Look(i).Leads {
				break
			}
			p.s.Elect(i)
			p.s.Run(500)
		}
		break
	}
	return p.settle(settleMS)
}

// killLeader kills whoever leads now, if somebody does.
func (p *play) killLeader() error {
	for i := range p.prog.file.nodes {
		if p.s.Look(i).Leads {
			p.s.Kill(i, false)
			return nil
		}
	}
	return nil
}

// where says how things are, for whoever reads an error.
func (p *play) where() string {
	if why := p.s.Unresolved(); why != "" {
		return "; " + why
	}
	return ""
}

// text is the log: each line that did something, with what came before the next one that did; and how it ended.
func (p *play) text() string {
	var b strings.Builder
	if !p.prog.set.silent {
		for n, st := range p.prog.steps {
			if !st.looks {
				fmt.Fprintf(&b, "> %s\n", strings.Join(st.words, " "))
				p.log.show(&b, n, p.prog.set.hidden)
			}
		}
	}
	for i, name := range p.prog.file.nodes {
		n := p.node(i)
		fmt.Fprintf(&b, "end node=%s state=%s%s\n", name, n.Phase, p.flags(i))
	}
	return b.String()
}

func (p *play) flags(i int) string {
	s := ""
	n := p.node(i)
	if n.Victim != nil {
		s += " victim=" + n.Victim.Boot
	}
	if n.OffHeld {
		s += " off-held"
	}
	if !p.prog.set.silent && !p.prog.set.hidden[lives] {
		s += fmt.Sprintf(" lives=%d", p.s.Look(i).Lives)
	}
	return s
}

// difference shows the first lines in which two logs differ.
func difference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range max(len(x), len(y)) {
		if i >= len(x) || i >= len(y) || x[i] != y[i] {
			part := func(l []string) string {
				return "    " + strings.Join(l[min(i, len(l)):min(i+4, len(l))], "\n    ")
			}
			return fmt.Sprintf("  line %d is\n%s\n  and not\n%s", i+1, part(y), part(x))
		}
	}
	return ""
}

// Difference compares the log that a file has with the one that its play gave, "" where they are equal.
func Difference(want, got string) string {
	if want == got {
		return ""
	}
	return difference(want, got)
}

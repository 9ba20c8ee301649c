package script

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// command is one word that a line can begin with.
type command struct {
	usage string
	// parse makes of the words behind it what is to be done.
	parse func(c *compiler, args []string) (action, error)
}

// action does one line; an error says what was expected and not seen.
type action func(p *play) error

// step is one compiled line.
type step struct {
	line
	do action
	// looks: it only looks or waits, so what an `until` counts goes on.
	looks bool
}

// program is a compiled file.
type program struct {
	file  *File
	set   settings
	steps []step
}

// compiler makes a program of a file.
type compiler struct {
	f   *File
	set *settings
	at  int
}

// commands is filled in init, because some commands name the table.
var commands map[string]command

func init() {
	commands = map[string]command{}
	for _, table := range []map[string]command{faults, devices, people, looks} {
		maps.Copy(commands, table)
	}
}

// Commands are the words that a line can begin with, and how each is used.
func Commands() []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(commands)) {
		out = append(out, commands[name].usage)
	}
	return out
}

func names() string {
	all := []string{"proves", "part", "nodes", "seeds", "each", "set", "node", "hide", "show"}
	return strings.Join(slices.Sorted(slices.Values(append(all, slices.Collect(maps.Keys(commands))...))), ", ")
}

func (f *File) compile(k int) (*program, error) {
	c := &compiler{f: f, set: newSettings(f.nodes)}
	p := &program{file: f}
	for _, l := range f.lines {
		l = f.fill(l, k)
		c.at = l.at
		word, args := l.words[0], l.words[1:]
		if set, ok := head[word]; ok {
			if len(p.steps) > 0 {
				return nil, f.problem(l.at, "%s stands before everything that happens", word)
			}
			if err := set(c, args); err != nil {
				return nil, f.problem(l.at, "%v", err)
			}
			continue
		}
		cmd, ok := commands[word]
		if !ok {
			return nil, f.problem(l.at, "unknown command %q; there are %s", word, names())
		}
		do, err := cmd.parse(c, args)
		if err != nil {
			return nil, f.problem(l.at, "%v (%s)", err, cmd.usage)
		}
		_, only := looks[word]
		p.steps = append(p.steps, step{line: l, do: do, looks: only})
	}
	if len(p.steps) == 0 {
		return nil, f.problem(1, "nothing happens in it")
	}
	if err := c.set.check(); err != nil {
		return nil, f.problem(1, "%v", err)
	}
	p.set = *c.set
	return p, nil
}

// node finds a node by its name.
func (c *compiler) node(name string) (int, error) {
	if i := slices.Index(c.f.nodes, name); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("unknown node %q; there are %s", name, strings.Join(c.f.nodes, ", "))
}

func (c *compiler) list(args []string) ([]int, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("no node is named; there are %s", strings.Join(c.f.nodes, ", "))
	}
	var out []int
	for _, a := range args {
		i, err := c.node(a)
		if err != nil {
			return nil, err
		}
		out = append(out, i)
	}
	return out, nil
}

// longest is the longest time that a line may name.
const longest = 24 * time.Hour

// span reads a duration as milliseconds.
func span(s string) (int64, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > longest {
		return 0, fmt.Errorf("%q is no time between 0 and %v: 500ms, 30s, 2m", s, longest)
	}
	return d.Milliseconds(), nil
}

func number(s string, low, high int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("%q is no number between %d and %d", s, low, high)
	}
	return n, nil
}

// form demands that the words have a form: capital words stand for anything, "[" begins what may be left out.
func form(args []string, pattern string) error {
	want := strings.Fields(pattern)
	need := slices.Index(want, "[")
	if need < 0 {
		need = len(want)
	} else {
		want = slices.Delete(slices.Clone(want), need, need+1)
	}
	if len(args) < need || len(args) > len(want) || len(args) > need && len(args) < len(want) {
		return fmt.Errorf("wants %q", pattern)
	}
	for i, a := range args {
		if want[i] == strings.ToLower(want[i]) && a != want[i] {
			return fmt.Errorf("wants %q", pattern)
		}
	}
	return nil
}

// States are what can be said of a node.
func States() string { return stateNames() }

// Quiet are the events, and the field, that a log shows only where it is asked to.
func Quiet() []string { return quiet }

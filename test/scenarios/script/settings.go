package script

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/sim/world"
)

// settings are how the cluster of a scenario is made.
type settings struct {
	setup world.Setup
	off   []bool // machines that are not switched on by start
	// hidden are the events that the log does not show; of views also the epochs.
	hidden map[string]bool
	silent bool // only where everything ends is shown
}

func newSettings(nodes []string) *settings {
	s := &settings{
		setup: world.Setup{
			Timing: fence.Timing{PingMS: 1000, FailureTimeoutMS: 4000, LeaseMS: 5000, PostJoinDelayMS: 10_000, StaggerMS: 500},
			Policy: fence.Policy{MaxConcurrent: 64, BrakeWindowMS: 600_000, OnResidual: fence.ResidualSelfFence, EvenSplit: "freeze", HistoryKeep: 10},
			BootMS: 6000, EffectMS: 5000, HoldUpMS: 500, Attempt: 4000, Attempts: 2,
		},
		off: make([]bool, len(nodes)), hidden: map[string]bool{},
	}
	for _, w := range quiet {
		s.hidden[w] = true
	}
	for _, n := range nodes {
		s.setup.Nodes = append(s.setup.Nodes, world.ScriptNode{Name: n, Levels: [][]string{{"bmc"}}, Action: fence.ActionReboot, Returns: 1})
	}
	return s
}

func (s *settings) check() error {
	if errs := fence.CheckTiming(s.setup.Timing); len(errs) > 0 {
		return errs[0]
	}
	if n := len(s.setup.Nodes); n < 3 && s.setup.Membership == "" {
		return fmt.Errorf("%d nodes: the embedded membership is simulated with 3 or more", n)
	}
	return nil
}

// head are the lines that stand before everything that happens.
var head = map[string]func(c *compiler, args []string) error{
	"set":  setLine,
	"node": nodeLine,
	"hide": hideLine,
	"show": showLine,
}

// quiet are the events that a log shows only where a `show` line asks for them: most of them are blips whose number and length are latency.
var quiet = []string{"frozen", "thawed", "you-are-failed", "suspect", "unsuspect", "rejected", "claim-end", "cancelled", actor}

// actor is not an event: it is the field that says who acts. Which of several members came first is latency, but for those where it matters.
const actor = "actor"

// lives is how many lives a machine had at the end.
const lives = "lives"

func showLine(c *compiler, args []string) error {
	for _, a := range args {
		if a != actor && !slices.Contains(words, a) {
			return fmt.Errorf("no event is called %q; there are %s, and actor (who it was)", a, strings.Join(words, ", "))
		}
		delete(c.set.hidden, a)
	}
	return nil
}

func hideLine(c *compiler, args []string) error {
	for _, a := range args {
		if a == "everything" {
			c.set.silent = true
			continue
		}
		if a != lives && !slices.Contains(words, a) {
			return fmt.Errorf("no event is called %q; there are %s, lives (how many at the end) and everything", a, strings.Join(words, ", "))
		}
		c.set.hidden[a] = true
	}
	return nil
}

// setLine is `set NAME VALUE`.
func setLine(c *compiler, args []string) error {
	p := &c.set.setup
	times := map[string]*int64{
		"ping": &p.Timing.PingMS, "failure_timeout": &p.Timing.FailureTimeoutMS, "lease": &p.Timing.LeaseMS, "post_join_delay": &p.Timing.PostJoinDelayMS,
		"post_fail_delay": &p.Timing.PostFailDelayMS, "stagger": &p.Timing.StaggerMS, "brake_window": &p.Policy.BrakeWindowMS, "boot": &p.BootMS,
		"effect": &p.EffectMS, "hold_up": &p.HoldUpMS, "attempt": &p.Attempt,
	}
	if len(args) != 2 {
		return fmt.Errorf("set NAME VALUE")
	}
	name, value := args[0], args[1]
	var err error
	switch at, isTime := times[name]; {
	case isTime:
		*at, err = span(value)
	case name == "paths":
		p.Paths, err = number(value, 1, 2)
	case name == "on_target":
		p.OnTarget, err = strconv.ParseBool(value)
	case name == "attempts":
		p.Attempts, err = number(value, 1, 10)
	case name == "max_concurrent":
		p.Policy.MaxConcurrent, err = number(value, 1, 64)
	case name == "on_residual":
		p.Policy.OnResidual = value
		if !slices.Contains([]string{fence.ResidualSelfFence, fence.ResidualVoteOnly, fence.ResidualHalt}, value) {
			err = fmt.Errorf("on_residual is self-fence, vote-only or halt")
		}
	case name == "even_split":
		p.Policy.EvenSplit = value
		if value != "freeze" && (value != "lowest-id" || p.Membership != world.Corosync) {
			err = fmt.Errorf("even_split is freeze, or lowest-id behind `set membership corosync`")
		}
	case name == "membership":
		p.Membership, err = value, nil
		if value != world.Corosync && value != world.TwoNode {
			err = fmt.Errorf("membership is corosync, two_node, or not set: embedded")
		}
	case name == "idle_stateless":
		p.Policy.IdleStateless, err = strconv.ParseBool(value)
	default:
		known := append(slices.Collect(maps.Keys(times)), "attempts", "max_concurrent", "on_residual", "idle_stateless", "even_split", "membership", "on_target", "paths")
		err = fmt.Errorf("nothing is called %q; there are %s", name, strings.Join(slices.Sorted(slices.Values(known)), ", "))
	}
	return err
}

// nodeLine is `node A WHAT`: one property of one node.
func nodeLine(c *compiler, args []string) error {
	const usage = "node NAME off | deaf | critical | virtual | held | returns off|before|on | levels bmc, pdu-1 pdu-2, fc-1 fc-2"
	if len(args) < 2 {
		return fmt.Errorf("%s", usage)
	}
	i, err := c.node(args[0])
	if err != nil {
		return err
	}
	n := &c.set.setup.Nodes[i]
	switch what := args[1]; {
	case what == "levels":
		n.Levels, err = levels(args[2:])
		return err
	case what == "returns" && len(args) == 3:
		n.Returns = slices.Index([]string{"off", "before", "on"}, args[2])
		if n.Returns < 0 {
			return fmt.Errorf("returns off, before or on")
		}
		return nil
	case len(args) != 2:
		return fmt.Errorf("%s", usage)
	case what == "off":
		c.set.off[i] = true
	case what == "deaf":
		n.Deaf = true
	case what == "critical":
		n.Critical = true
	case what == "virtual":
		n.Virtual = true
	case what == "held":
		n.Action = fence.ActionOff
	default:
		return fmt.Errorf("%s", usage)
	}
	return nil
}

// levels reads levels: a comma stands between two of them, "none" is one without a device.
func levels(args []string) ([][]string, error) {
	var out [][]string
	for level := range strings.SplitSeq(strings.Join(args, " "), ",") {
		steps := strings.Fields(level)
		if len(steps) == 1 && steps[0] == "none" {
			steps = nil
		} else if len(steps) == 0 {
			return nil, fmt.Errorf("an empty level; one without devices is called none")
		}
		for _, s := range steps {
			if !slices.Contains([]string{"bmc", "pdu-1", "pdu-2", "fc-1", "fc-2"}, s) {
				return nil, fmt.Errorf("no device is called %q; there are bmc, pdu-1, pdu-2, fc-1, fc-2", s)
			}
		}
		out = append(out, steps)
	}
	return out, nil
}

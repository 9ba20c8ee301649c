package script

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/sim/world"
)

// devices are what goes wrong with BMCs and PDUs.
var devices = map[string]command{
	"device":     {usage: "device bmc-A|pdu-1|pdu-2|fc-1|fc-2 MODE for 30s", parse: parseDevice},
	"swap":       {usage: "swap A B: the addresses of their BMCs change places", parse: parseSwap},
	"management": forNode("management A for 30s: it reaches no device", (*world.Script).Management),
}

// people are what administrators and programs ask for; `at` says on which node.
var people = map[string]command{
	"off":     {usage: "off B at A [force]", parse: request(fence.ActionOff)},
	"reboot":  {usage: "reboot B at A [force]", parse: request(fence.ActionReboot)},
	"local":   {usage: "local off|reboot B at A: forced power from A, without claim and quorum", parse: parseLocal},
	"unfence": {usage: "unfence B at A [force]", parse: request(fence.ActionUnfence)},
	"on":      {usage: "on B at A [force]", parse: request(fence.ActionOn)},
	"report":  {usage: "report B at A [life B.b1]: a program with the role report asks for a life, the present one", parse: parseReport},
	"ack":     {usage: "ack B at A [life B.b1]: vouch for its victim, or for a life", parse: parseAck},
	"arm":     {usage: "arm at A", parse: arm(true)},
	"disarm":  {usage: "disarm at A [for 30s] [now]", parse: arm(false)},
	"work":    {usage: "work on B|all at A [for 30s]: nobody acts on it by himself", parse: work(true)},
	"done":    {usage: "done with B|all at A: it is resumed", parse: work(false)},
	"restart": onNode("restart A: its daemon, as planned", func(s *world.Script, i int) { s.Restart(i) }, nil),
	"leave":   onNode("leave A", func(s *world.Script, i int) { s.Leave(i) }, nil),
}

func parseDevice(c *compiler, args []string) (action, error) {
	if len(args) != 4 || args[2] != "for" {
		return nil, fmt.Errorf("wants a device, how it misbehaves, and for how long")
	}
	node, pdu := 0, 0
	switch name, isBMC := strings.CutPrefix(args[0], "bmc-"); {
	case args[0] == "pdu-1", args[0] == "pdu-2":
		pdu = int(args[0][4] - '0')
	case args[0] == "fc-1", args[0] == "fc-2":
		pdu = int(args[0][3]-'0') + 2
	case isBMC:
		i, err := c.node(name)
		if err != nil {
			return nil, err
		}
		node = i
	default:
		return nil, fmt.Errorf("unknown device %q; there are bmc-%s, pdu-1, pdu-2, fc-1, fc-2", args[0], strings.Join(c.f.nodes, ", bmc-"))
	}
	modes := world.DeviceModes()
	if !slices.Contains(modes, args[1]) {
		return nil, fmt.Errorf("no device is %q; one can be %s", args[1], strings.Join(modes, ", "))
	}
	d, err := span(args[3])
	return func(p *play) error { p.s.Device(node, pdu, args[1], d); return nil }, err
}

func parseSwap(c *compiler, args []string) (action, error) {
	nodes, err := c.list(args)
	if err == nil && (len(nodes) != 2 || nodes[0] == nodes[1]) {
		err = fmt.Errorf("wants two nodes")
	}
	return func(p *play) error { p.s.Swap(nodes[0], nodes[1]); return nil }, err
}

// at reads `B at A` and gives what is left of the words.
func at(c *compiler, args []string) (whom, where int, rest []string, err error) {
	if len(args) < 3 || args[1] != "at" {
		return 0, 0, nil, fmt.Errorf("wants whom, and at which node it is asked")
	}
	if whom, err = c.node(args[0]); err == nil {
		where, err = c.node(args[2])
	}
	return whom, where, args[3:], err
}

// asked turns "no daemon runs there" into an error.
func asked(c *compiler, where int, ok bool) error {
	if !ok {
		return fmt.Errorf("no daemon runs on %s that could be asked", c.f.nodes[where])
	}
	return nil
}

func request(what fence.Action) func(*compiler, []string) (action, error) {
	return func(c *compiler, args []string) (action, error) {
		whom, where, rest, err := at(c, args)
		force := len(rest) == 1 && rest[0] == "force"
		if err == nil && len(rest) > 0 && !force {
			err = fmt.Errorf("%q is not force", strings.Join(rest, " "))
		}
		return func(p *play) error { return asked(c, where, p.s.Request(where, whom, what, force)) }, err
	}
}

func parseLocal(c *compiler, args []string) (action, error) {
	if len(args) == 0 || args[0] != string(fence.ActionOff) && args[0] != string(fence.ActionReboot) {
		return nil, fmt.Errorf("wants off or reboot, whom, and at which node it is asked")
	}
	whom, where, rest, err := at(c, args[1:])
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%q is too much", strings.Join(rest, " "))
	}
	return func(p *play) error { return asked(c, where, p.s.Force(where, whom, fence.Action(args[0]))) }, err
}

func parseReport(c *compiler, args []string) (action, error) {
	whom, where, boot, err := life(c, args)
	return func(p *play) error {
		of := boot
		if of == "" {
			of = p.s.Domain().Nodes[whom].Life.Boot
		}
		return asked(c, where, p.s.Report(where, whom, of))
	}, err
}

func parseAck(c *compiler, args []string) (action, error) {
	whom, where, boot, err := life(c, args)
	return func(p *play) error {
		n := p.s.Domain().Nodes[whom]
		of := boot
		switch {
		case of != "":
		case n.Victim != nil:
			of = n.Victim.Boot
		default:
			of = n.Life.Boot
		}
		return asked(c, where, p.s.Acknowledge(where, whom, of, "I looked at it"))
	}, err
}

// life reads `B at A [life B.b1]`; boot is "" where no life is named.
func life(c *compiler, args []string) (whom, where int, boot string, err error) {
	whom, where, rest, err := at(c, args)
	switch {
	case err != nil || len(rest) == 0:
	case len(rest) == 2 && rest[0] == "life":
		boot = rest[1]
	default:
		err = fmt.Errorf("%q is not a life", strings.Join(rest, " "))
	}
	return whom, where, boot, err
}

func work(on bool) func(*compiler, []string) (action, error) {
	return func(c *compiler, args []string) (action, error) {
		whom, where, forMS := -1, 0, int64(0)
		var rest []string
		var err error
		if len(args) == 0 || args[0] != map[bool]string{true: "on", false: "with"}[on] {
			return nil, fmt.Errorf("wants on, or with, whom")
		}
		args = args[1:]
		if len(args) >= 3 && args[0] == "all" && args[1] == "at" {
			where, err = c.node(args[2])
			rest = args[3:]
		} else {
			whom, where, rest, err = at(c, args)
		}
		if err == nil && on && len(rest) == 2 && rest[0] == "for" {
			forMS, err = span(rest[1])
			rest = nil
		}
		if err == nil && len(rest) > 0 {
			err = fmt.Errorf("%q is not for how long", strings.Join(rest, " "))
		}
		return func(p *play) error { return asked(c, where, p.s.Work(where, whom, on, forMS)) }, err
	}
}

func arm(on bool) func(*compiler, []string) (action, error) {
	return func(c *compiler, args []string) (action, error) {
		if len(args) < 2 || args[0] != "at" {
			return nil, fmt.Errorf("wants at which node it is asked")
		}
		where, err := c.node(args[1])
		rest, forMS, now := args[2:], int64(0), false
		if err == nil && !on && len(rest) >= 2 && rest[0] == "for" {
			forMS, err = span(rest[1])
			rest = rest[2:]
		}
		if !on && len(rest) > 0 && rest[0] == "now" {
			now, rest = true, rest[1:]
		}
		if err == nil && len(rest) > 0 {
			err = fmt.Errorf("%q is neither for how long nor now", strings.Join(rest, " "))
		}
		return func(p *play) error { return asked(c, where, p.s.Arm(where, on, forMS, now)) }, err
	}
}

package script

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fenced-project/fenced/fence/sim/world"
)

// faults are what happens to machines, daemons, disks and links.
var faults = map[string]command{
	"boot":     onNode("boot A", (*world.Script).PowerOn, found),
	"power":    {usage: "power A on|off: its button", parse: parsePower},
	"mains":    {usage: "mains A on|off: of the machine and its BMC", parse: parseMains},
	"outlet":   {usage: "outlet A 1|2 on|off: by somebody else than a daemon", parse: parseOutlet},
	"crash":    onNode("crash A", (*world.Script).Crash, nil),
	"panic":    onNode("panic A: it hangs for ever, switched on", (*world.Script).Panic, nil),
	"pause":    forNode("pause A for 60s: machine and clock stand still", (*world.Script).Pause),
	"kill":     {usage: "kill A [masked] | kill A after N effects | kill A before EFFECT (masked) | kill leader", parse: parseKill},
	"run":      onNode("run A: its daemon is started now", (*world.Script).StartDaemon, nil),
	"stop":     forNode("stop A for 60s: SIGSTOP", (*world.Script).Stop),
	"hang":     forNode("hang A for 20s: only its deciding loop", (*world.Script).Hang),
	"lag":      forNode("lag A for 5s: it applies the log late", (*world.Script).Lag),
	"slow":     {usage: "slow A 6s: what it proposes is that much longer on its way; 0s ends it", parse: parseSlow},
	"elect":    onNode("elect A", (*world.Script).Elect, nil),
	"compact":  onNode("compact A: a snapshot, and the log before it forgotten", (*world.Script).Compact, nil),
	"disk":     forNode("disk A for 30s: it answers nothing", (*world.Script).Disk),
	"wipe":     onNode("wipe A: its store is empty", (*world.Script).Wipe, nil),
	"copy":     onNode("copy A: keep what its store is now", (*world.Script).Copy, nil),
	"restore":  {usage: "restore A: its store is the copy", parse: parseRestore},
	"freeze":   onCorosync("freeze A for 5s: its corosync stands still", (*world.Script).Freeze),
	"streams":  onCorosync("streams A for 5s: its quorum service speaks that much later than its group's", (*world.Script).Apart),
	"corosync": {usage: "corosync A stops|starts", parse: parseCorosync},
	"cut":      {usage: "cut A B | C D | ..., cut A -> B, cut A <-> B", parse: parseCut},
	"heal":     {usage: "heal: every link, heal A B: those between them", parse: parseHeal},
	"wall":     {usage: "wall A [-]1h: its wall clock is off", parse: parseWall},
	"torn":     onNode("torn A: its session record is unreadable", (*world.Script).Torn, nil),
	"endless":  onNode("endless A: ending its own machine does not work there", (*world.Script).Endless, nil),
	"file":     {usage: "file A older|equal: its configuration file, as its daemon finds it", parse: parseFile},
	"build":    {usage: "build A 2|present: the feature level of its build, which it announces when it announces itself", parse: parseBuild},
	"scan":     {usage: "scan A unreadable|readable", parse: parseScan},
	"state":    {usage: "state A there|none: kernel state that only a reset clears", parse: parseState},
	"client":   {usage: "client A ends|crashes|wants", parse: parseClient},
	"start":    {usage: "start [cold]: everybody who is not off, until all is well; cold does not wait", parse: parseStart},
	"repeat":   {usage: "repeat N every 400ms COMMAND...", parse: parseRepeat},
}

// found: whoever is switched on by hand is not lost.
func found(s *world.Script, i int) { s.Find(i) }

func onNode(usage string, f func(*world.Script, int), before func(*world.Script, int)) command {
	return command{usage: usage, parse: func(c *compiler, args []string) (action, error) {
		nodes, err := c.list(args)
		return func(p *play) error {
			for _, i := range nodes {
				if before != nil {
					before(p.s, i)
				}
				f(p.s, i)
			}
			return nil
		}, err
	}}
}

func forNode(usage string, f func(*world.Script, int, int64)) command {
	return command{usage: usage, parse: func(c *compiler, args []string) (action, error) {
		if err := form(args, "A for 10S"); err != nil || args[1] != "for" {
			return nil, fmt.Errorf("wants a node and for how long")
		}
		i, err := c.node(args[0])
		if err != nil {
			return nil, err
		}
		d, err := span(args[2])
		return func(p *play) error { f(p.s, i, d); return nil }, err
	}}
}

// onCorosync is forNode for what only clusters on corosync have.
func onCorosync(usage string, f func(*world.Script, int, int64)) command {
	of := forNode(usage, f)
	return command{usage: usage, parse: func(c *compiler, args []string) (action, error) {
		if c.set.setup.Membership == "" {
			return nil, fmt.Errorf("there is no corosync: write `set membership corosync`")
		}
		return of.parse(c, args)
	}}
}

func parseCorosync(c *compiler, args []string) (action, error) {
	if c.set.setup.Membership == "" {
		return nil, fmt.Errorf("there is no corosync: write `set membership corosync`")
	}
	i, which, err := choice(c, args, "stops", "starts")
	return func(p *play) error { p.s.Corosync(i, which == 1); return nil }, err
}

// choice reads `A word...` with one of some words at the end.
func choice(c *compiler, args []string, of ...string) (node, which int, err error) {
	if len(args) != 2 {
		return 0, 0, fmt.Errorf("wants a node and one of %s", strings.Join(of, ", "))
	}
	if node, err = c.node(args[0]); err != nil {
		return 0, 0, err
	}
	if which = slices.Index(of, args[1]); which < 0 {
		return 0, 0, fmt.Errorf("%q is none of %s", args[1], strings.Join(of, ", "))
	}
	return node, which, nil
}

func parsePower(c *compiler, args []string) (action, error) {
	i, which, err := choice(c, args, "on", "off")
	return func(p *play) error {
		if which == 0 {
			p.s.Find(i)
			p.s.PowerOn(i)
		} else {
			p.s.PowerOff(i)
		}
		return nil
	}, err
}

func parseMains(c *compiler, args []string) (action, error) {
	i, which, err := choice(c, args, "on", "off")
	return func(p *play) error { p.s.Mains(i, which == 0); return nil }, err
}

func parseOutlet(c *compiler, args []string) (action, error) {
	if len(args) != 3 {
		return nil, fmt.Errorf("wants a node, an outlet and on or off")
	}
	n, err := number(args[1], 1, 2)
	if err != nil {
		return nil, err
	}
	i, which, err := choice(c, []string{args[0], args[2]}, "on", "off")
	return func(p *play) error { p.s.Outlet(i, n, which == 0); return nil }, err
}

func parseFile(c *compiler, args []string) (action, error) {
	i, which, err := choice(c, args, "older", "equal")
	return func(p *play) error { p.s.OlderFile(i, which == 0); return nil }, err
}

func parseBuild(c *compiler, args []string) (action, error) {
	i, which, err := choice(c, args, "present", "1", "2")
	return func(p *play) error { p.s.Build(i, which); return nil }, err
}

func parseScan(c *compiler, args []string) (action, error) {
	i, which, err := choice(c, args, "unreadable", "readable")
	return func(p *play) error { p.s.Blind(i, which == 0); return nil }, err
}

func parseState(c *compiler, args []string) (action, error) {
	i, which, err := choice(c, args, "there", "none")
	return func(p *play) error { p.s.State(i, which == 0); return nil }, err
}

func parseClient(c *compiler, args []string) (action, error) {
	i, which, err := choice(c, args, "ends", "crashes", "wants")
	return func(p *play) error { p.s.Client(i, which == 2, which == 0); return nil }, err
}

func parseRestore(c *compiler, args []string) (action, error) {
	nodes, err := c.list(args)
	return func(p *play) error {
		for _, i := range nodes {
			if !p.s.Restore(i) {
				return fmt.Errorf("there is no copy of the store of %s: copy it before", c.f.nodes[i])
			}
		}
		return nil
	}, err
}

func parseWall(c *compiler, args []string) (action, error) {
	if len(args) != 2 {
		return nil, fmt.Errorf("wants a node and how far")
	}
	i, err := c.node(args[0])
	if err != nil {
		return nil, err
	}
	d, err := span(strings.TrimPrefix(args[1], "-"))
	if strings.HasPrefix(args[1], "-") {
		d = -d
	}
	return func(p *play) error { p.s.Wall(i, d); return nil }, err
}

func parseSlow(c *compiler, args []string) (action, error) {
	if len(args) != 2 {
		return nil, fmt.Errorf("wants a node and how long")
	}
	i, err := c.node(args[0])
	if err != nil {
		return nil, err
	}
	d, err := span(args[1])
	return func(p *play) error { p.s.Slow(i, d); return nil }, err
}

func parseKill(c *compiler, args []string) (action, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("no node is named")
	}
	if len(args) == 1 && args[0] == "leader" {
		return (*play).killLeader, nil
	}
	i, err := c.node(args[0])
	if err != nil {
		return nil, err
	}
	switch rest := args[1:]; {
	case len(rest) == 0 || len(rest) == 1 && rest[0] == "masked":
		return func(p *play) error { p.s.Kill(i, len(rest) == 1); return nil }, nil
	case len(rest) == 3 && rest[0] == "after" && rest[2] == "effects":
		n, err := number(rest[1], 1, 10_000)
		return func(p *play) error { p.s.KillAfter(i, n); return nil }, err
	case len(rest) == 2 && rest[0] == "before":
		if !slices.Contains(effects, rest[1]) {
			return nil, fmt.Errorf("no effect is called %q; there are %s", rest[1], strings.Join(effects, ", "))
		}
		name := c.f.nodes[i]
		return func(p *play) error { p.log.doom[name] = rest[1]; return nil }, nil
	}
	return nil, fmt.Errorf("wants a node, and after N effects, before EFFECT or masked")
}

func parseWait(_ *compiler, args []string) (action, error) {
	if len(args) != 1 {
		return nil, fmt.Errorf("wants how long")
	}
	d, err := span(args[0])
	return func(p *play) error { p.s.Run(d); return nil }, err
}

func parseStart(_ *compiler, args []string) (action, error) {
	switch {
	case len(args) == 0:
		return (*play).start, nil
	case len(args) == 1 && args[0] == "cold":
		return (*play).switchOn, nil
	}
	return nil, fmt.Errorf("wants nothing, or cold")
}

// parseRepeat does another command several times.
func parseRepeat(c *compiler, args []string) (action, error) {
	if len(args) < 4 || args[1] != "every" {
		return nil, fmt.Errorf("wants how often, every how long, and a command")
	}
	n, err := number(args[0], 1, 1000)
	if err != nil {
		return nil, err
	}
	d, err := span(args[2])
	if err != nil {
		return nil, err
	}
	cmd, ok := commands[args[3]]
	if !ok || args[3] == "repeat" || args[3] == "start" {
		return nil, fmt.Errorf("%q cannot be repeated", args[3])
	}
	do, err := cmd.parse(c, args[4:])
	if err != nil {
		return nil, fmt.Errorf("%w (%s)", err, cmd.usage)
	}
	return func(p *play) error {
		for range n {
			if err := do(p); err != nil {
				return err
			}
			p.s.Run(d)
		}
		return nil
	}, nil
}

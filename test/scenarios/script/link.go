package script

import (
	"fmt"
	"slices"
	"strings"
)

// parseCut reads `A B | C D` (groups that do not reach each other), `A -> B` (one direction) and `A <-> B`.
func parseCut(c *compiler, args []string) (action, error) {
	if len(args) == 3 && (args[1] == "->" || args[1] == "<->") {
		ends, err := c.list([]string{args[0], args[2]})
		if err == nil && ends[0] == ends[1] {
			err = fmt.Errorf("%s always reaches itself", args[0])
		}
		return func(p *play) error {
			p.s.Cut(ends[0], ends[1], true)
			if args[1] == "<->" {
				p.s.Cut(ends[1], ends[0], true)
			}
			return nil
		}, err
	}
	side := map[int]int{}
	groups := strings.Split(strings.Join(args, " "), "|")
	for g, group := range groups {
		nodes, err := c.list(strings.Fields(group))
		if err != nil {
			return nil, err
		}
		for _, i := range nodes {
			if _, twice := side[i]; twice {
				return nil, fmt.Errorf("%s is on two sides", c.f.nodes[i])
			}
			side[i] = g
		}
	}
	if len(groups) < 2 || len(side) != len(c.f.nodes) {
		return nil, fmt.Errorf("wants every node on one of at least two sides")
	}
	return func(p *play) error {
		for i := range side { // order: every pair is set, whatever the order
			for j := range side {
				if side[i] != side[j] {
					p.s.Cut(i, j, true)
				}
			}
		}
		return nil
	}, nil
}

func parseHeal(c *compiler, args []string) (action, error) {
	if len(args) == 0 {
		args = c.f.nodes
	}
	nodes, err := c.list(args)
	slices.Sort(nodes)
	return func(p *play) error {
		for _, i := range nodes {
			for _, j := range nodes {
				p.s.Cut(i, j, false)
			}
		}
		return nil
	}, err
}

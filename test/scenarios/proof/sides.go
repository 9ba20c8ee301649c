package proof

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// SidesPage is where the memberships stand beside each other.
const SidesPage = "docs/reference/side-by-side.md"

// sidesFile says why they differ.
const sidesFile = "test/scenarios/sides.txt"

const sidesHead = `# The two memberships side by side

This page is made by ´go run ./test/scenarios/list --write´; a test compares it. Change a scenario, a marker or test/scenarios/sides.txt instead.

It has each scenario that is lived through by whole clusters (test/e2e), and what plays it over either membership: *live* with real daemons, BMCs and
links, and over corosync with real rings; *sim* the deciding code in the simulator. A name in parentheses shows only a part of its scenario
([all scenarios, and what proves them](../scenarios.md)).

The last column is what differs: a log of the simulator that is another over corosync, and a side that has no live test or no scenario file,
with the reason. Where it is empty both are there, and a scenario file and its twin over corosync (´-corosync´) have the same log to the word.

`

// Side is what plays a scenario over one membership.
type Side struct{ Live, Sim []Proof }

// Sides are both of one scenario.
type Sides struct {
	ID                 string
	Embedded, Corosync Side
	// Differ are what the files themselves tell, Why the reason, "" where nothing differs.
	Differ []string
	Why    string
}

var overCorosync = regexp.MustCompile(`(?m)^set membership (corosync|two_node)\b`)

// Sides compares the memberships over each scenario that has a live form, in their order. An error names a difference without a reason, and a reason
// without a difference.
func (t *Table) Sides(root string) ([]Sides, error) {
	why := map[string]string{}
	err := lines(root, sidesFile, func(_ int, l string) error {
		id, reason, ok := strings.Cut(l, ": ")
		if !ok || !t.knows(id) || why[id] != "" {
			return fmt.Errorf("wants id: why its memberships differ, once for an id that is demanded")
		}
		why[id] = reason
		return nil
	})
	if err != nil {
		return nil, err
	}
	var all []Sides
	for _, s := range t.Scenarios {
		if !slices.ContainsFunc(t.Proofs[s.ID], func(p Proof) bool { return p.Layer == "e2e" }) {
			continue
		}
		sides, err := t.sides(root, s.ID)
		if err != nil {
			return nil, err
		}
		sides.Why = why[s.ID]
		delete(why, s.ID)
		switch {
		case len(sides.Differ) > 0 && sides.Why == "":
			return nil, fmt.Errorf("%s: %s over the two memberships, and %s does not say why", s.ID, strings.Join(sides.Differ, ", "), sidesFile)
		case len(sides.Differ) == 0 && sides.Why != "":
			return nil, fmt.Errorf("%s: %s has a reason, and nothing differs", s.ID, sidesFile)
		}
		all = append(all, sides)
	}
	for id := range why {
		return nil, fmt.Errorf("%s: %s has a reason, and no cluster lives through it", id, sidesFile)
	}
	return all, nil
}

func (t *Table) sides(root, id string) (Sides, error) {
	s := Sides{ID: id}
	logs := map[string][]byte{}
	for _, p := range t.Proofs[id] {
		side := &s.Embedded
		switch {
		case p.Layer == "e2e":
			if strings.HasPrefix(p.Name, "TestRing") { // that is what the name means there
				side = &s.Corosync
			}
			side.Live = append(side.Live, p)
		case strings.HasPrefix(p.Path, "test/scenarios/") && strings.HasSuffix(p.Path, ".txt"):
			data, err := os.ReadFile(filepath.Join(root, p.Path))
			if err != nil {
				return s, err
			}
			rules, log, _ := bytes.Cut(data, []byte("--- log\n"))
			if overCorosync.Match(rules) {
				side = &s.Corosync
			}
			side.Sim, logs[p.Name] = append(side.Sim, p), log
		}
	}
	for _, k := range []struct {
		name string
		side Side
	}{{"embedded", s.Embedded}, {"corosync", s.Corosync}} {
		if len(k.side.Live) == 0 {
			s.Differ = append(s.Differ, "live over "+k.name+" missing")
		}
		if len(k.side.Sim) == 0 && len(logs) > 0 {
			s.Differ = append(s.Differ, "sim over "+k.name+" missing")
		}
	}
	for _, p := range s.Corosync.Sim {
		if name, twin := strings.CutSuffix(p.Name, "-corosync"); twin && logs[name] != nil && !bytes.Equal(logs[name], logs[p.Name]) {
			s.Differ = append(s.Differ, "log of "+p.Name+" differs")
		}
	}
	return s, nil
}

// SidesMarkdown is the page.
func (t *Table) SidesMarkdown(root string) (string, error) {
	all, err := t.Sides(root)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(code(sidesHead))
	live := [3]int{}
	for _, s := range all {
		switch {
		case len(s.Corosync.Live) == 0:
			live[0]++
		case len(s.Embedded.Live) == 0:
			live[1]++
		default:
			live[2]++
		}
	}
	fmt.Fprintf(&b, "%d scenarios have a live form: %d over embedded alone, %d over corosync alone, %d over both.\n\n", len(all), live[0], live[1], live[2])
	b.WriteString("| id | over embedded | over corosync | differs |\n|---|---|---|---|\n")
	for _, s := range all {
		differs := strings.Join(s.Differ, "; ")
		if differs != "" {
			differs += ": " + cell(s.Why)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", s.ID, s.Embedded.names(), s.Corosync.names(), differs)
	}
	return b.String(), nil
}

// names are links to all of a side.
func (s Side) names() string {
	var groups []string
	for _, g := range []struct {
		kind string
		all  []Proof
	}{{"live", s.Live}, {"sim", s.Sim}} {
		var links []string
		for _, p := range g.all {
			link := fmt.Sprintf("[%s](../../%s)", p.Name, p.Path)
			if p.Part {
				link = "(" + link + ")"
			}
			links = append(links, link)
		}
		if len(links) > 0 {
			groups = append(groups, g.kind+" "+strings.Join(links, ", "))
		}
	}
	return strings.Join(groups, "; ")
}

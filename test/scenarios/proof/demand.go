package proof

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// The files that say what is demanded, and why something is open.
const (
	idsFile   = "test/scenarios/ids.txt"
	openFile  = "test/scenarios/open.txt"
	rulesFile = "docs/reference/rules.md"
)

// lines calls f for each line of a file that is not empty and no comment.
func lines(root, name string, f func(at int, l string) error) error {
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		return err
	}
	for i, l := range strings.Split(string(data), "\n") {
		if l = strings.TrimSpace(l); l == "" || strings.HasPrefix(l, "#") {
			continue
		}
		if err := f(i+1, l); err != nil {
			return fmt.Errorf("%s:%d: %w", name, i+1, err)
		}
	}
	return nil
}

var scenarioID = regexp.MustCompile(`^S\d+\.\d+$`)

func (t *Table) readScenarios(root string) error {
	return lines(root, idsFile, func(_ int, l string) error {
		c := strings.Split(l, " | ")
		switch {
		case len(c) != 4 || !scenarioID.MatchString(c[0]):
			return fmt.Errorf("wants id | given | when | then")
		case t.knows(c[0]):
			return fmt.Errorf("%s stands here twice", c[0])
		}
		t.Scenarios = append(t.Scenarios, Scenario{ID: c[0], Given: c[1], When: c[2], Then: c[3]})
		return nil
	})
}

var ruleRow = regexp.MustCompile(`^\| (R\d+) \| ([^|]*) \|`)

func (t *Table) readRules(root string) error {
	err := lines(root, rulesFile, func(_ int, l string) error {
		if m := ruleRow.FindStringSubmatch(l); m != nil {
			t.Rules = append(t.Rules, Rule{ID: m[1], Says: m[2]})
		}
		return nil
	})
	if err == nil && len(t.Rules) < 31 {
		err = fmt.Errorf("%s has only %d rules", rulesFile, len(t.Rules))
	}
	return err
}

// reasons reads why something is open: `S0.8: …`. A reason for what is proven is out of date.
func (t *Table) reasons(root string) error {
	return lines(root, openFile, func(_ int, l string) error {
		id, why, ok := strings.Cut(l, ": ")
		switch {
		case !ok:
			return fmt.Errorf("wants id: why it is open")
		case !t.knows(id):
			return fmt.Errorf("nobody demands %s", id)
		case !t.Open(id):
			return fmt.Errorf("%s is proven by %s: it is not open any more", id, t.Proofs[id][0].Name)
		case t.Why[id] != "":
			return fmt.Errorf("%s stands here twice", id)
		}
		t.Why[id] = why
		return nil
	})
}

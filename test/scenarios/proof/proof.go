package proof

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Proof is one thing that proves something, or a part of it.
type Proof struct {
	Name  string // a scenario file, or a test function
	Path  string // relative to the root of the project
	Layer string
	Part  bool
	// Mutants are how many mutants of a rule this test catches; 0 for a proof by its own word.
	Mutants int
}

// Table is everything that is demanded, and what proves it.
type Table struct {
	Scenarios []Scenario // in their order
	Rules     []Rule
	Proofs    map[string][]Proof // by id
	Why       map[string]string  // why an id is open, by id
}

// Scenario is a line of ids.txt.
type Scenario struct{ ID, Given, When, Then string }

// Rule is a rule of docs/reference/rules.md.
type Rule struct{ ID, Says string }

// Collect reads everything below root. An error names the file with the mistake: a marker that belongs to no test, an id that nobody demands, a
// reason for an id that is not open.
func Collect(root string) (*Table, error) {
	t := &Table{Proofs: map[string][]Proof{}, Why: map[string]string{}}
	for _, f := range []func(string) error{t.readScenarios, t.readRules, t.files, t.markers, t.mutants, t.reasons} {
		if err := f(root); err != nil {
			return nil, err
		}
	}
	for id, all := range t.Proofs { // order: each list by itself
		slices.SortFunc(all, func(a, b Proof) int {
			return strings.Compare(rank(a)+a.Path+" "+a.Name, rank(b)+b.Path+" "+b.Name)
		})
		t.Proofs[id] = all
	}
	return t, nil
}

// layers are where a test can stand, the narrowest first, as the page lists them.
var layers = []string{"unit", "sim", "shell", "e2e", "systemd", "corosync", "vm"}

func rank(p Proof) string { return strconv.Itoa(slices.Index(layers, p.Layer)) }

// layer is the layer of a test by where it stands.
func layer(path string) string {
	for _, l := range []struct{ under, layer string }{
		{"test/scenarios/", "sim"},
		{"fence/sim/", "sim"},
		{"fence/engine/", "shell"},
		{"fence/", "unit"},
		{"test/e2e/", "e2e"},
		{"test/systemd/", "systemd"},
		{"test/corosync/", "corosync"},
		{"membership/corosync/", "unit"}, // real rings are in test/corosync
		{"test/lab/", "vm"},
	} {
		if strings.HasPrefix(filepath.ToSlash(path), l.under) {
			return l.layer
		}
	}
	return "shell"
}

// knows reports whether somebody demands an id.
func (t *Table) knows(id string) bool {
	return slices.ContainsFunc(t.Scenarios, func(s Scenario) bool { return s.ID == id }) || slices.ContainsFunc(t.Rules, func(r Rule) bool { return r.ID == id })
}

// add notes a proof.
func (t *Table) add(where, id string, p Proof) error {
	if !t.knows(id) {
		return fmt.Errorf("%s: nobody demands %s (test/scenarios/ids.txt, docs/reference/rules.md)", where, id)
	}
	p.Layer = layer(p.Path)
	if slices.ContainsFunc(t.Proofs[id], func(o Proof) bool { return o.Name == p.Name && o.Path == p.Path && o.Mutants == 0 && p.Mutants == 0 }) {
		return fmt.Errorf("%s: %s is named twice for %s", where, p.Name, id)
	}
	t.Proofs[id] = append(t.Proofs[id], p)
	return nil
}

// Open reports whether nothing proves an id whole.
func (t *Table) Open(id string) bool {
	return !slices.ContainsFunc(t.Proofs[id], func(p Proof) bool { return !p.Part })
}

// IDs are all ids: scenarios, then rules.
func (t *Table) IDs() []string {
	var ids []string
	for _, s := range t.Scenarios {
		ids = append(ids, s.ID)
	}
	for _, r := range t.Rules {
		ids = append(ids, r.ID)
	}
	return ids
}

var family = regexp.MustCompile(`^(S\d+|R)$`)

// Of gives the ids that a family (S0, S5, R) or an id stands for; an error says what exists.
func (t *Table) Of(name string) ([]string, error) {
	var ids []string
	for _, id := range t.IDs() {
		if id == name || family.MatchString(name) && (strings.HasPrefix(id, name+".") || name == "R" && strings.HasPrefix(id, "R")) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("nothing is called %q; there are the families S0 to S5 and R, and their ids, as S1.3 and R13", name)
	}
	return ids, nil
}

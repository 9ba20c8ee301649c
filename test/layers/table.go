// Package layers reads test/layers.txt, the table of who may import whom, and holds the module's packages against it. Its test is the
// only user. Start reading at table.go (the table), then imports.go and pure.go (the two kinds of check).
package layers

import (
	"fmt"
	"os"
	"strings"
)

// Rule is one line of the table.
type Rule struct {
	Kind  string // room, only, pure, std, never, carry
	Room  string
	Names []string
	Why   string
}

// Table is test/layers.txt.
type Table []Rule

// ReadTable reads the table; a line that it does not understand is an error, never passed over.
func ReadTable(path string) (Table, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the table of imports: %w", err)
	}
	var t Table
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		r, err := parseRule(line)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
		if _, twice := t.exact(r.Kind, r.Room); twice && r.Kind != "never" && r.Kind != "carry" {
			return nil, fmt.Errorf("%s:%d: a second line for %s %s", path, i+1, r.Kind, r.Room)
		}
		t = append(t, r)
	}
	return t, nil
}

func parseRule(line string) (Rule, error) {
	parts := strings.SplitN(line, ":", 3)
	if len(parts) != 3 {
		return Rule{}, fmt.Errorf("want KIND ROOM : NAMES : WHY")
	}
	head := strings.Fields(parts[0])
	if len(head) != 2 {
		return Rule{}, fmt.Errorf("want a kind and a room, have %q", parts[0])
	}
	r := Rule{Kind: head[0], Room: head[1], Names: strings.Fields(parts[1]), Why: strings.TrimSpace(parts[2])}
	switch r.Kind {
	case "room", "only", "pure", "std", "never", "carry":
	default:
		return Rule{}, fmt.Errorf("unknown kind %q", r.Kind)
	}
	if r.Why == "" {
		return Rule{}, fmt.Errorf("%s %s gives no reason", r.Kind, r.Room)
	}
	return r, nil
}

func (t Table) exact(kind, room string) (Rule, bool) {
	for _, r := range t {
		if r.Kind == kind && r.Room == room {
			return r, true
		}
	}
	return Rule{}, false
}

// Room finds the room rule of a package: the one whose name matches the most elements, a plain element before a `*`.
func (t Table) Room(pkg string) (Rule, bool) { return t.best("room", pkg) }

// Pure finds the purity rule that holds for a package, if its room is pure.
func (t Table) Pure(pkg string) (Rule, bool) {
	room, ok := t.Room(pkg)
	if !ok {
		return Rule{}, false
	}
	return t.exact("pure", room.Room)
}

func (t Table) best(kind, pkg string) (Rule, bool) {
	var found Rule
	score := -1
	for _, r := range t {
		if s := match(r.Room, pkg); r.Kind == kind && s > score {
			found, score = r, s
		}
	}
	return found, score >= 0
}

// match scores how well a room's name fits a package: two for each equal element, one for each `*`, -1 for no fit.
func match(room, pkg string) int {
	rooms, elements := strings.Split(room, "/"), strings.Split(pkg, "/")
	if len(rooms) > len(elements) {
		return -1
	}
	score := 0
	for i, r := range rooms {
		switch r {
		case elements[i]:
			score += 2
		case "*":
			score++
		default:
			return -1
		}
	}
	return score
}

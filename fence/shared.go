package fence

import (
	"fmt"
	"slices"
	"strings"
)

// Shared is one thing that nodes share, an array or a volume, and what cuts a node off from it (R18).
// Kept for R18: R18-cut.txt, I1.
type Shared struct {
	Name string `json:"name"`
	// CutBy are alternatives. Each is a set of devices that close every way to it together: of two paths, one alone cuts nothing.
	CutBy [][]string `json:"cut_by"`
}

// Gives is the kind of evidence that a level can give at best: a level with a storage device never gives more than a cut.
func (l Level) Gives(devices []Device) EvidenceKind {
	kind := EvidenceWatchdog
	for _, s := range l.Steps {
		if s.Device == "" {
			continue
		}
		if d, _ := findDevice(devices, s.Device); d.Kind == KindStorage {
			return EvidenceStorageCut
		}
		kind = EvidencePowerOff
	}
	return kind
}

// unmixed refuses a level in which a cut stands beside something else: off would be said of a machine that was only cut, or cut of ways that
// nobody closed.
func (l Level) unmixed(devices []Device) error {
	if l.Gives(devices) != EvidenceStorageCut {
		return nil
	}
	for _, s := range l.Steps {
		if d, _ := findDevice(devices, s.Device); d.Kind != KindStorage {
			return fmt.Errorf("it cuts storage and has the step %s beside that: together they prove neither (R18)", s)
		}
	}
	return nil
}

// LeavesOpen says which way to a shared device this level of a node does not close, "" if it closes all: of some alternative every device, and at each every
// target that any of the node's levels names there.
func (l Level) LeavesOpen(name string, shared []Shared, levels []Level) string {
	i := slices.IndexFunc(shared, func(s Shared) bool { return s.Name == name })
	if i < 0 {
		return "nothing in the roster says what cuts it"
	}
	var open []string
	for _, devices := range shared[i].CutBy {
		missing := l.missing(devices, levels)
		if len(devices) > 0 && len(missing) == 0 {
			return ""
		}
		open = append(open, strings.Join(missing, " and "))
	}
	return "it lacks " + strings.Join(open, ", or ")
}

// missing are the ways of a node through a set of devices that this level does not close.
func (l Level) missing(devices []string, levels []Level) []string {
	var out []string
	for _, d := range devices {
		ways := 0
		for _, other := range levels {
			for _, s := range other.Steps {
				if s.Device != d {
					continue
				}
				ways++
				if !slices.Contains(l.Steps, s) && !slices.Contains(out, s.String()) {
					out = append(out, s.String())
				}
			}
		}
		if ways == 0 {
			out = append(out, d)
		}
	}
	return out
}

// cutProof checks R18: a cut releases only a life that said what it uses, and only if all of that is cut off from the machine that it runs on.
func cutProof(v Victim, e Evidence, j Judge) error {
	level := j.Levels[e.Level]
	switch {
	case !j.Cuts:
		return refuse("level %d cuts storage, and not every member's build judges that (R11, R18)", e.Level+1)
	case j.IsCut:
		return refuse("%s is cut already: only what ends its life proves more (R18)", v.Incarnation)
	case !j.CutLife.Zero():
		return refuse("%s is cut off by the same ways and may go on, a second cut would forget it: end that life first, by its power or by an acknowledgement (R18)", j.CutLife)
	case v.Unknown():
		return refuse("nobody has seen %s, so nobody knows what it uses (R18)", v.Incarnation)
	case j.Rewired:
		return refuse("%s booted before its ways were configured as they are, and may have others: only its power or a person ends that (R18)", v.Incarnation)
	case len(j.Announced) == 0:
		return refuse("%s announced no shared device, so nobody knows what it uses (R18)", v.Incarnation)
	case !v.Machine.Known() || !v.Machine.Same(j.Home):
		return refuse("the machine of %s is not known to be the one whose ways are closed (R2, R18)", v.Incarnation)
	}
	for _, names := range [][]string{j.Announced, j.Uses} {
		for _, name := range names {
			if open := level.LeavesOpen(name, j.Shared, j.Levels); open != "" {
				return refuse("level %d does not cut %s off from %s: %s (R18)", e.Level+1, v.Incarnation, name, open)
			}
		}
	}
	return nil
}

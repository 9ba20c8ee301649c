package checklog

import (
	"fmt"
	"slices"
	"time"

	"github.com/fenced-project/fenced/client"
)

// Violation is one invariant that does not hold, with the lines that show it.
type Violation struct {
	Invariant string `json:"invariant"`
	Text      string `json:"text"`
	Where     string `json:"where"`
}

// String is INVARIANT WHERE: TEXT.
func (v Violation) String() string { return v.Invariant + " " + v.Where + ": " + v.Text }

// Report is what a check came to. Lines without violations prove only what they show: Checked says how much that was.
type Report struct {
	Lines      int            `json:"lines"`
	Nodes      []string       `json:"nodes"`
	Victims    int            `json:"victims"`
	Verdicts   int            `json:"verdicts"`
	Releases   int            `json:"releases"`
	Writes     int            `json:"writes"`
	PowerOffs  map[string]int `json:"power_offs"`
	Violations []Violation    `json:"violations"`
}

// Options of a check.
type Options struct {
	// Bound is how long a victim may be open while events go on (I2); 0 checks that every victim is resolved at the end of the log.
	Bound time.Duration
	// OpenAllowed: victims may be open at the end (a log that was collected in mid-operation).
	OpenAllowed bool
}

// Check checks the lines of all nodes and the ground truth together.
func Check(lines []Line, o Options) Report {
	c := &checker{o: o, lines: lines, log: committed(lines)}
	c.report.Lines, c.report.PowerOffs = len(lines), map[string]int{}
	for _, l := range lines {
		if l.By != "" && !slices.Contains(c.report.Nodes, l.By) {
			c.report.Nodes = append(c.report.Nodes, l.By)
		}
		if l.Event.Event == truthPower && l.Action == client.ActionOff {
			c.report.PowerOffs[l.Node]++
		}
	}
	slices.Sort(c.report.Nodes)
	c.agreement()
	c.epochs()
	c.claims()
	c.verdicts()
	c.releases()
	c.writes()
	c.grants()
	c.resolution()
	return c.report
}

type checker struct {
	o      Options
	lines  []Line
	log    []Line
	report Report
}

func (c *checker) violate(invariant string, l Line, format string, args ...any) {
	c.report.Violations = append(c.report.Violations, Violation{Invariant: invariant, Where: l.where(), Text: fmt.Sprintf(format, args...)})
}

// agreement is I3: all members say the same of the same index: the same views, victims, claims and verdicts.
func (c *checker) agreement() {
	type key struct {
		index uint64
		event string
		node  string
	}
	first := map[key]Line{}
	for _, l := range c.lines {
		if l.Index == 0 || l.Event.Event == client.EventRelease {
			continue
		}
		k := key{l.Index, l.Event.Event, l.Node}
		f, ok := first[k]
		if !ok {
			first[k] = l
			continue
		}
		if f.By != l.By && identity(f) != identity(l) {
			c.violate("I3", l, "%s says of index %d %q, %s says %q (%s)", l.By, l.Index, identity(l), f.By, identity(f), f.where())
		}
	}
}

// epochs is I4: who claims or proves is in the view that is in force at that index, and views only grow.
func (c *checker) epochs() {
	var view Line
	for _, l := range c.log {
		switch l.Event.Event {
		case client.EventView:
			if l.Index <= view.Index && view.Index != 0 {
				c.violate("I4", l, "the view of epoch %d follows that of epoch %d", l.Index, view.Index)
			}
			view = l
		case client.EventClaim, client.EventVictim, client.EventVerdict:
			if view.Index == 0 {
				continue // the log begins in mid-course
			}
			if l.Event.Event == client.EventVictim && view.Quorate != nil && !*view.Quorate {
				c.violate("I4", l, "%s became a victim in epoch %d, which was not quorate (R30)", l.Node, view.Index)
			}
			if l.Event.Event == client.EventClaim && !slices.Contains(view.Members, l.Actor) {
				c.violate("I4", l, "%s claimed %s and is not in the view of epoch %d", l.Actor, l.Node, view.Index)
			}
		}
	}
}

// claims is I5: at most one claim on a node is active, and a power-on is never claimed while a victim is open.
func (c *checker) claims() {
	active := map[string]Line{}
	open := map[string]bool{}
	for _, l := range c.log {
		switch l.Event.Event {
		case client.EventVictim:
			open[l.Node] = true
		case client.EventClaim:
			if a, ok := active[l.Node]; ok {
				c.violate("I5", l, "claim %d on %s by %s while claim %d by %s is active", l.Claim, l.Node, l.Actor, a.Claim, a.Actor)
			}
			if l.Action == client.ActionOn && open[l.Node] {
				c.violate("V5", l, "power-on of %s is claimed while a victim is open", l.Node)
			}
			active[l.Node] = l
		case client.EventClaimEnd, client.EventHandover, client.EventCancelled, client.EventPowerOn, client.EventUnfence:
			delete(active, l.Node)
		case client.EventDrill: // its claim ends by the step that names it; every other step leaves what is claimed as it is
			if active[l.Node].Claim == l.Claim {
				delete(active, l.Node)
			}
		case client.EventVerdict:
			delete(active, l.Node)
			open[l.Node] = false
		}
	}
}

// verdicts: one for each life, on a victim, with evidence; and a life that has one is never a clean member again (V1, V8, R16).
func (c *checker) verdicts() {
	victims, verdicts := map[string]Line{}, map[string]Line{}
	starts := len(c.log) > 0 && c.log[0].Index <= 2 // the whole log is here
	for _, l := range c.log {
		life := l.Node + "/" + l.Incarnation
		switch l.Event.Event {
		case client.EventVictim:
			c.report.Victims++
			victims[life] = l
		case client.EventVerdict:
			c.report.Verdicts++
			if _, ok := victims[life]; !ok && starts {
				c.violate("V1", l, "a verdict on %s, which was no victim", life)
			}
			if v, ok := verdicts[life]; ok && (v.Verdict != client.VerdictCut || l.Verdict == client.VerdictCut) { // a stronger one of a cut life stays possible (R18)
				c.violate("V8", l, "a second verdict on %s, the first is %s", life, v.where())
			}
			if l.Evidence == nil || l.Evidence.Kind == "" {
				c.violate("V1", l, "a verdict on %s without evidence", life)
			} else if v, ok := victims[life]; ok && l.Evidence.Kind == client.EvidencePowerOff && l.Evidence.ReadIndex < v.Index {
				c.violate("V1", l, "the first read for %s began at log index %d, it became a victim at %d", life, l.Evidence.ReadIndex, v.Index)
			}
			if v, ok := victims[life]; ok && l.Evidence != nil && l.Evidence.Kind == client.EvidenceStorageCut && l.Evidence.ReadIndex < v.Index {
				c.violate("V1", l, "the first read of the ports of %s began at log index %d, it became a victim at %d", life, l.Evidence.ReadIndex, v.Index)
			}
			verdicts[life] = l
		case client.EventClean:
			if v, ok := verdicts[life]; ok {
				c.violate("V11", l, "%s is clean again after its verdict (%s)", life, v.where())
			}
		}
	}
}

// releases: only of lives that have a verdict, by nodes that had applied it (I1).
func (c *checker) releases() {
	verdicts := map[string]Line{}
	for _, l := range c.log {
		if l.Event.Event == client.EventVerdict {
			verdicts[l.Node+"/"+l.Incarnation] = l
		}
	}
	applied := map[string]bool{}
	for _, l := range c.lines { // within one file, lines are in the order in which the node wrote them
		life := l.Node + "/" + l.Incarnation
		switch l.Event.Event {
		case client.EventVerdict:
			applied[l.By+" "+l.Stream+" "+life] = true
		case client.EventRelease:
			c.report.Releases++
			if _, ok := verdicts[life]; !ok {
				c.violate("I1", l, "%s released %s, which has no verdict", l.By, life)
			} else if !applied[l.By+" "+l.Stream+" "+life] {
				c.violate("I1", l, "%s released %s before it had applied its verdict", l.By, life)
			}
		}
	}
}

// writes is I1 against the shared disk: no write of a life lands after anybody released it. Both times are of one clock where this is used.
func (c *checker) writes() {
	released := map[string]Line{}
	for _, l := range c.lines {
		life := l.Node + "/" + l.Incarnation
		if l.Event.Event != client.EventRelease {
			continue
		}
		if f, ok := released[life]; !ok || l.At.Before(f.At.Time) {
			released[life] = l
		}
	}
	for _, l := range c.lines {
		if l.Event.Event != truthWrite {
			continue
		}
		c.report.Writes++
		if r, ok := released[l.Node+"/"+l.Incarnation]; ok && l.At.After(r.At.Time) {
			c.violate("I1", l, "a write of %s/%s landed %s after its release (%s)", l.Node, l.Incarnation, l.At.Sub(r.At.Time), r.where())
		}
	}
}

// resolution is I2: every victim is resolved, within the bound.
func (c *checker) resolution() {
	open := map[string]Line{}
	var end time.Time
	for _, l := range c.log {
		if l.At.After(end) {
			end = l.At.Time
		}
		life := l.Node + "/" + l.Incarnation
		switch l.Event.Event {
		case client.EventVictim:
			open[life] = l
		case client.EventVerdict:
			if v, ok := open[life]; ok && c.o.Bound > 0 && l.At.Sub(v.At.Time) > c.o.Bound {
				c.violate("I2", l, "%s was resolved after %s, the bound is %s", life, l.At.Sub(v.At.Time), c.o.Bound)
			}
			delete(open, life)
		}
	}
	for _, l := range c.log {
		life := l.Node + "/" + l.Incarnation
		if v, ok := open[life]; ok && v.where() == l.where() && !c.o.OpenAllowed && end.Sub(v.At.Time) >= c.o.Bound {
			c.violate("I2", l, "%s became a victim and was never resolved", life)
		}
	}
}

package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/fenced-project/fenced/client"
)

// card is `fenced status NODE -o json`.
type card struct {
	API        string                        `json:"api"`
	Node       client.Node                   `json:"node"`
	Operations client.List[client.Operation] `json:"operations"`
	// Clients are known only of the node that answers.
	Clients client.List[client.LocalClient] `json:"clients"`
}

// cardText shows everything about one node, one fact on a line.
func (a *app) cardText(w io.Writer, s client.Status, n client.Node) {
	now := a.deps.Now()
	symbol, colour := look(n.State)
	if !a.colourful() {
		colour = ""
	}
	end := plain
	if colour == "" {
		end = ""
	}
	fmt.Fprintf(a.painted(), "%s%s%s %s   %s%s%s since %s (%s)\n", colour, symbol, end, clean(n.Name, false), colour, clean(n.State, false), end,
		age(now, n.Since), stamp(n.Since))
	fact := func(label, format string, args ...any) {
		fmt.Fprintf(w, "  %-10s "+format+"\n", append([]any{label}, args...)...)
	}
	if s.Simulated {
		fact("simulated", "a fake system: nothing here can reset a machine")
	}
	if n.Why != "" {
		fact("why", "%s", n.Why)
	}
	fact("cluster", "%s, seen from %s in epoch %d", orDash(s.Cluster), s.Node, s.Epoch)
	fact("identity", "id %d, %s, version %s", n.ID, orDash(n.Role), orDash(n.Version))
	fact("life", "boot %s, daemon %s", orDash(n.BootID), orDash(n.Instance))
	fact("flags", "%s", joined(n.Flags, ", "))
	fact("residual", "%s", orDash(n.Residual))
	fact("watchdog", "%s", watchdogText(n.Watchdog))
	for i, l := range n.Levels {
		fact(fmt.Sprintf("level %d", i+1), "%s", l)
	}
	for _, p := range n.Paths {
		fact("path", "%s (level %d): %s, checked %s ago", p.Device, p.Level, p.Health, age(now, p.Checked))
	}
	if n.Last != nil {
		fact("last", "%s: %s at %s (op %d)", n.Last.Verdict, proof(n.Last.Evidence), n.Last.At.UTC().Format(time.RFC3339), n.Last.Operation)
	}
	for _, m := range n.Mapped {
		fact("proven", "%s, by a drill", m)
	}
	for _, m := range n.Declared {
		fact("declared", "%s: accept_mapping vouches for it, nothing has proven it", m)
	}
	if d := n.Drill; d != nil {
		fact("drill", "%s", drillWords(*d))
	}
	for _, o := range operationsOf(s, n.Name) {
		fact("operation", "%s", operationLine(o))
	}
	for _, c := range clientsOf(s, n.Name) {
		fact("client", "%s", clientLine(c, now))
	}
	fact("next", "fenced plan %s  |  fenced history %s", n.Name, n.Name)
}

func watchdogText(d client.Watchdog) string {
	if d.Kind == "" {
		return "none"
	}
	return fmt.Sprintf("%s, lease %s, hardware %s", d.Kind, took(d.LeaseMS), took(d.HardwareMS))
}

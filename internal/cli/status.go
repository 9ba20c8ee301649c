package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

// Most lines of each kind in a text status, so that five nodes fit on 24 lines; -o wide shows all.
const (
	maxOperations = 4
	maxWaiting    = 2
	maxAttention  = 5
	maxClients    = 4 // on their one line
)

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status [NODE]",
		Short: "what this node knows of its cluster, or of one node",
		Long: `Shows the cluster as this node sees it, or with NODE all about one node.

Exit code: 0 healthy, 90 a person should look (also while the cluster is not armed), 91 an operation is in progress, 92 a node needs an
operator, 106 no quorum. With NODE: 0 member, 90 neither member nor trouble, 91 being fenced, 92 needs an operator, 95 dirty.`,
		Args:              words(0, 1, "at most one NODE"),
		ValidArgsFunction: a.nodeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), queryTimeout)
			defer cancel()
			c := a.client()
			defer c.Close()
			s, err := c.Status(ctx)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				a.show(s, func(w io.Writer) { a.statusText(w, s) })
				return code(statusCode(s))
			}
			n, err := nodeOf(s, args[0])
			if err != nil {
				return err
			}
			a.show(card{API: client.API, Node: n, Operations: operationsOf(s, n.Name), Clients: clientsOf(s, n.Name)}, func(w io.Writer) { a.cardText(w, s, n) })
			return code(nodeCode(n))
		},
	}
}

// code ends a command whose output says it all.
func code(c client.Code) error {
	if c == client.CodeOK {
		return nil
	}
	return silent(c)
}

// statusCode is the worst of what a status shows.
func statusCode(s client.Status) client.Code {
	worst := client.CodeOK
	for _, n := range s.Nodes {
		if n.State == client.StateNeedsOperator {
			worst = client.CodeNeedsOperator
		}
	}
	switch {
	case !s.Quorate:
		return client.CodeNoQuorum
	case worst != client.CodeOK:
		return worst
	case len(s.Operations) > 0:
		return client.CodeInProgress
	case !s.Healthy():
		return client.CodeAttention
	}
	return client.CodeOK
}

func nodeCode(n client.Node) client.Code {
	switch n.State {
	case client.StateMember:
		return client.CodeOK
	case client.StateFailed, client.StateFencing:
		return client.CodeInProgress
	case client.StateNeedsOperator:
		return client.CodeNeedsOperator
	case client.StateDirty:
		return client.CodeDirty
	}
	return client.CodeAttention
}

func nodeOf(s client.Status, name string) (client.Node, error) {
	var names []string
	for _, n := range s.Nodes {
		if n.Name == name {
			return n, nil
		}
		names = append(names, n.Name)
	}
	return client.Node{}, client.NoSuch("node", name, names)
}

func operationsOf(s client.Status, node string) client.List[client.Operation] {
	var out client.List[client.Operation]
	for _, o := range s.Operations {
		if o.Victim == node {
			out = append(out, o)
		}
	}
	return out
}

// clientsOf are a node's registered programs: only its own daemon knows them.
func clientsOf(s client.Status, node string) client.List[client.LocalClient] {
	if node != s.Node {
		return nil
	}
	return s.Clients
}

// look is how a state looks: unknown is never green, and what needs doing is red.
func look(state string) (symbol, colour string) {
	switch state {
	case client.StateMember:
		return "●", green
	case client.StateFailed, client.StateFencing, client.StateNeedsOperator, client.StateDirty:
		return "×", red
	case client.StateSuspect, client.StateUnknown:
		return "?", yellow
	}
	return "○", ""
}

func (a *app) statusText(w io.Writer, s client.Status) {
	now, wide := a.deps.Now(), a.format == formatWide
	fmt.Fprintln(w, headline(s))
	if s.Simulated {
		fmt.Fprintln(w, "SIMULATED    a fake system: nothing here can reset a machine")
	}
	if s.Frozen {
		fmt.Fprintf(w, "FROZEN       no release, no grant, no duty: %s\n", orDash(s.FrozenWhy))
	}
	fmt.Fprintln(w)
	a.nodesTable(s, now).write(a.painted(), a.colourful(), "")
	lines := statusLines(s, now, wide)
	if wide && s.Rejected > 0 {
		lines = append(lines, "rejected     "+plural(int(s.Rejected), "entry", "entries")+" of the log, by every member alike: the journal says which and why")
	}
	if len(lines) > 0 {
		fmt.Fprintln(w)
	}
	for _, l := range lines {
		fmt.Fprintln(w, l)
	}
}

func headline(s client.Status) string {
	quorum := "NO QUORUM"
	if s.Quorate {
		quorum = "QUORATE"
	}
	duty := "NOT ARMED"
	switch {
	case s.Armed && s.Disarm != nil && s.Disarm.Pending:
		duty = "armed, DISARMING"
	case s.Armed:
		duty = "armed"
	}
	brake := "ok"
	if len(s.Brake.Held) > 0 {
		brake = "HOLDS " + strings.Join(s.Brake.Held, ",")
	}
	head := fmt.Sprintf("cluster %s   epoch %d   %s %d votes, needs %d   %s   brake %s (%d/%d)", orDash(s.Cluster), s.Epoch, quorum, s.Votes.Have,
		s.Votes.Need, duty, brake, s.Brake.Count, s.Brake.Limit)
	if s.Domain == "" {
		head += "   NO DOMAIN"
	}
	return head
}

func (a *app) nodesTable(s client.Status, now time.Time) *table {
	wide := a.format == formatWide
	t := &table{}
	head := []string{" ", "NODE", "STATE", "SINCE", "LAST PROOF", "LEVELS", "RESIDUAL"}
	if wide {
		head = append(head, "ID", "ROLE", "BOOT", "WATCHDOG", "FLAGS", "VERSION")
	}
	t.add(head...)
	for _, n := range s.Nodes {
		symbol, colour := look(n.State)
		state := n.State
		if !wide && len(n.Flags) > 0 {
			state += " (" + strings.Join(n.Flags, ",") + ")"
		}
		row := []string{symbol, n.Name, state, age(now, n.Since), lastProof(n), levels(n.Levels), orDash(n.Residual)}
		if wide {
			row = append(row, fmt.Sprint(n.ID), orDash(n.Role), short(n.BootID), orDash(n.Watchdog.Kind), joined(n.Flags, ","), orDash(n.Version))
		}
		t.add(row...)
		t.paint(0, colour)
		t.paint(2, colour)
	}
	return t
}

func lastProof(n client.Node) string {
	if n.Last == nil {
		return "-"
	}
	return proof(n.Last.Evidence) + " " + stamp(n.Last.At)
}

func levels(l []string) string { return joined(l, " → ") }

// statusLines are the facts below the table, the next command last.
func statusLines(s client.Status, now time.Time, wide bool) []string {
	var out []string
	add := func(label string, most int, lines []string) {
		if !wide && len(lines) > most {
			more := len(lines) - most + 1
			lines = append(append([]string(nil), lines[:most-1]...), fmt.Sprintf("and %d more: fenced status -o wide", more))
		}
		for _, l := range lines {
			out = append(out, fmt.Sprintf("%-12s %s", label, l))
		}
	}
	if s.Provider == "corosync" {
		add("membership", 1, []string{fmt.Sprintf("corosync, %s, votes %d of %d needed, as corosync counts", cmp.Or(s.Ring, "no ring"), s.Votes.Have, s.Votes.Need)})
	}
	var ops, waits, notes []string
	for _, o := range s.Operations {
		ops = append(ops, operationLine(o))
	}
	for _, x := range s.Waiting {
		line := x.What
		if len(x.For) > 0 {
			line += ", for " + strings.Join(x.For, ", ")
		}
		if !x.Since.IsZero() {
			line += ", since " + age(now, x.Since)
		}
		if !x.Deadline.IsZero() {
			line += ", until " + stamp(x.Deadline)
		}
		waits = append(waits, line)
	}
	for _, x := range s.Attention {
		line := x.Text
		if x.Code != "" {
			line = x.Code + " " + line
		}
		if x.Next != "" {
			line += "   (" + x.Next + ")"
		}
		notes = append(notes, line)
	}
	add("in progress", maxOperations, ops)
	add("clients", 1, clientLines(s.Clients, now, wide))
	add("waiting", maxWaiting, waits)
	add("attention", maxAttention, notes)
	if next := nextCommand(s); next != "" {
		add("next", 1, []string{next})
	}
	return out
}

// clientLines are this node's registered programs: all on one line, or wide with one line for each.
func clientLines(l []client.LocalClient, now time.Time, wide bool) []string {
	var lines, short []string
	for i, c := range l {
		lines = append(lines, clientLine(c, now))
		if i < maxClients || len(l) == maxClients+1 {
			short = append(short, fmt.Sprintf("%s (%s)", c.Name, clientWords(c)))
		}
	}
	switch more := len(l) - len(short); {
	case wide || len(l) == 0:
		return lines
	case more > 0:
		short = append(short, fmt.Sprintf("and %d more", more))
	}
	return []string{strings.Join(short, ", ")}
}

// clientLine is all about one registered program.
func clientLine(c client.LocalClient, now time.Time) string {
	line := fmt.Sprintf("%s  %s since %s  pid %d", c.Name, clientWords(c), age(now, c.Since), c.PID)
	if c.Why != "" {
		line += ": " + c.Why
	}
	return line
}

// clientWords say what a registered program may do.
func clientWords(c client.LocalClient) string {
	words := []string{"waits"}
	switch {
	case c.Granted:
		words[0] = "granted"
	case c.Role == client.RoleReport:
		words[0] = "reports"
	}
	if c.Frozen {
		words = append(words, "frozen")
	}
	if c.Critical {
		words = append(words, "critical")
	}
	return strings.Join(words, ", ")
}

// nextCommand is what a person would type now.
func nextCommand(s client.Status) string {
	switch {
	case s.Domain == "":
		return "fenced bootstrap   (once, on one node)"
	case len(s.Operations) > 0:
		o := s.Operations[0]
		return fmt.Sprintf("fenced watch %d  |  fenced status %s", o.ID, o.Victim)
	}
	for _, n := range s.Nodes {
		if _, colour := look(n.State); colour == red || colour == yellow {
			return "fenced status " + n.Name + "  |  fenced history " + n.Name
		}
	}
	if !s.Armed && s.Quorate {
		return "fenced arm"
	}
	return ""
}

// operationLine is one open operation on one line.
func operationLine(o client.Operation) string {
	parts := []string{fmt.Sprintf("op %d", o.ID), o.Victim}
	if o.Level > 0 {
		parts = append(parts, fmt.Sprintf("level %d/%d %s", o.Level, o.Levels, o.Device))
	}
	if o.Attempt > 0 {
		parts = append(parts, fmt.Sprintf("attempt %d/%d", o.Attempt, o.Attempts))
	}
	last := orDash(o.Phase)
	if o.DeadlineMS > 0 {
		last += ", " + took(o.DeadlineMS) + " left"
	}
	if o.Actor != "" {
		last += ", by " + o.Actor
	}
	if o.Why != "" {
		last += ": " + o.Why
	}
	return strings.Join(append(parts, last), "  ")
}

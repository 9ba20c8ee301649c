package playground

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

// startDeadline bounds the way from nothing to an armed cluster.
const startDeadline = 40 * time.Second

// stayUp is the playground: it stays until ctx ends or `fenced dev stop` comes.
func stayUp(ctx context.Context, opt Options, tl *timeline) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	opt.Log = noteWriter{tl}
	var running atomic.Pointer[Cluster]
	ctl, err := listenControl(func(ctx context.Context, verb, node string) answer {
		if verb == "stop" {
			cancel()
			return answer{Text: "stopping"}
		}
		if c := running.Load(); c != nil {
			return c.do(ctx, verb, node)
		}
		return answer{Error: "the cluster is still starting", Code: int(client.CodeTryAgain)}
	})
	if err != nil {
		return err
	}
	defer ctl.close()
	startCtx, ready := context.WithTimeout(ctx, startDeadline)
	defer ready()
	c, err := Start(startCtx, opt)
	if err != nil {
		return err
	}
	running.Store(c)
	seen := newEcho()
	c.record.onEvent(func(e Event) {
		if tl.json || seen.first(e) {
			tl.event(e)
		}
	})
	if !tl.json {
		c.banner(tl.out)
	}
	<-ctx.Done()
	tl.note(c.Since(), "stop", "", "ending everything")
	return c.Stop()
}

// banner says what is simulated and what to try.
func (c *Cluster) banner(out io.Writer) {
	network := "all on the loopback; cutting networks needs root"
	if c.net.spaces != nil {
		network = "a network namespace each; networks can be cut"
	}
	first := c.nodes[0]
	fmt.Fprintf(out, `
  fenced playground: %d real daemons, each with a test BMC that speaks real IPMI   (%s)
  Simulated: the machines, their boot ids, watchdogs and resets. Nothing of this machine can be switched off.

  In another terminal:
    fenced dev kill node-%d                              # a crash; then watch it being fenced and coming back
    fenced watch --socket %s
    fenced history --socket %s

  also: fenced dev freeze|thaw|cut|heal NODE, fenced dev status, fenced dev stop (or Ctrl-C here)
  files: %s

`, len(c.nodes), network, len(c.nodes), first.Socket(), first.Socket(), c.dir)
}

// Status is what `fenced dev status` shows.
type Status struct {
	API       string       `json:"api"`
	Simulated bool         `json:"simulated"`
	Dir       string       `json:"dir"`
	Network   string       `json:"network"` // loopback or namespaces
	Nodes     []NodeStatus `json:"nodes"`
}

// NodeStatus is one node as the playground knows it (Power, Running, BootID are the truth) and as the first node that answers sees it (State).
type NodeStatus struct {
	Name    string `json:"name"`
	Power   bool   `json:"power"`
	Running bool   `json:"running"`
	PID     int    `json:"pid,omitempty"`
	BootID  string `json:"boot_id"`
	State   string `json:"state"`
	Socket  string `json:"socket"`
	BMC     string `json:"bmc"`
	Counts  Counts `json:"counts"`
}

// status collects; what cannot be had is left empty.
func (c *Cluster) status(ctx context.Context) *Status {
	s := &Status{API: client.API, Simulated: true, Dir: c.dir, Network: "loopback"}
	if c.net.spaces != nil {
		s.Network = "namespaces"
	}
	states := c.states(ctx)
	for _, n := range c.nodes {
		ns := NodeStatus{Name: n.Name, State: states[n.Name], Socket: n.Socket(), BMC: c.net.bmcAddress(n.bmcs[0].number)}
		if r, err := n.report(); err == nil {
			ns.Power, ns.Running, ns.PID, ns.BootID = r.Power == "on", r.Running, r.Pid, r.BootID
		}
		ns.Counts, _ = n.bmcs[0].Counts(ctx)
		s.Nodes = append(s.Nodes, ns)
	}
	return s
}

// states asks the nodes in turn; the first quorate answer counts, else the last.
func (c *Cluster) states(ctx context.Context) map[string]string {
	states := map[string]string{}
	for _, n := range c.nodes {
		ctx, cancel := context.WithTimeout(ctx, statusTime)
		st, err := n.client.Status(ctx)
		cancel()
		if err != nil {
			continue
		}
		clear(states)
		for _, m := range st.Nodes {
			states[m.Name] = m.State
		}
		if st.Quorate {
			break
		}
	}
	return states
}

// verb is one command to a running playground.
type verb struct{ name, short string }

var verbs = []verb{
	{"kill", "crash a node: everything on it dies at once, its power stays on"},
	{"freeze", "stop everything on a node, as a hang does"},
	{"thaw", "let a frozen node go on, as if no time had passed"},
	{"cut", "take a node off the cluster network; its BMC stays reachable (needs namespaces)"},
	{"heal", "put a cut node back"},
	{"status", "what runs, what has power, what the BMCs counted"},
	{"stop", "end the playground"},
}

// do carries out a verb on the cluster.
func (c *Cluster) do(ctx context.Context, verb, node string) answer {
	if verb == "status" {
		return answer{State: c.status(ctx)}
	}
	n, ok := c.Named(node)
	if !ok {
		var names []string
		for _, m := range c.nodes {
			names = append(names, m.Name)
		}
		e := client.NoSuch("node", node, names)
		return answer{Error: e.Text + near(e.Near), Code: int(e.Code)}
	}
	actions := map[string]func() error{"kill": n.Kill, "freeze": n.Freeze, "thaw": n.Thaw, "cut": n.Cut, "heal": n.Heal}
	act, ok := actions[verb]
	if !ok {
		return answer{Error: fmt.Sprintf("a playground knows no %q", verb), Code: int(client.CodeUsage)}
	}
	if err := act(); err != nil {
		return answer{Error: err.Error(), Code: int(client.CodeError)}
	}
	return answer{Text: verb + " " + n.Name + ": done"}
}

func near(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return " (did you mean " + strings.Join(names, ", ") + "?)"
}

// verbCommand is `fenced dev VERB [NODE]`.
func verbCommand(v verb, f *flags) *cobra.Command {
	use, args := v.name+" NODE", cobra.ExactArgs(1)
	if v.name == "status" || v.name == "stop" {
		use, args = v.name, cobra.NoArgs
	}
	return &cobra.Command{Use: use, Short: v.short, Args: usageArgs(args), RunE: func(cmd *cobra.Command, args []string) error {
		node := ""
		if len(args) > 0 {
			node = args[0]
		}
		a, err := askPlayground(cmd.Context(), v.name, node)
		if err != nil {
			return err
		}
		return printAnswer(cmd.OutOrStdout(), a, f.output == "json")
	}}
}

func printAnswer(out io.Writer, a answer, asJSON bool) error {
	if a.Error != "" {
		return client.Errorf(client.Code(a.Code), "%s", a.Error)
	}
	switch {
	case asJSON && a.State != nil:
		return json.NewEncoder(out).Encode(a.State)
	case asJSON:
		return json.NewEncoder(out).Encode(a)
	case a.State == nil:
		_, err := fmt.Fprintln(out, a.Text)
		return err
	}
	fmt.Fprintf(out, "playground (simulated)   network %s   files %s\n\n", a.State.Network, a.State.Dir)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NODE\tSTATE\tPOWER\tDAEMON\tLIFE\tOFF\tON\tSOCKET")
	for _, n := range a.State.Nodes {
		power, daemon := "off", "-"
		if n.Power {
			power = "on"
		}
		if n.Running {
			daemon = fmt.Sprint("pid ", n.PID)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%.8s\t%d\t%d\t%s\n", n.Name, n.State, power, daemon, n.BootID, n.Counts.Off, n.Counts.On, n.Socket)
	}
	return w.Flush()
}

// noteWriter makes lines of the timeline from the lines that Start writes.
type noteWriter struct{ tl *timeline }

func (w noteWriter) Write(b []byte) (int, error) {
	for line := range strings.Lines(string(b)) {
		w.tl.say(strings.TrimSpace(line))
	}
	return len(b), nil
}

package playground

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/machine"
)

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
			ns.Power, ns.Running, ns.PID, ns.BootID = r.Power == machine.On, r.Running, r.Pid, r.BootID
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

// printAnswer writes what a playground answered; an error is returned, with its exit code.
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

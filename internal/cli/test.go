package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

func (a *app) testCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "test [NODE | --all]",
		Short: "log in to the fence devices of NODE, or of all nodes, and read; switches nothing",
		Long: `This node logs in to every device of the node's levels, reads the power state, and compares the identity that the device gives with the
node's machine. Nothing is switched. Without NODE and --all, this node's own devices are tested.

Exit code: 0 every device answered as what it must be; 90 at least one did not, or proves nothing; 91 an operation is open, which no test
delays; 105 no such node.`,
		Args:              words(0, 1, "at most one NODE"),
		ValidArgsFunction: a.nodeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			if all && len(args) > 0 {
				return usage("--all and a NODE are two things")
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), readTimeout)
			defer cancel()
			c := a.client()
			defer c.Close()
			node := ""
			switch {
			case len(args) > 0:
				node = args[0]
			case !all:
				s, err := c.Status(ctx)
				if err != nil {
					return err
				}
				node = s.Node
			}
			t, err := c.Test(ctx, node)
			if err != nil {
				return err
			}
			a.show(t, func(w io.Writer) { a.testText(w, t) })
			return code(testCode(t))
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "the devices of all nodes")
	return cmd
}

func testCode(t client.Test) client.Code {
	for _, n := range t.Nodes {
		if !n.OK {
			return client.CodeAttention
		}
	}
	return client.CodeOK
}

func (a *app) testText(w io.Writer, t client.Test) {
	if t.Simulated {
		fmt.Fprintln(w, "SIMULATED    a fake system: nothing here can reset a machine")
	}
	tab := &table{}
	tab.add(" ", "NODE", "LEVEL", "DEVICE", "POWER", "PROOF", "CLASS", "TIME", "IDENTITY")
	bad, devices := 0, 0
	for _, n := range t.Nodes {
		for _, d := range n.Devices {
			symbol, colour := "●", green
			if devices++; !d.OK {
				symbol, colour = "×", red
				bad++
			}
			tab.add(symbol, n.Node, fmt.Sprint(d.Level), d.Device, orDash(d.State), orDash(d.Proof), orDash(d.Class), took(d.MS), orDash(d.Identity))
			tab.paint(0, colour)
		}
	}
	tab.write(a.painted(), a.colourful(), "")
	fmt.Fprintln(w)
	next := ""
	for _, n := range t.Nodes {
		if n.Text != "" {
			fmt.Fprintf(w, "attention    %s: %s\n", n.Node, n.Text)
		}
		for _, d := range n.Devices {
			if d.Text != "" {
				fmt.Fprintf(w, "attention    %s level %d %s: %s\n", n.Node, d.Level, d.Device, d.Text)
			}
			if d.Note != "" {
				fmt.Fprintf(w, "note         %s level %d %s: %s\n", n.Node, d.Level, d.Device, d.Note)
			}
			if next == "" && d.Class == client.ClassOK && d.Identity == "" && d.Proof == client.ProofNone {
				next = fmt.Sprintf("fenced drill %s --level %d", n.Node, d.Level)
			}
		}
	}
	fmt.Fprintf(w, "%d of %d devices answered as they must, asked by %s\n", devices-bad, devices, orDash(t.By))
	if next != "" {
		fmt.Fprintf(w, "next         %s\n", next)
	}
}

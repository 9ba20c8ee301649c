package playground

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

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

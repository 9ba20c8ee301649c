package cli

import (
	"cmp"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/internal/config"
)

func (a *app) configCommand() *cobra.Command {
	return group("config", "look at the configuration", a.configCheckCommand(), a.configExplainCommand(), a.configReloadCommand())
}

// checked is `fenced config check -o json`.
type checked struct {
	API      string                      `json:"api"`
	OK       bool                        `json:"ok"`
	Files    client.List[string]         `json:"files"`
	Cluster  string                      `json:"cluster"`
	Node     string                      `json:"node"`
	Nodes    int                         `json:"nodes"`
	Devices  int                         `json:"devices"`
	Hash     string                      `json:"hash"`
	TwoNode  *turns                      `json:"two_node,omitempty"`
	Problems client.List[config.Problem] `json:"problems"`
}

func (a *app) configCheckCommand() *cobra.Command {
	var anyNode, noSecrets, noPlugins bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "find everything that is wrong with the configuration files, without a daemon",
		Long: `Reads the files as the daemon does, and asks the installed plugins what options their devices have, and installed fence agents for their parameters:
each mistake is shown with its file and line. What is not installed here is a warning. No device is touched.`,
		Args: words(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o := a.find(cmd.Flags())
			o.AnyNode, o.NoSecrets = anyNode, noSecrets
			if a.deps.Describer != nil && !noPlugins {
				o.Describe = a.deps.Describer(cmp.Or(o.PluginDir, config.DefaultPluginDir))
			}
			if a.deps.Opener != nil && !noPlugins {
				o.Open = a.deps.Opener(cmp.Or(o.PluginDir, config.DefaultPluginDir))
			}
			c, problems := config.Load(o)
			doc := checked{API: client.API, OK: c != nil, Problems: client.List[config.Problem](problems)}
			if c != nil {
				doc.Files, doc.Cluster, doc.Node = c.Files, c.Roster.Cluster, c.SelfName
				doc.Nodes, doc.Devices, doc.Hash = len(c.Roster.Nodes), len(c.Roster.Devices), c.Roster.Hash()
				doc.TwoNode = turnsOf(c.TwoNode)
			}
			a.show(doc, func(w io.Writer) { checkedText(w, a.err, doc) })
			if c == nil {
				return silent(client.CodeConfig)
			}
			return nil
		},
	}
	config.AddFlags(cmd.Flags())
	cmd.Flags().BoolVar(&anyNode, "any-node", false, "this host need not be one of the nodes")
	cmd.Flags().BoolVar(&noPlugins, "no-plugins", false, "do not ask the plugins for the options of their devices")
	cmd.Flags().BoolVar(&noSecrets, "no-secrets", false, "do not read the cluster key and secret files")
	return cmd
}

func checkedText(out, talk io.Writer, c checked) {
	bad := 0
	for _, p := range c.Problems {
		fmt.Fprintln(talk, p.String())
		if !p.Warning {
			bad++
		}
	}
	if !c.OK {
		fmt.Fprintf(out, "%s, nothing would start\n", plural(bad, "mistake", "mistakes"))
		return
	}
	fmt.Fprintf(out, "ok: cluster %s, %s, %s, roster %s", c.Cluster, plural(c.Nodes, "node", "nodes"), plural(c.Devices, "device", "devices"), c.Hash)
	if len(c.Problems) > 0 {
		fmt.Fprintf(out, ", %s", plural(len(c.Problems), "warning", "warnings"))
	}
	fmt.Fprintln(out)
	if c.TwoNode != nil {
		fmt.Fprintf(out, "two nodes: %s begins, %s follows a gap later; %s\n", c.TwoNode.First, c.TwoNode.Second, c.TwoNode.sum())
	}
}

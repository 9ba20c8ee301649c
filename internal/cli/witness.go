package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/internal/config"
)

func (a *app) witnessCommand() *cobra.Command {
	cmds := []*cobra.Command{a.witnessExportCommand()}
	if a.deps.RunWitness != nil {
		cmds = append(cmds, a.witnessRunCommand())
	}
	g := group("witness", "a small node that only votes: its file, its process", cmds...)
	g.Long = `A witness is the third vote of a cluster of two nodes: a small process on any machine that reaches both. It has no workload, no device and
no right on its machine; it is never fenced and fences nobody.

On a node: give it an entry with role: witness in the configuration, fenced apply, fenced witness export NAME. Copy that one file to the
witness as ` + config.WitnessPath + `, mode 0600, and start fenced-witness.service there.`
	return g
}

func (a *app) witnessExportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export NODE [FILE]",
		Short: "write the one file that the witness NODE runs from",
		Long: `Writes FILE (witness.yaml here, if none is given) with mode 0600, never over an old one. It holds the key of the cluster: whoever can read
it can join as any node. It holds no device and no device's secret.`,
		Args: words(1, 2, "the witness NODE, and at most one FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "witness.yaml"
			if len(args) == 2 {
				path = args[1]
			}
			o := a.find(cmd.Flags())
			o.AnyNode = true
			return a.exportWitness(o, args[0], path)
		},
	}
	fileFlags(cmd.Flags())
	return cmd
}

// fileFlags declares the flags by which a command that reads the configuration finds it.
func fileFlags(flags *pflag.FlagSet) {
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	config.AddFlags(all)
	for _, name := range []string{"config", "system-root"} {
		flags.AddFlag(all.Lookup(name))
	}
}

func (a *app) exportWitness(o config.Options, name, path string) error {
	c, problems := config.Load(o)
	if problems.Fatal() {
		return problems
	}
	text, err := config.WitnessFile(c, name)
	switch {
	case errors.Is(err, fence.ErrNoSuchNode):
		var known []string
		for _, n := range c.Roster.Nodes {
			known = append(known, n.Name)
		}
		return client.NoSuch("node", name, known)
	case err != nil:
		return client.Errorf(client.CodeUsage, "%v", err)
	}
	if err := writeNew(path, text.Reveal()); err != nil {
		return fmt.Errorf("cannot write the file of witness %s: %w", name, err)
	}
	a.show(struct {
		API     string `json:"api"`
		Path    string `json:"path"`
		Witness string `json:"witness"`
		Cluster string `json:"cluster"`
	}{client.API, path, name, c.Roster.Cluster}, func(w io.Writer) {
		fmt.Fprintf(w, "%s: the witness %s of cluster %s, mode 0600\n", path, name, c.Roster.Cluster)
	})
	a.say("it holds the key of the cluster: copy it to %s as %s by a way that keeps it secret, and remove it here", name, config.WitnessPath)
	a.say("next: systemctl enable --now fenced-witness.service on %s", name)
	return nil
}

// writeNew makes a file of mode 0600 whole or not at all, and never over one that exists.
func writeNew(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".fenced-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // the name is gone or it is the leftover of a failure that is told
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	// A link, unlike a rename, refuses a name that is taken.
	if err := os.Link(f.Name(), path); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists, and is not overwritten", path)
	} else if err != nil {
		return err
	}
	return nil
}

func (a *app) witnessRunCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run",
		Short: "the witness, in the foreground",
		Long: `Runs until SIGTERM or SIGINT. It needs its file, a directory for its log and its port, and no right beyond that: no root, no device, no
plugin. A file with any mistake, or one that others may read, starts nothing (exit code 78).`,
		Args: words(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			o := a.find(cmd.Flags())
			o.Strict = true
			return a.deps.RunWitness(ctx, o, a.raw.out, a.raw.err)
		},
	}
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	config.AddFlags(all)
	for _, name := range []string{"config", "system-root", "state-dir", "run-dir", "socket", "log-level", "log-format"} {
		f := all.Lookup(name)
		if name == "config" {
			f.Usage = "the witness's own file (default " + config.WitnessPath + ")"
		}
		cmd.Flags().AddFlag(f)
	}
	return cmd
}

// witnessSocket is the socket of a witness where no node's daemon runs: a question on its machine needs no flag. "" for the default.
func witnessSocket() string {
	path := config.WitnessRunDir + "/fenced.sock"
	if _, err := os.Stat(client.DefaultSocket); err == nil {
		return ""
	}
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

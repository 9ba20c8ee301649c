package cli

import (
	"bufio"
	"context"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

// The output formats.
const (
	formatText = "text"
	formatWide = "wide"
	formatJSON = "json"
)

// queryTimeout bounds a question and actTimeout a change; the daemon's own bounds are a little shorter, so that it can say why.
const (
	queryTimeout = 8 * time.Second
	actTimeout   = 35 * time.Second
	readTimeout  = 65 * time.Second
)

// app is one command line.
type app struct {
	name   string
	deps   Deps
	in     io.Reader
	lines  *bufio.Reader // of in, for prompts
	stdout *counted      // what reaches standard output, with its first error
	out    io.Writer     // data, made safe for a terminal
	err    io.Writer     // talk, made safe for a terminal
	raw    streams
	socket string
	format string
	ran    bool // a command began: errors are its own and not of the command line
	lost   bool // the event stream is broken, and that was said
}

// streams are the process's own, for injected functions.
type streams struct{ out, err io.Writer }

func newApp(deps Deps, stdin io.Reader, stdout, stderr io.Writer) *app {
	if deps.Now == nil {
		deps.Now = time.Now
	}
	c := &counted{w: stdout}
	return &app{
		name: "fenced", deps: deps, in: stdin, stdout: c, out: safe{c}, err: safe{stderr}, raw: streams{stdout, stderr}, format: formatText,
	}
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "fenced",
		Short:         "fence nodes that failed, with proof, and tell everybody",
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       a.deps.Version,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			a.ran = true
			switch a.format {
			case formatText, formatWide, formatJSON:
			default:
				bad := a.format
				a.format = formatText
				return usage("-o must be text, wide or json, not %q", bad)
			}
			if name := cmd.Name(); name != "run" && name != "check" { // they have it checked with the rest
				a.warnEnv()
			}
			return nil
		},
	}
	root.SetOut(a.stdout) // help and completions are our own, and completions need their tabs
	root.SetErr(a.err)
	root.SetIn(a.in)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("%v (see %s --help)", err, cmd.CommandPath())
	})
	root.SetVersionTemplate("fenced {{.Version}}\n")
	root.PersistentFlags().StringVarP(&a.format, "output", "o", formatText, "text, wide or json")
	root.PersistentFlags().StringVar(&a.socket, "socket", "", "the daemon's socket (FENCED_SOCKET, else "+client.DefaultSocket+")")
	root.CompletionOptions.HiddenDefaultCmd = false
	for _, c := range []func() *cobra.Command{
		a.statusCommand, a.watchCommand, a.historyCommand, a.showCommand, a.planCommand, a.residualCommand, a.testCommand, a.drillCommand, a.offCommand, a.onCommand, a.rebootCommand, a.unfenceCommand,
		a.ackCommand, a.armCommand, a.disarmCommand, a.pauseCommand, a.resumeCommand, a.applyCommand, a.bootstrapCommand, a.leaveCommand, a.restartCommand, a.nodeCommand, a.recoverCommand, a.witnessCommand, a.keygenCommand, a.configCommand,
		a.pluginCommand, a.watchdogCommand, a.runCommand, a.devCommand, a.checkLogCommand, a.simCommand, a.explainCommand, a.versionCommand,
	} {
		if cmd := c(); cmd != nil {
			root.AddCommand(cmd)
		}
	}
	return root
}

// client makes the client for the socket that flag, environment or default name.
func (a *app) client() *client.Client {
	path := a.socket
	if path == "" {
		path = getenv("FENCED_SOCKET")
	}
	if path == "" {
		path = witnessSocket()
	}
	return client.New(path, a.name+"/"+a.deps.Version)
}

// words demands between least and most arguments and says what they are.
func words(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usage("%s needs %s", cmd.CommandPath(), what)
		case len(args) > most && most == 0:
			return usage("%s takes no arguments, not %q", cmd.CommandPath(), strings.Join(args, " "))
		case len(args) > most:
			return usage("%s takes %s and nothing more, not %q", cmd.CommandPath(), what, strings.Join(args[most:], " "))
		}
		for _, s := range args {
			if s == "" || len(s) > client.MaxName {
				return usage("%s: an argument is empty or longer than %d bytes", cmd.CommandPath(), client.MaxName)
			}
		}
		return nil
	}
}

// group makes a command that only holds others.
func group(use, short string, cmds ...*cobra.Command) *cobra.Command {
	g := &cobra.Command{
		Use: use, Short: short,
		RunE: func(cmd *cobra.Command, args []string) error {
			var names []string
			for _, c := range cmds {
				names = append(names, c.Name())
			}
			if len(args) == 0 {
				return usage("%s needs one of %s", cmd.CommandPath(), strings.Join(names, ", "))
			}
			e := client.NoSuch("command", args[0], names)
			e.Code = client.CodeUsage
			return e
		},
	}
	g.AddCommand(cmds...)
	return g
}

// nodeNames completes node names from a daemon, if one answers at once.
func (a *app) nodeNames(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), time.Second)
	defer cancel()
	c := a.client()
	defer c.Close()
	s, err := c.Status(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, n := range s.Nodes {
		if !strings.ContainsFunc(n.Name+n.State, unicode.IsControl) {
			names = append(names, n.Name+"\t"+n.State)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

package playground

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

// flags are the flags of `fenced dev`.
type flags struct {
	script, output, dir string
	nodes               int
	failureTimeout      time.Duration
	network             string
}

// Main is `fenced-dev playground …`, which is what `fenced dev …` becomes. It returns the exit code.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "guard" {
		return guardMain(args[1:], stdin, stdout, stderr)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer stop()
	ctx, orphaned := untilOrphaned(ctx)
	defer orphaned()
	cmd := command()
	cmd.SetArgs(args)
	cmd.SetIn(stdin)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return int(client.CodeOK)
	}
	fmt.Fprintln(stderr, "fenced dev:", err)
	return int(codeOf(err))
}

// codeOf is the exit code of an error: what it carries, else error.
func codeOf(err error) client.Code {
	if errors.Is(err, context.DeadlineExceeded) {
		return client.CodeTimeout
	}
	return client.CodeOf(err)
}

func command() *cobra.Command {
	var f flags
	root := &cobra.Command{
		Use:         "dev",
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: "fenced dev"},
		Short:       "A cluster of real daemons on this machine, with test BMCs that speak real IPMI; nothing of this machine is touched",
		Long: `A cluster of real fenced daemons on this machine, each with a test BMC that speaks real IPMI over UDP and whose power switch really
kills and starts that daemon. Machines, boot ids, watchdogs and resets are simulated; the daemons, the protocol and the proof are real.

With --script fail-one one node dies, the others must prove it, release it, power it on and take it back; exit 0 only if all of that was
seen. Without a script it stays up until Ctrl-C, and is played with from another terminal: fenced dev kill node-3.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return play(cmd.Context(), f, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	root.Flags().StringVar(&f.script, "script", "", "run a script and end: fail-one")
	root.Flags().StringVar(&f.dir, "dir", "", "keep configuration, state and logs in this empty directory (default: a temporary one that goes at the end)")
	root.Flags().IntVar(&f.nodes, "nodes", defaultNodes, "how many nodes")
	root.Flags().DurationVar(&f.failureTimeout, "failure-timeout", defaultFailureTimeout, "how long a silent node is waited for")
	root.Flags().StringVar(&f.network, "network", "auto", "loopback, namespaces (root; networks can be cut), or auto: namespaces for a playground if possible")
	root.PersistentFlags().StringVarP(&f.output, "output", "o", "text", "text or json")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return client.Errorf(client.CodeUsage, "%v", err) })
	root.CompletionOptions.DisableDefaultCmd = true // `fenced completion` completes dev too
	for _, v := range verbs {
		root.AddCommand(verbCommand(v, &f))
	}
	return root
}

func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return client.Errorf(client.CodeUsage, "%v", err)
		}
		return nil
	}
}

// play runs a script or the playground.
func play(ctx context.Context, f flags, stdout, stderr io.Writer) error {
	if f.output != "text" && f.output != "json" {
		return client.Errorf(client.CodeUsage, "output is text or json, not %q", f.output)
	}
	netns, err := f.netns()
	if err != nil {
		return err
	}
	opt := Options{Nodes: f.nodes, Dir: f.dir, FailureTimeout: f.failureTimeout, Netns: netns}
	tl := newTimeline(stdout, f.output == "json")
	switch f.script {
	case "":
		return stayUp(ctx, opt, tl)
	case "fail-one":
		sum, err := failOne(ctx, opt, tl)
		if sum.Event != "" {
			printSummary(stdout, sum, tl.json)
		}
		return err
	default:
		return client.NoSuch("script", f.script, []string{"fail-one"})
	}
}

// netns decides which network is used. A script needs no cut, so it takes what every user can have.
func (f flags) netns() (bool, error) {
	switch f.network {
	case "loopback":
		return false, nil
	case "namespaces":
		return true, nil
	case "auto":
		return f.script == "" && NetnsMissing() == "", nil
	}
	return false, client.Errorf(client.CodeUsage, "network is loopback, namespaces or auto, not %q", f.network)
}

// untilOrphaned ends a context when our parent dies: a playground that nobody can reach any more must not stay. The parent-death signal
// would come when the parent's thread ends, which for a parent written in Go is too early.
func untilOrphaned(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	parent := os.Getppid()
	if parent == 1 {
		return ctx, cancel // started by init, or an orphan from the beginning
	}
	go func() { // ends with ctx
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if os.Getppid() != parent {
					cancel()
					return
				}
			}
		}
	}()
	return ctx, cancel
}

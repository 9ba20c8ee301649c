package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// Exit codes, as INTERFACES.md numbers them.
const (
	exitError = 1
	exitUsage = 64
)

// errUsage marks a command line that cannot be understood.
var errUsage = errors.New("usage")

func main() {
	if len(os.Args) > 1 && os.Args[1] == "playground" {
		os.Exit(playground.Main(os.Args[2:], os.Stdin, os.Stdout, os.Stderr))
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	root := &cobra.Command{
		Use:           "fenced-dev",
		Short:         "Test devices and playground machines for fenced; never for production",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(bmcCommand(), redfishCommand(), pduCommand(), powerCommand())
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w: %w", errUsage, err) })
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "fenced-dev:", err)
		if errors.Is(err, errUsage) {
			os.Exit(exitUsage)
		}
		os.Exit(exitError)
	}
}

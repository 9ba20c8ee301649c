package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/cmd/fenced-dev/machine"
)

// powerCommand is `fenced-dev power --dir NODEDIR on|off|cycle|restart|status`.
func powerCommand() *cobra.Command {
	var dir, output string
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "power --dir NODEDIR on|off|cycle|restart|status",
		Short: "Switch a playground machine",
		Long: `Switch the playground machine that lives in NODEDIR.

off      SIGKILL of all it runs (also what is stopped), run/ wiped, state/ kept; returns when it is really gone
on       if it is off: new boot id, kernel state cleared, the program of NODEDIR/start begun; if it is on: nothing
cycle    off and on
restart  the program again in the same boot, if it does not run: a daemon's restart, no reset
status   prints on or off: the machine's power, not whether its program lives

NODEDIR/start is JSON: {"argv": [...], "env": ["K=V", ...], "log": "FILE", "netns": "NAME", "dir": "/"}`,
		ValidArgs: []string{"on", "off", "cycle", "restart", "status"},
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("%w: power needs one of on, off, cycle, restart, status", errUsage)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := machine.New(dir)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			if err := switchMachine(ctx, m, args[0]); err != nil {
				return err
			}
			return printMachine(cmd, m, output)
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "the machine's directory (required)")
	c.Flags().DurationVar(&timeout, "timeout", 10*time.Second, "give up after this time")
	c.Flags().StringVarP(&output, "output", "o", "text", "text (on or off) or json")
	_ = c.MarkFlagRequired("dir")
	return c
}

func switchMachine(ctx context.Context, m *machine.Machine, verb string) error {
	switch verb {
	case "on":
		return m.On(ctx)
	case "off":
		return m.Off(ctx)
	case "cycle":
		return m.Cycle(ctx)
	case "restart":
		return m.Restart(ctx)
	case "status":
		return nil
	}
	return fmt.Errorf("%w: power knows on, off, cycle, restart, status, not %q", errUsage, verb)
}

func printMachine(cmd *cobra.Command, m *machine.Machine, output string) error {
	r, err := m.Status()
	if err != nil {
		return err
	}
	switch output {
	case "text":
		_, err = fmt.Fprintln(cmd.OutOrStdout(), r.Power)
	case "json":
		err = json.NewEncoder(cmd.OutOrStdout()).Encode(r)
	default:
		err = fmt.Errorf("%w: output is text or json, not %q", errUsage, output)
	}
	return err
}

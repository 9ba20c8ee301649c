package main

import (
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/cmd/fenced-dev/pdu"
)

// pduCommand is `fenced-dev pdu`.
func pduCommand() *cobra.Command {
	var listen, control, model, community, onOff string
	var knobs, labels []string
	var outlets int
	c := &cobra.Command{
		Use:   "pdu --listen ADDR [--control ADDR] [--model NAME] [--on-off CMD] [--knob LIST]",
		Short: "A power strip that speaks real SNMP (v1, v2c) over UDP",
		Long: `A power strip that speaks SNMP v1 and v2c until SIGTERM or SIGINT. When it listens it prints one JSON line on standard output:
{"event":"listening","listen":"ADDR","control":"ADDR"}; its log goes to standard error.

When an outlet switches, CMD is run as sh -c "CMD OUTLET on|off".

Knobs, comma separated, also by POST /knob on the control address: hang, ignore (the relay is stuck), refuse (notWritable), late=MS,
restore=MS (an outlet comes back by itself), wrong-identity, lose=N (only each N-th question is answered),
fail-walk=N (a walk ends with the error genErr behind the name of outlet N).
Control: GET /counts, POST /knob.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := pdu.ModelByName(model)
			if err != nil {
				return fmt.Errorf("%w: %w", errUsage, err)
			}
			k, err := pdu.ParseKnobs(strings.Join(knobs, ","))
			if err != nil {
				return fmt.Errorf("%w: %w", errUsage, err)
			}
			a, err := pdu.Start(pdu.Config{
				Listen: listen, Community: community, Model: m, Outlets: outlets, Labels: labels, OnOff: onOff, Knobs: k, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
			})
			if err != nil {
				return err
			}
			defer a.Close()
			return serveControl(cmd, control, a.Control(), map[string]string{"listen": a.Addr().String()})
		},
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:161", "UDP address; port 0 chooses one")
	c.Flags().StringVar(&control, "control", "", "TCP address of the control side; empty: none; port 0 chooses one")
	c.Flags().StringVar(&model, "model", "apc-rpdu", "family that it is")
	c.Flags().StringVar(&community, "community", "private", "community; visible to everybody in argv")
	c.Flags().IntVar(&outlets, "outlets", 8, "number of outlets")
	c.Flags().StringSliceVar(&labels, "label", nil, "names of the outlets, in order")
	c.Flags().StringVar(&onOff, "on-off", "", "run when an outlet switches, as sh -c \"CMD OUTLET on|off\"")
	c.Flags().StringSliceVar(&knobs, "knob", nil, "how it misbehaves; may be repeated")
	return c
}

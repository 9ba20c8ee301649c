package main

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/cmd/fenced-dev/bmc"
)

// bmcFlags are the flags of `fenced-dev bmc`.
type bmcFlags struct {
	listen, control, onOff, initial, guid, order, user, password, passwordFile string
	knobs                                                                      []string
	suites                                                                     []int
	timeout                                                                    time.Duration
}

// bmcCommand is `fenced-dev bmc`.
func bmcCommand() *cobra.Command {
	var f bmcFlags
	c := &cobra.Command{
		Use:   "bmc --listen ADDR [--control ADDR] [--on-off CMD] --guid UUID --password-file FILE [--knob LIST]",
		Short: "A BMC that speaks real IPMI over UDP",
		Long: `A BMC that speaks real IPMI 2.0 over UDP until SIGTERM or SIGINT. When it listens it prints one JSON line on standard output:
{"event":"listening","listen":"ADDR","control":"ADDR"}; its log goes to standard error.

Its power switch is CMD, run as sh -c "CMD off|on|status" (status prints on or off). Without --on-off the power is only remembered.
The password comes from --password-file (the first line), FENCED_DEV_PASSWORD, or --password.

Knobs, comma separated, also by POST /knob on the control address:
  auth            its account has another password
  hang            answers nothing
  ignore          accepts off and on, does nothing, reads truly
  lie             accepts off, does nothing, and reads off from then on (what power evidence cannot see)
  refuse          answers off and on with an error
  limbo[=MS]      accepts off, then answers busy; the machine goes off after MS, or never
  late=MS         accepts off and on, which take effect MS later
  wrong-identity  gives another system's GUID
  slow=MS         answers MS later
Control: GET /counts, GET|POST /knob, GET /power.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runBMC(cmd, f) },
	}
	c.Flags().StringVar(&f.listen, "listen", "127.0.0.1:623", "UDP address; port 0 chooses one")
	c.Flags().StringVar(&f.control, "control", "", "TCP address of the control side; empty: none; port 0 chooses one")
	c.Flags().StringVar(&f.onOff, "on-off", "", "the power switch, run as sh -c \"CMD off|on|status\"")
	c.Flags().DurationVar(&f.timeout, "on-off-timeout", 15*time.Second, "the switch is killed after this time")
	c.Flags().StringVar(&f.initial, "initial", "", "on or off: without --on-off the first state (default on); with it, commanded at the start")
	c.Flags().StringVar(&f.guid, "guid", "", "the system's UUID (required)")
	c.Flags().StringVar(&f.order, "guid-order", "smbios", "byte order it sends the GUID in: smbios, rfc4122, ipmi")
	c.Flags().StringVar(&f.user, "user", "admin", "user name")
	c.Flags().StringVar(&f.password, "password", "", "password; visible to everybody in argv")
	c.Flags().StringVar(&f.passwordFile, "password-file", "", "file whose first line is the password")
	c.Flags().StringSliceVar(&f.knobs, "knob", nil, "how it misbehaves; may be repeated")
	c.Flags().IntSliceVar(&f.suites, "cipher", []int{3, 17}, "cipher suites it accepts")
	_ = c.MarkFlagRequired("guid")
	return c
}

func runBMC(cmd *cobra.Command, f bmcFlags) error {
	cfg, err := f.config(cmd.Context())
	if err != nil {
		return err
	}
	d, err := bmc.Start(cfg)
	if err != nil {
		return err
	}
	defer d.Close()
	return serveControl(cmd, f.control, d.Control(), map[string]string{"listen": d.Addr().String()})
}

func (f bmcFlags) config(ctx context.Context) (bmc.Config, error) {
	cfg := bmc.Config{Listen: f.listen, User: f.user, Suites: f.suites, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	var err error
	if cfg.Password, err = devicePassword(f.passwordFile, f.password); err != nil {
		return cfg, err
	}
	if cfg.GUID, err = bmc.Wire(f.guid, f.order); err != nil {
		return cfg, err
	}
	if cfg.Knobs, err = bmc.ParseKnobs(strings.Join(f.knobs, ",")); err != nil {
		return cfg, err
	}
	cfg.Power, err = deviceSwitch(ctx, f.onOff, f.initial, f.timeout)
	return cfg, err
}

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/cmd/fenced-dev/redfish"
)

// redfishFlags are the flags of `fenced-dev redfish`.
type redfishFlags struct {
	listen, control, onOff, initial, user, password, passwordFile, cert, key string
	knobs, systems                                                           []string
	sessions                                                                 int
	timeout                                                                  time.Duration
}

// redfishCommand is `fenced-dev redfish`.
func redfishCommand() *cobra.Command {
	var f redfishFlags
	c := &cobra.Command{
		Use:   "redfish --listen ADDR [--control ADDR] [--on-off CMD] --system ID,UUID[,SERIAL] --password-file FILE [--knob LIST]",
		Short: "A BMC that speaks Redfish over HTTPS",
		Long: `A BMC that speaks Redfish over HTTPS until SIGTERM or SIGINT. When it listens it prints one JSON line on standard output:
{"event":"listening","listen":"ADDR","control":"ADDR","fingerprint":"SHA256"}; its log goes to standard error.

Each --system is one machine. Its power switch is CMD, run as sh -c "CMD off|on|status" (status prints on or off) with FENCED_DEV_SYSTEM=ID in
its environment. Without --on-off the power is only remembered.
The password comes from --password-file (the first line), FENCED_DEV_PASSWORD, or --password.

Knobs, comma separated, also by POST /knob on the control address:
  hang            answers nothing
  ignore          accepts off and on, does nothing, reads truly
  lie             accepts off, does nothing, and reads off from then on (what power evidence cannot see)
  refuse          answers off and on with 403
  conflict        answers off and on with 409
  limbo[=MS]      accepts off, then is PoweringOff and answers 409; the machine goes off after MS, or never
  late=MS         accepts off and on, which take effect MS later
  wrong-identity  gives another system's UUID and serial number
  slow=MS         answers MS later
  auth            its account has another password; what is in a session stays in it
  unauthorized    401 to every login and every request but the service root
  forget          forgets each session as soon as it was given
  unavailable     503 to everything
  full            gives no session
Control: GET /counts (with its sessions), GET|POST /knob, GET /power (of the first system).`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runRedfish(cmd, f) },
	}
	c.Flags().StringVar(&f.listen, "listen", "127.0.0.1:443", "TCP address; port 0 chooses one")
	c.Flags().StringVar(&f.control, "control", "", "TCP address of the control side; empty: none; port 0 chooses one")
	c.Flags().StringVar(&f.onOff, "on-off", "", "the power switch, run as sh -c \"CMD off|on|status\"")
	c.Flags().DurationVar(&f.timeout, "on-off-timeout", 15*time.Second, "the switch is killed after this time")
	c.Flags().StringVar(&f.initial, "initial", "", "on or off: without --on-off the first state (default on); with it, commanded at the start")
	c.Flags().StringArrayVar(&f.systems, "system", nil, "a machine, as ID,UUID[,SERIAL]; may be repeated (required)")
	c.Flags().StringVar(&f.user, "user", "admin", "user name")
	c.Flags().StringVar(&f.password, "password", "", "password; visible to everybody in argv")
	c.Flags().StringVar(&f.passwordFile, "password-file", "", "file whose first line is the password")
	c.Flags().StringVar(&f.cert, "cert", "", "PEM file of its certificate; without one it makes its own")
	c.Flags().StringVar(&f.key, "key", "", "PEM file of the certificate's key")
	c.Flags().IntVar(&f.sessions, "sessions", 0, "how many sessions it gives at a time (default 8)")
	c.Flags().StringSliceVar(&f.knobs, "knob", nil, "how it misbehaves; may be repeated")
	_ = c.MarkFlagRequired("system")
	c.MarkFlagsRequiredTogether("cert", "key")
	return c
}

func runRedfish(cmd *cobra.Command, f redfishFlags) error {
	cfg, err := f.config(cmd.Context())
	if err != nil {
		return err
	}
	s, err := redfish.Start(cfg)
	if err != nil {
		return err
	}
	defer s.Close()
	return serveControl(cmd, f.control, s.Control(), map[string]string{"listen": s.Addr().String(), "fingerprint": s.Fingerprint()})
}

func (f redfishFlags) config(ctx context.Context) (redfish.Config, error) {
	cfg := redfish.Config{Listen: f.listen, User: f.user, Sessions: f.sessions, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	var err error
	if cfg.Password, err = devicePassword(f.passwordFile, f.password); err != nil {
		return cfg, err
	}
	if cfg.Knobs, err = redfish.ParseKnobs(strings.Join(f.knobs, ",")); err != nil {
		return cfg, fmt.Errorf("%w: %w", errUsage, err)
	}
	if f.cert != "" {
		pair, err := tls.LoadX509KeyPair(f.cert, f.key)
		if err != nil {
			return cfg, fmt.Errorf("cannot read the certificate: %w", err)
		}
		cfg.Certificate = &pair
	}
	for _, text := range f.systems {
		part := append(strings.Split(text, ","), "", "")
		power, err := deviceSwitch(ctx, f.onOff, f.initial, f.timeout, "FENCED_DEV_SYSTEM="+part[0])
		if err != nil {
			return cfg, err
		}
		cfg.Systems = append(cfg.Systems, redfish.System{ID: part[0], UUID: part[1], Serial: part[2], Power: power})
	}
	return cfg, nil
}

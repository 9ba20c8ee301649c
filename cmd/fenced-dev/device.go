package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/cmd/fenced-dev/bmc"
)

// serveControl serves a device's control side where one is wanted, prints the line that says where the device listens, and returns when the
// command is to end.
func serveControl(cmd *cobra.Command, address string, h http.Handler, ready map[string]string) error {
	ready["event"] = "listening"
	if address != "" {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return fmt.Errorf("cannot listen for control: %w", err)
		}
		srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
		defer srv.Close()
		go func() { _ = srv.Serve(l) }() // ends by Close
		ready["control"] = l.Addr().String()
	}
	if err := json.NewEncoder(cmd.OutOrStdout()).Encode(ready); err != nil {
		return err
	}
	<-cmd.Context().Done()
	return nil
}

// devicePassword comes from a file's first line, the environment or, visible to everybody, the flag.
func devicePassword(file, flag string) (string, error) {
	switch {
	case file != "":
		b, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("cannot read the password: %w", err)
		}
		line, _, _ := strings.Cut(string(b), "\n")
		return strings.TrimRight(line, "\r"), nil
	case flag != "":
		return flag, nil
	case os.Getenv("FENCED_DEV_PASSWORD") != "":
		return os.Getenv("FENCED_DEV_PASSWORD"), nil
	}
	return "", errors.New("a BMC needs a password: --password-file, FENCED_DEV_PASSWORD or --password")
}

// deviceSwitch is the power switch that the flags of a device ask for; env is for its command.
func deviceSwitch(ctx context.Context, onOff, initial string, timeout time.Duration, env ...string) (bmc.Switch, error) {
	if initial != "" && initial != "on" && initial != "off" {
		return nil, fmt.Errorf("%w: --initial is on or off, not %q", errUsage, initial)
	}
	if onOff == "" {
		return bmc.NewMemory(initial != "off"), nil
	}
	power := bmc.Command{Command: onOff, Timeout: timeout, Env: env}
	if initial == "" {
		return power, nil
	}
	return power, power.Set(ctx, initial == "on")
}

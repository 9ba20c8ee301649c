// Command fenced-plugin-selffence ends its own machine, and no other (R24): sysrq, then reboot(2), then it says that both failed. The daemon has the
// feeding of the watchdog ended before it asks, and ends the machine itself when this has not by its deadline.
//
// It decides nothing: fence/member decides that a life must end. Which machine is not an option either: internal/reset's guard hands out the real
// means for system root "/" in a process with FENCED_ALLOW_RESET=1 only, which the daemon gives to what `self_fence` names and to nothing else. With
// another root a reset is a byte in DIR/proc/sysrq-trigger, and a machine is off while that is there.
package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fenced-project/fenced/internal/reset"
	"github.com/fenced-project/fenced/plugins/sdk"
)

func main() { sdk.Main(selffence{}) }

type selffence struct{}

const sample = `# fenced.yaml: what ends this machine before the daemon itself does
self_fence:
  - {plugin: selffence, timeout: 5s}
`

// Describe says what it is. It has no mapping: there is one machine that it can reach.
func (selffence) Describe() sdk.Description {
	return sdk.Description{
		Name: "selffence", Version: "0.1.0", Summary: "ends its own machine, by sysrq and reboot(2)", Kind: sdk.Self,
		Actions: []sdk.Action{sdk.ActionOff}, Effect: 10 * time.Second, Settle: 100 * time.Millisecond, Limit: 1, Sample: sample,
		Options: []sdk.Option{{Name: "system_root", Required: true, Help: "/ for this machine, or the directory of a pretended one; the daemon says which"}},
	}
}

// The deadlines of the two means: one call, and how long what it promised may take. Both means take less than the daemon's longest patience.
const (
	callLimit  = time.Second
	deathLimit = 1500 * time.Millisecond
)

// Open asks the guard: a process that may not end this machine has no device.
func (selffence) Open(_ context.Context, _ string, o sdk.Options) (sdk.Device, error) {
	d := device{root: o.String("system_root")}
	death := deathLimit
	if d.root != "/" {
		death = time.Millisecond // a pretended machine is off at once
	}
	var err error
	d.reset, err = reset.New(reset.Guard{SystemRoot: d.root, Allowed: os.Getenv("FENCED_ALLOW_RESET") == "1"}, reset.Options{
		Call: callLimit, Death: death, Watchdog: time.Millisecond, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		return nil, sdk.Refused(err)
	}
	return d, nil
}

type device struct {
	root  string
	reset *reset.Reset
}

var errOneMachine = errors.New("there is one machine here, and it has no name")

// Status says on: whoever can answer runs. A pretended machine is off while its trigger was pulled.
func (d device) Status(_ context.Context, target string) (sdk.Status, error) {
	if target != "" {
		return sdk.Status{}, sdk.Refused(errOneMachine)
	}
	if d.pulled() {
		return sdk.Status{State: sdk.Off, Detail: "pretended"}, nil
	}
	return sdk.Status{State: sdk.On}, nil
}

// Do does not come back where it succeeds. To be back is failure, whatever was promised (S2.15).
func (d device) Do(_ context.Context, target string, action sdk.Action) error {
	switch {
	case target != "":
		return sdk.Refused(errOneMachine)
	case action != sdk.ActionOff:
		return sdk.Unsupported(errors.New("it only ends this machine"))
	}
	err := d.reset.Now("fenced asked its self-fence plugin", nil)
	if d.pulled() {
		return nil
	}
	return sdk.Limbo(err)
}

func (d device) pulled() bool {
	if d.root == "/" {
		return false
	}
	root, err := os.OpenRoot(d.root)
	if err != nil {
		return false
	}
	defer func() { _ = root.Close() }()
	b, err := root.ReadFile(filepath.Join("proc", "sysrq-trigger"))
	return err == nil && strings.HasPrefix(string(b), "b")
}

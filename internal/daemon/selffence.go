package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/internal/config"
	"github.com/fenced-project/fenced/plugins/host"
)

// selfKind is the kind that a plugin must say it is to be asked to end this machine (R24: no remote device ever is).
const selfKind = "self"

// selfFencers are the host's devices that end this machine. No device of the roster has such a name, so no operation, test or drill reaches one. There
// are none where this daemon may not end its machine; in a pretended one there is the bundled one alone, because it knows how to pretend.
func selfFencers(c *config.Config) []host.DeviceConfig {
	var out []host.DeviceConfig
	for i, s := range c.SelfFence {
		options := s.Options
		switch {
		case s.Plugin == ownSelfFencer:
			options = map[string]string{"system_root": c.SystemRoot}
		case c.SystemRoot != "/":
			continue
		}
		if c.SystemRoot == "/" && !c.AllowReset {
			continue
		}
		out = append(out, host.DeviceConfig{Name: selfFencerName(i), Plugin: s.Plugin, Options: options, Limit: 1, Kind: selfKind, Isolate: true})
	}
	return out
}

const ownSelfFencer = "selffence"

func selfFencerName(i int) string { return fmt.Sprintf("self-fence %d", i+1) }

// SelfFenceEnvironment is what those plugins get that nothing else does: the permission, and only where the daemon itself has it.
func SelfFenceEnvironment(c *config.Config) map[string][]string {
	if c.SystemRoot != "/" || !c.AllowReset {
		return nil
	}
	env := map[string][]string{}
	for _, s := range c.SelfFence {
		env[s.Plugin] = []string{"FENCED_ALLOW_RESET=1"}
	}
	return env
}

// selfDoer is the plugin host as far as it ends this machine.
type selfDoer interface {
	Do(ctx context.Context, device, target, action string) error
}

// SelfFence returns what ends this machine: each configured plugin in turn, and the last resort after them, at the latest when the sum of their
// timeouts is over. A plugin that says that it succeeded has not, as long as this runs (S2.15). nil where there is no last resort: what may not end
// this machine does not ask others to.
func SelfFence(c *config.Config, plugins selfDoer, last func(why string) error, log *slog.Logger) func(why string) error {
	if last == nil || len(selfFencers(c)) == 0 {
		return last
	}
	return func(why string) error {
		for i, s := range c.SelfFence {
			limit := time.Duration(s.TimeoutMS) * time.Millisecond
			text := "it says that it did, and this machine still runs"
			if err := askToEnd(plugins, selfFencerName(i), limit); err != nil {
				text = err.Error()
			}
			go log.Error("a self-fence plugin did not end this machine", "plugin", s.Plugin, "why", text) // a log that hangs holds up nothing
		}
		return last(why)
	}
}

// askToEnd asks one of them and, where it says that it did, waits out its time. Nothing that it does, or that the host does for it, takes longer.
func askToEnd(plugins selfDoer, name string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- fmt.Errorf("panic: %v", p)
			}
		}()
		done <- plugins.Do(ctx, name, "", string(fence.ActionOff))
	}()
	select {
	case err := <-done:
		if err == nil {
			<-ctx.Done()
		}
		return err
	case <-ctx.Done():
		return fmt.Errorf("no answer within %s", limit)
	}
}

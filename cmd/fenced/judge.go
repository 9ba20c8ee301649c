package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/internal/config"
	fenced "github.com/fenced-project/fenced/internal/daemon"
	"github.com/fenced-project/fenced/plugins/host"
)

// How the daemon has its plugins judge the options of their devices, with file and line, before they are used (ADR 0100). A plugin refuses a device
// whose options are wrong in any case, when the device is opened: here a person learns it, and where.

// judgeBeforeTime is how long a start waits for plugins, which start meanwhile anyway: a node without a daemon is a node that others may fence.
// judgeBehindTime bounds the whole judgement beside a running daemon, judgeFreshTime that of a file which somebody wants to be taken.
var (
	judgeBeforeTime = 3 * time.Second
	judgeBehindTime = 2 * time.Minute
	judgeFreshTime  = 15 * time.Second
)

// asking are options by which a host is asked what plugins say of options; with open also of those that they do not list.
func asking(ctx context.Context, o config.Options, h *host.Host, open config.Open) config.Options {
	o.Describe = func(plugin string) (host.Description, error) { return h.Describe(ctx, plugin) }
	o.Open = open
	return o
}

// judgeBefore returns the mistakes that the plugins' own lists of options show: nothing starts with them, as with any other mistake. A plugin that is
// missing, or has not said what it is in time, keeps nobody from starting: its devices are out, and judgeBehind says so. No more is asked here: what a
// fence agent says of itself changes with any upgrade of its package, and must not take the daemon with it.
func judgeBefore(ctx context.Context, o config.Options, h *host.Host) error {
	ctx, cancel := context.WithTimeout(ctx, judgeBeforeTime)
	defer cancel()
	_, problems := config.Load(asking(ctx, o, h, nil))
	if wrong := problems.Schema(); len(wrong) > 0 {
		return wrong
	}
	return nil
}

// judgeBehind says in the log, beside a daemon that runs, what plugins and fence agents have against options, and of which they could not be asked.
func judgeBehind(ctx context.Context, o config.Options, h *host.Host, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, judgeBehindTime)
	defer cancel()
	_, problems := config.Load(asking(ctx, o, h, func([]host.DeviceConfig) (map[string]error, error) { return h.Unready(ctx), nil }))
	if errors.Is(ctx.Err(), context.Canceled) {
		return // the daemon ends, and its plugins with it
	}
	for _, p := range problems.OfPlugins() {
		if p.Warning {
			log.Warn("options that could not be judged", "problem", p.String())
			continue
		}
		log.Error("a device is out: its options are wrong", "problem", p.String())
	}
}

// examiner reads the configuration again as reloader does, and has the plugins judge it, in processes of their own: the file may demand another
// version of a plugin than the one that runs. What cannot be asked in time does not refuse the file.
func examiner(o config.Options, self fence.NodeID) func(context.Context) (*config.Config, error) {
	return func(ctx context.Context) (*config.Config, error) {
		fresh, err := reloader(o, self, config.Load)()
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, judgeFreshTime)
		defer cancel()
		h, err := host.New(host.Config{
			Dir: fresh.PluginDir, RunDir: filepath.Join(fresh.RunDir, "judges"), Checksums: fenced.Checksums(fresh), StartTimeouts: fenced.StartTimeouts(fresh),
		})
		if err != nil {
			return nil, err
		}
		judged, err := reloader(asking(ctx, o, h, opening(ctx, h)), self, config.Load)()
		return judged, errors.Join(err, h.Close())
	}
}

// opening opens devices in a host that has no others.
func opening(ctx context.Context, h *host.Host) config.Open {
	return func(devices []host.DeviceConfig) (map[string]error, error) {
		if err := h.Configure(devices); err != nil {
			return nil, err
		}
		return h.Unready(ctx), nil
	}
}

package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/engine"
	"github.com/fenced-project/fenced/internal/config"
	"github.com/fenced-project/fenced/plugins/host"

	"github.com/fenced-project/fenced/client"
)

// HostDevices joins the plugin host to what the engine and the API need of it.
type HostDevices struct {
	host *host.Host

	discover func() client.Plugins

	mu      sync.Mutex
	listed  time.Time
	list    client.Plugins
	looking chan struct{} // closed when the present look is over, nil while there is none
}

// listFor is how long a listing of the plugin directory is good for: status must not read it every time.
const listFor = 10 * time.Second

// NewHostDevices wraps a configured host.
func NewHostDevices(h *host.Host) *HostDevices {
	d := &HostDevices{host: h}
	d.discover = d.look
	return d
}

// Status implements engine.Device.
func (h *HostDevices) Status(ctx context.Context, device, target string) (engine.Reading, error) {
	r, err := h.host.Status(ctx, device, target)
	return engine.Reading{State: r.State, Identity: r.Identity, Detail: r.Detail}, classify(err)
}

// Look implements Devices.
func (h *HostDevices) Look(ctx context.Context, device, target string) (engine.Reading, error) {
	r, err := h.host.Look(ctx, device, target)
	if errors.Is(err, host.ErrGaveWay) {
		err = errGaveWay
	}
	return engine.Reading{State: r.State, Identity: r.Identity, Detail: r.Detail}, classify(err)
}

// errGaveWay ends a look that something real came upon.
var errGaveWay = fmt.Errorf("not asked to the end: something real came: %w", host.ErrGaveWay)

// Do implements engine.Device.
func (h *HostDevices) Do(ctx context.Context, device, target string, action fence.Action) error {
	return classify(h.host.Do(ctx, device, target, string(action)))
}

// Configure gives the host the devices and checksums of a configuration; what is as it was keeps its processes.
func (h *HostDevices) Configure(c *config.Config) error {
	now, cancel := context.WithCancel(context.Background())
	cancel() // nobody's devices wait for a plugin's start
	h.Demand(now, c)
	return h.host.Configure(DeviceConfigs(c))
}

// Demand implements Devices.
func (h *HostDevices) Demand(ctx context.Context, c *config.Config) {
	h.host.Demand(ctx, Checksums(c))
	h.mu.Lock()
	h.listed = time.Time{} // who asks now wants to see what came of it
	h.mu.Unlock()
}

// Checksums are those that a configuration demands, by plugin.
func Checksums(c *config.Config) map[string]string {
	sums := map[string]string{}
	for _, p := range c.Plugins {
		if p.SHA256 != "" {
			sums[p.Name] = p.SHA256
		}
	}
	return sums
}

// StartTimeouts are how long the plugins of a configuration may take to start.
func StartTimeouts(c *config.Config) map[string]time.Duration {
	limits := map[string]time.Duration{}
	for _, p := range c.Plugins {
		limits[p.Name] = time.Duration(p.StartMS) * time.Millisecond
	}
	return limits
}

// Close ends the host.
func (h *HostDevices) Close() error { return h.host.Close() }

// Plugins lists what the host finds, in the API's words. It runs nothing, and looks at most every ten seconds.
// A directory on a disk that hangs costs one goroutine and a fifth of a second, not the status nor systemd's word of the loop.
func (h *HostDevices) Plugins() client.Plugins {
	h.mu.Lock()
	if h.looking == nil && time.Since(h.listed) > listFor {
		h.looking = make(chan struct{})
		go h.refresh()
	}
	looking := h.looking
	h.mu.Unlock()
	if looking != nil {
		select {
		case <-looking:
		case <-time.After(lookWait):
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.list
}

// lookWait is how long a status waits for a look at the plugin directory; then it shows the last one.
const lookWait = 200 * time.Millisecond

func (h *HostDevices) refresh() {
	list := h.discover()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list, h.listed = list, time.Now()
	close(h.looking)
	h.looking = nil
}

func (h *HostDevices) look() client.Plugins {
	out := client.Plugins{API: client.API}
	infos, err := h.host.Discover()
	if err != nil {
		return client.Plugins{API: client.API, Plugins: []client.Plugin{{Name: "*", State: client.PluginDisabled, Error: err.Error()}}}
	}
	running := h.host.Processes()
	for _, i := range infos {
		out.Plugins = append(out.Plugins, present(i, running))
	}
	return out
}

// present is one plugin with what its running process says.
func present(i host.Info, running []host.Process) client.Plugin {
	p := client.Plugin{Name: i.Name, Path: i.Path, State: client.PluginIdle}
	for _, r := range running {
		if r.Plugin == i.Name && !r.Draining {
			p = PluginOf(r.Path, r.About)
			p.State, p.PID = client.PluginRunning, r.PID
			break
		}
	}
	if len(i.Problems) > 0 {
		p.State, p.Error = client.PluginDisabled, strings.Join(i.Problems, "; ")
	}
	p.Devices, p.Restarts = i.Devices, i.Restarts
	p.Versions = VersionsOf(i, p.Path)
	return p
}

// VersionsOf puts the installed files of a plugin in the API's words; used is the path of the one that is.
func VersionsOf(i host.Info, used string) client.List[client.PluginVersion] {
	var out client.List[client.PluginVersion]
	for _, v := range i.Versions {
		out = append(out, client.PluginVersion{Version: v.Version, Path: v.Path, Used: v.Path == used && v.Problem == "", Error: v.Problem})
	}
	return out
}

// Reload implements Devices.
func (h *HostDevices) Reload(ctx context.Context, plugins []string) (client.PluginsReloaded, error) {
	out := client.PluginsReloaded{API: client.API}
	var run []string
	for _, p := range h.host.Processes() {
		run = append(run, p.Plugin)
	}
	for _, p := range h.Plugins().Plugins { // also those that are down, where devices need them
		if len(p.Devices) > 0 {
			run = append(run, p.Name)
		}
	}
	slices.Sort(run)
	run = slices.Compact(run)
	for _, name := range plugins {
		if !slices.Contains(run, name) {
			return out, client.NoSuch("plugin that a device uses", name, run)
		}
	}
	for _, r := range h.host.Reload(ctx, plugins...) {
		one := client.PluginReloaded{Plugin: r.Plugin, Lane: r.Lane, Version: r.Version, PID: r.PID, Before: r.Before, Finishing: r.Finishing}
		if r.Err != nil {
			one.Error = r.Err.Error()
		}
		out.Reloads = append(out.Reloads, one)
	}
	h.mu.Lock()
	h.listed = time.Time{} // who asks now wants to see what came of it
	h.mu.Unlock()
	return out, nil
}

// classified gives a host's error the class that the engine asks for.
type classified struct {
	error
	class string
}

// Class is one of INTERFACES.md's attempt classes.
func (c classified) Class() string { return c.class }

// Unwrap is the host's error.
func (c classified) Unwrap() error { return c.error }

func classify(err error) error {
	if err == nil {
		return nil
	}
	return classified{err, string(host.ClassOf(err))}
}

// DeviceConfigs are the host's devices of a configuration.
func DeviceConfigs(c *config.Config) []host.DeviceConfig {
	out := make([]host.DeviceConfig, 0, len(c.Devices))
	for _, d := range c.Devices {
		secrets := map[string]host.Secret{}
		for k, v := range d.Secrets {
			secrets[k] = host.NewSecret(v.Reveal())
		}
		limit, kind := 0, ""
		if r, ok := c.Roster.Device(d.Name); ok {
			limit, kind = r.Limit, string(r.Kind)
		}
		out = append(out, host.DeviceConfig{
			Name: d.Name, Plugin: d.Plugin, Options: d.Options, Secrets: secrets, Limit: limit, Kind: kind, Isolate: d.Isolate || c.Plugin(d.Plugin).Isolate,
		})
	}
	return append(out, selfFencers(c)...)
}

// PluginOf puts a plugin's own description in the API's words.
func PluginOf(path string, d host.Description) client.Plugin {
	p := client.Plugin{
		Name: d.Name, Version: d.Version, Path: path, Summary: d.Summary, Kind: d.Kind, Actions: d.Actions, GivesIdentity: d.GivesIdentity,
		EffectMS: ms(d.Effect), SettleMS: ms(d.Settle), HoldUpMS: ms(d.HoldUp), Limit: uint32(max(d.Limit, 0)), Sample: d.Sample, State: client.PluginIdle,
		ExtraOptions: d.ExtraOptions, Protocols: d.Protocols, Protocol: d.Protocol,
	}
	for _, o := range d.Options {
		p.Options = append(p.Options, client.PluginOption{
			Name: o.Name, Type: o.Type, Required: o.Required, Secret: o.Secret, Mapping: o.Mapping, Default: o.Default, Values: o.Values, Help: o.Help,
		})
	}
	return p
}

func ms(d time.Duration) int64 { return d.Milliseconds() }

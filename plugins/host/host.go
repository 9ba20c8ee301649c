package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
)

// Host runs the plugins of one daemon. Its methods may be called from any goroutine; Close ends it.
type Host struct {
	config Config
	log    *slog.Logger
	dir    string // private, below Config.RunDir
	forker *forker
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	serial  uint64 // makes device ids unique
	devices map[string]*device
	hidden  map[string][]string // the secrets of each plugin's devices, as secrets gives them: read at every answer, so made once
	lanes   map[laneKey]*lane
	live    map[*process]bool
	gates   map[laneKey]*gate
	told    map[string]string  // the problems of plugins and of their files that Discover has logged
	learned map[string]learned // by path of a plugin's file
	// checksums are those that are demanded now, by plugin.
	checksums map[string]string
}

type laneKey struct{ plugin, label string }

// device is one configured device; it is never changed, a new configuration makes a new one with a new id.
type device struct {
	config   DeviceConfig
	id       string
	options  map[string]string // secrets included
	slots    chan struct{}     // calls that are in the plugin, also those whose caller has gone
	sick     atomic.Bool       // it overran: it belongs to the ward
	crossing crossing
}

const (
	mainLane = "main"
	wardLane = "ward"
)

// label names the lane of a device.
func (d *device) label() string {
	switch {
	case d.config.Isolate:
		return "device " + d.id
	case d.sick.Load():
		return wardLane
	}
	return mainLane
}

// New makes a host. It starts nothing yet, but clears what hosts that were killed left in the run directory.
func New(c Config) (*Host, error) {
	c = c.complete()
	if err := c.absolute(); err != nil {
		return nil, fmt.Errorf("cannot make a plugin host: %w", err)
	}
	dir, err := ownDir(c.RunDir)
	if err != nil {
		return nil, fmt.Errorf("cannot make a plugin host: %w", err)
	}
	h := &Host{
		config: c, log: c.Logger, dir: dir, forker: newForker(),
		devices: map[string]*device{}, lanes: map[laneKey]*lane{}, live: map[*process]bool{}, gates: map[laneKey]*gate{},
		learned: map[string]learned{}, checksums: maps.Clone(c.Checksums),
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	go h.forker.run()
	return h, nil
}

// Configure makes these the devices, all or none: an error names what is wrong with the list. Devices that did not change keep their state;
// of others, calls made before never reach the new one. The processes that are needed start at once, in the background; whether a plugin
// is there and good shows in Warm, Discover and the calls.
func (h *Host) Configure(devices []DeviceConfig) error {
	var errs []error
	names := map[string]bool{}
	for _, d := range devices {
		if err := d.check(); err != nil {
			errs = append(errs, err)
		}
		if names[d.Name] {
			errs = append(errs, fmt.Errorf("device %s is there twice", d.Name))
		}
		names[d.Name] = true
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return errClosed
	}
	old := h.devices
	h.devices = make(map[string]*device, len(devices))
	for _, c := range devices {
		if d := old[c.Name]; d != nil && d.config.equal(c) {
			h.devices[c.Name] = d
			delete(old, c.Name)
			continue
		}
		h.serial++
		h.devices[c.Name] = newDevice(c, h.serial)
	}
	h.hidden = hidden(h.devices)
	h.arrange()
	for _, d := range old {
		for p := range h.live {
			h.spawnLocked(func() { p.forget(d.id) })
		}
	}
	return nil
}

func newDevice(c DeviceConfig, serial uint64) *device {
	limit := c.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	d := &device{config: c, id: fmt.Sprintf("%s#%d", c.Name, serial), options: map[string]string{}, slots: make(chan struct{}, limit)}
	for k, v := range c.Options {
		d.options[k] = v
	}
	for k, v := range c.Secrets {
		d.options[k] = v.reveal()
	}
	return d
}

// arrange starts the lanes that the devices need and stops the others. h.mu is held.
func (h *Host) arrange() {
	need := map[laneKey]bool{}
	for _, d := range h.devices {
		key := laneKey{d.config.Plugin, d.label()}
		need[key] = true
		h.laneLocked(key)
	}
	for key, l := range h.lanes {
		if !need[key] {
			l.cancel()
			delete(h.lanes, key)
			delete(h.gates, key)
		}
	}
}

func (h *Host) laneLocked(key laneKey) *lane {
	if l := h.lanes[key]; l != nil {
		return l
	}
	l := &lane{
		host: h, plugin: key.plugin, label: key.label, log: h.log.With("plugin", key.plugin, "lane", key.label),
		ended: make(chan struct{}), changed: make(chan struct{}), reloads: make(chan chan<- error),
	}
	var ctx context.Context
	ctx, l.cancel = context.WithCancel(h.ctx)
	h.lanes[key] = l
	h.spawnLocked(func() { l.run(ctx) })
	return l
}

// laneOf returns the lane that a device belongs to now.
func (h *Host) laneOf(d *device) (*lane, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, fail(ClassUnknown, errClosed.Error())
	}
	if h.devices[d.config.Name] != d {
		return nil, fail(ClassRefused, "the device was configured anew meanwhile")
	}
	return h.laneLocked(laneKey{d.config.Plugin, d.label()}), nil
}

// secrets are the secret values of a plugin's devices, longest first, for redact. Nobody may change them.
func (h *Host) secrets(plugin string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.hidden[plugin]
}

// hidden collects the secrets of devices by plugin, each once: many devices share one.
func hidden(devices map[string]*device) map[string][]string {
	out := map[string][]string{}
	for _, d := range devices {
		for _, s := range d.config.Secrets {
			if v := s.reveal(); len(v) >= shortestSecret {
				out[d.config.Plugin] = append(out[d.config.Plugin], v)
			}
		}
	}
	for plugin, values := range out {
		slices.SortFunc(values, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
		out[plugin] = slices.Compact(values)
	}
	return out
}

// spawn runs f in a goroutine that Close waits for; false when the host is closed.
func (h *Host) spawn(f func()) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.spawnLocked(f)
}

func (h *Host) spawnLocked(f func()) bool {
	if h.closed {
		return false
	}
	h.wg.Add(1)
	go func() {
		defer h.wg.Done()
		f()
	}()
	return true
}

// Close kills every plugin's process group at once, ends all calls and goroutines, and removes the private directory.
func (h *Host) Close() error {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return nil
	}
	h.closed = true
	h.cancel()
	for p := range h.live {
		p.run.kill()
	}
	h.mu.Unlock()
	h.wg.Wait()
	close(h.forker.done)
	return os.RemoveAll(h.dir)
}

package host

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sort"
	"sync"
)

// openers is how many devices are opened at once.
const openers = 16

// Warm waits until the processes of all devices run and all devices are open, or ctx ends. The error names every device that is not
// ready; the host tries on by itself, and so does each call.
func (h *Host) Warm(ctx context.Context) error {
	_, errs := h.openEach(ctx)
	return errors.Join(errs...)
}

// Unready does what Warm does, and returns what is in the way of each device that is not ready, by its name.
func (h *Host) Unready(ctx context.Context) map[string]error {
	out := map[string]error{}
	devices, errs := h.openEach(ctx)
	for i, err := range errs {
		if err != nil {
			out[devices[i].config.Name] = err
		}
	}
	return out
}

func (h *Host) openEach(ctx context.Context) ([]*device, []error) {
	ctx, cancel := context.WithTimeout(ctx, h.allowed(ctx))
	defer cancel()
	devices := h.configured(func(*device) bool { return true })
	return devices, h.each(devices, func(d *device) error {
		for {
			l, err := h.laneOf(d)
			if err != nil {
				return err
			}
			p, err := l.get(ctx)
			if err != nil {
				return err
			}
			if err := p.open(ctx, d, reads); !errors.Is(err, errGone) {
				return err
			}
		}
	})
}

// openAll opens the devices of a lane in its fresh process, before anybody needs them.
func (h *Host) openAll(ctx context.Context, l *lane, p *process) {
	ctx, cancel := context.WithTimeout(ctx, h.config.CallTimeout)
	defer cancel()
	err := errors.Join(h.each(h.configured(func(d *device) bool { return d.config.Plugin == l.plugin && d.label() == l.label }), func(d *device) error {
		return p.open(ctx, d, reads)
	})...)
	if err != nil && ctx.Err() == nil && p.taking() {
		l.log.Error("cannot open devices", "error", line(err.Error()))
	}
}

// configured returns the devices that fit, by name.
func (h *Host) configured(fits func(*device) bool) []*device {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []*device
	for _, d := range h.devices {
		if fits(d) {
			out = append(out, d)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].config.Name < out[j].config.Name })
	return out
}

// each does f with every device and returns its errors in the order of the devices.
func (h *Host) each(devices []*device, f func(*device) error) []error {
	errs := make([]error, len(devices))
	places := make(chan struct{}, openers)
	var wg sync.WaitGroup
	for i, d := range devices {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			if err := f(d); err != nil {
				errs[i] = fmt.Errorf("device %s is not ready: %w", d.config.Name, h.hideError(d, err))
			}
		})
	}
	wg.Wait()
	return errs
}

// Describe asks a plugin what it is, in its running process, or in one that is started for this question and ended again.
func (h *Host) Describe(ctx context.Context, plugin string) (Description, error) {
	h.mu.Lock()
	l := h.lanes[laneKey{plugin, mainLane}]
	closed := h.closed
	h.mu.Unlock()
	if closed {
		return Description{}, errClosed
	}
	if l != nil {
		p, err := l.get(ctx)
		if err != nil {
			return Description{}, err
		}
		return p.about, nil
	}
	return h.ask(ctx, func(ctx context.Context) (*process, error) { return h.start(ctx, plugin, "describe", "") })
}

// DescribeFile asks one file of the directory what it is, whatever other versions of it are installed.
func (h *Host) DescribeFile(ctx context.Context, path string) (Description, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return Description{}, err
	}
	plugin, _, ok := split(filepath.Base(path))
	if !ok || filepath.Dir(filepath.Clean(path)) != filepath.Clean(h.config.Dir) {
		return Description{}, fmt.Errorf("%s is no file of the plugin directory", line(path))
	}
	f := h.look(filepath.Base(path), h.checksum(plugin))
	if f.err != nil {
		return Description{}, fmt.Errorf("cannot trust plugin %s: %w", line(plugin), f.err)
	}
	return h.ask(ctx, func(ctx context.Context) (*process, error) { return h.startFile(ctx, plugin, "describe", f) })
}

// ask starts a process for one question and ends it again.
func (h *Host) ask(ctx context.Context, start func(context.Context) (*process, error)) (Description, error) {
	type answer struct {
		p   *process
		err error
	}
	answers := make(chan answer, 1)
	if !h.spawn(func() {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(h.ctx, cancel)()
		p, err := start(ctx)
		answers <- answer{p, err}
		if err == nil {
			p.run.kill()
		}
	}) {
		return Description{}, errClosed
	}
	a := <-answers // start has its own deadline
	if a.err != nil {
		return Description{}, a.err
	}
	return a.p.about, nil
}

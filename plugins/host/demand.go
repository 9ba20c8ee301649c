package host

import (
	"context"
	"maps"
)

// checksum is what a plugin's file must have, "" where nothing is demanded.
func (h *Host) checksum(plugin string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.checksums[plugin]
}

// Demand replaces Config.Checksums (V15). What runs and is as it must be now goes on. In the place of what is not, the best file that is starts
// first, so that no call is lost; where none is, the process ends with its last call and the plugin is out, as if it had been started so. It
// returns when each plugin concerned is one or the other, or ctx ends; it goes on without its caller.
func (h *Host) Demand(ctx context.Context, checksums map[string]string) {
	h.mu.Lock()
	old := h.checksums
	h.checksums = maps.Clone(checksums)
	changed := map[string]bool{}
	var lanes []*lane
	for _, l := range h.lanes {
		if old[l.plugin] != checksums[l.plugin] {
			changed[l.plugin] = true
			lanes = append(lanes, l)
		}
	}
	h.mu.Unlock()
	for plugin := range changed {
		h.forgive(plugin)
	}
	done := make(chan struct{}, len(lanes))
	for _, l := range lanes {
		if !h.spawn(func() { l.comply(); done <- struct{}{} }) {
			return
		}
	}
	for range lanes {
		select {
		case <-done:
		case <-ctx.Done():
			return
		}
	}
}

// comply puts a process that may run in the place of one that may not any more.
func (l *lane) comply() {
	l.mu.Lock()
	p := l.cur
	l.mu.Unlock()
	if p != nil && p.complies() == nil {
		return
	}
	ctx, cancel := context.WithTimeout(l.host.ctx, l.host.config.CallTimeout)
	defer cancel()
	l.reload(ctx)
	if p == nil {
		return
	}
	if err := p.complies(); err != nil { // also where another runs by now: it takes no calls any more
		p.retire(err.Error())
	}
}

// complies says why the file that a process was started from must not be run by what is demanded now.
func (p *process) complies() error {
	if err := p.inspect(); err != nil {
		return err
	}
	_, err := Verify(p.path, p.host.checksum(p.plugin))
	return err
}

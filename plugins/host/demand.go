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

// Demand replaces Config.Checksums (V15). What runs and is as it must be now goes on. What is not takes no
// call any more and ends with its last one; the best file that is starts in its place, and new calls wait for that; where none is, the plugin is out,
// as if it had been started so. It returns when each plugin concerned is one or the other, or ctx ends; it goes on without its caller.
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

// comply puts a process that may run in the place of one that may not any more: that one is asked nothing from here on.
func (l *lane) comply() {
	ctx, cancel := context.WithTimeout(l.host.ctx, l.host.config.CallTimeout)
	defer cancel()
	if l.current() == nil { // one is being started, perhaps by what was demanded before
		l.reload(ctx)
	}
	l.mu.Lock()
	p, starts := l.cur, l.starts
	l.mu.Unlock()
	if p == nil {
		return
	}
	err := p.complies()
	if err == nil {
		return
	}
	l.mu.Lock()
	l.failures = 0 // it did nothing wrong: the next one starts at once
	l.mu.Unlock()
	p.retire(err.Error())
	l.settle(ctx, starts)
}

// settle returns when a start that ended after these many ran or failed, or ctx ends.
func (l *lane) settle(ctx context.Context, starts int) {
	for {
		l.mu.Lock()
		settled, changed := l.starts > starts, l.changed
		l.mu.Unlock()
		if settled {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		case <-l.ended:
			return
		}
	}
}

func (l *lane) current() *process {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cur
}

// complies says why the file that a process was started from must not be run by what is demanded now.
func (p *process) complies() error {
	if err := p.inspect(); err != nil {
		return err
	}
	_, err := Verify(p.path, p.host.checksum(p.plugin))
	return err
}

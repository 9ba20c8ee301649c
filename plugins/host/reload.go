package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"
)

// Reloaded is what became of one lane of a plugin that was reloaded.
type Reloaded struct {
	Plugin, Lane string
	// Version and PID are of the fresh process; Before is the id of the one that ran, 0 where none did.
	Version     string
	PID, Before int
	// Finishing is how many calls still run in the one before: they end there.
	Finishing int
	// Err says why no fresh process runs; the one before goes on then, if there was one.
	Err error
}

// Reload starts a fresh process for each lane of these plugins (of all that run, without names), of the highest version that is installed now,
// also where one did not start before. No call is lost: new ones go to the fresh process from when it is ready, those under way end in the
// process that they are in, by their own deadlines at the latest. It returns when all are ready or have failed, or ctx ends. A plugin that no
// device needs has no lane and is not in the answer.
func (h *Host) Reload(ctx context.Context, plugins ...string) []Reloaded {
	ctx, cancel := context.WithTimeout(ctx, h.allowed(ctx))
	defer cancel()
	h.mu.Lock()
	var lanes []*lane
	for _, l := range h.lanes {
		if len(plugins) == 0 || slices.Contains(plugins, l.plugin) {
			lanes = append(lanes, l)
		}
	}
	h.mu.Unlock()
	sort.Slice(lanes, func(i, j int) bool {
		return lanes[i].plugin < lanes[j].plugin || lanes[i].plugin == lanes[j].plugin && lanes[i].label < lanes[j].label
	})
	for _, l := range lanes {
		h.forgive(l.plugin)
	}
	out := make([]Reloaded, len(lanes))
	var wg sync.WaitGroup
	for i, l := range lanes {
		wg.Go(func() { out[i] = l.reload(ctx) })
	}
	wg.Wait()
	return out
}

func (l *lane) reload(ctx context.Context) Reloaded {
	out := Reloaded{Plugin: l.plugin, Lane: l.label}
	old := l.current()
	if old != nil {
		out.Before = old.run.process()
	}
	done := make(chan error, 1)
	select {
	case l.reloads <- done:
		select {
		case out.Err = <-done:
		case <-ctx.Done():
			out.Err = fmt.Errorf("a fresh process of plugin %s is not ready yet, it is still being started", l.plugin)
		case <-l.ended:
			out.Err = errors.New("plugin " + l.plugin + " was stopped meanwhile")
		}
	case <-ctx.Done():
		out.Err = fmt.Errorf("plugin %s is busy with a start of its own", l.plugin)
	case <-l.ended:
		out.Err = errors.New("plugin " + l.plugin + " was stopped meanwhile")
	}
	now := l.current()
	if now != nil {
		out.PID, out.Version = now.run.process(), now.about.Version
	}
	if old != nil && old != now {
		out.Finishing = old.calls()
	}
	return out
}

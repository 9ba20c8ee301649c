package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/domain"
	"github.com/fenced-project/fenced/fence/member"

	"github.com/fenced-project/fenced/client"
)

// errProbeEnded ends a probe.
var errProbeEnded = errors.New("ended: something real is going on")

// startProbe reads one device, off the loop, until its deadline or CancelProbe.
func (d *Daemon) startProbe(e member.Probe) {
	left := time.Duration(max(e.DeadlineMS-d.cfg.Now(), 0)) * time.Millisecond
	ctx, cancel := context.WithCancelCause(context.Background())
	d.probes[e.Number] = cancel
	d.log.Debug("probe", "device", e.Device, "target", e.Target)
	d.wg.Go(func() {
		defer cancel(nil)
		one, done := context.WithTimeout(ctx, left)
		defer done()
		stop := context.AfterFunc(d.life, func() { cancel(errProbeEnded) })
		defer stop()
		in := member.Probed{Number: e.Number, Class: domain.Healthy, AtMS: time.Now().UnixMilli()}
		got, err := d.cfg.Devices.Look(one, e.Device, e.Target)
		in.State, in.Identity = got.State, got.Identity
		if err != nil {
			in.Class, in.Text, in.Ended = classOf(err), err.Error(), errors.Is(err, errGaveWay)
			if in.Class == client.ClassUnknown && one.Err() != nil {
				in.Class = client.ClassTimeout
			}
		}
		d.log.Debug("probed", "device", e.Device, "target", e.Target, "class", in.Class, "gave_way", in.Ended)
		d.post(func() { delete(d.probes, e.Number) })
		d.post(in)
	})
}

// endProbe ends a probe; its answer still comes.
func (d *Daemon) endProbe(e member.CancelProbe) {
	if cancel := d.probes[e.Number]; cancel != nil {
		cancel(fmt.Errorf("%w: %s", errProbeEnded, e.Why))
	}
}

// paths are what the newest probes said of the devices of a node's levels.
func (d *Daemon) paths(r fence.RosterNode) []client.Path {
	dom := d.member.Domain()
	var out []client.Path
	for i, l := range r.Levels {
		for _, s := range l.Steps {
			if s.Device == "" {
				continue
			}
			p := client.Path{Device: s.String(), Level: i + 1, Health: client.HealthUnknown}
			if h, ok := dom.HealthOf(s); ok {
				p.Health, p.Class, p.Text = client.HealthFailing, h.Class, h.Text
				if h.Class == domain.Healthy {
					p.Health = client.HealthOK
				}
				if h.AtMS > 0 {
					p.Checked = client.At(time.UnixMilli(h.AtMS))
				}
			}
			out = append(out, p)
		}
	}
	return out
}

// unfenceable is the attention of nodes that no level could fence now, as far as is known.
func (d *Daemon) unfenceable() []client.Attention {
	dom := d.member.Domain()
	var out []client.Attention
	for _, r := range dom.Roster.Nodes {
		if ok, known := dom.Fenceable(r.ID); r.Witness || ok || !known {
			continue
		}
		text := r.Name + " could not be fenced now"
		if slices.ContainsFunc(r.Levels, fence.Level.OnlyWaits) {
			text = r.Name + " could be fenced by no device now: only its watchdog is left"
		}
		for i, l := range r.Levels {
			for _, s := range l.Steps {
				h, probed := dom.HealthOf(s)
				if usable, _ := dom.Usable(dom.Node(r.ID), i, s); usable || !probed {
					continue
				}
				why := h.Class
				if why == domain.Healthy {
					why = "it gives no identity, and no drill has proven it"
					if dom.Node(r.ID).Rewired && declared(&dom.Roster, s) {
						why = "the node booted before its ways were configured as they are, and is cut off by them from its next boot on"
					}
				}
				text += fmt.Sprintf("; level %d %s: %s", i+1, s, why)
			}
		}
		out = append(out, client.Attention{Code: client.AttentionUnfenceable, Node: r.Name, Text: text, Next: "fenced test " + r.Name})
	}
	return out
}

package daemon

import (
	"context"
	"fmt"
	"time"

	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/residual"

	"github.com/fenced-project/fenced/client"
)

// kernelEvery lies between two looks at what storage has come to.
const kernelEvery = 10 * time.Second

// Kernel looks at what storage has come to under a running node, by the process that may be abandoned, and puts it in the member's words.
func Kernel(o residual.Options) func(context.Context) member.KernelSeen {
	w := residual.NewWatch(o)
	return func(ctx context.Context) member.KernelSeen { return troubles(w.Look(ctx)) }
}

// troubles translates findings; a word that is not known is unknown.
func troubles(found []residual.Finding) member.KernelSeen {
	var in member.KernelSeen
	for _, f := range found {
		t := member.Trouble{Kind: member.TroubleUnknown, Name: f.Probe + " " + f.Path, Text: fmt.Sprintf("%s %s: %s", f.Probe, f.Path, f.Why)}
		switch f.What {
		case residual.WhatWithdrawn:
			t.Kind, t.Text = member.TroubleWithdrawn, f.Why
		case residual.WhatSuspended:
			t.Kind, t.Text = member.TroubleSuspended, f.Why
		}
		in.Troubles = append(in.Troubles, t)
	}
	return in
}

// watchKernel looks every so often until ctx ends, one look at a time. What is seen for the first time is in the journal at once, whatever is
// decided about it later.
func (d *Daemon) watchKernel(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	known := map[member.Trouble]bool{}
	for {
		look, cancel := context.WithTimeout(ctx, scanDeadline)
		in := d.cfg.Kernel(look)
		cancel()
		if ctx.Err() != nil {
			return // a look that was called off saw nothing
		}
		now := map[member.Trouble]bool{}
		for _, t := range in.Troubles {
			if now[t] = true; !known[t] {
				d.log.Warn("storage is in trouble", "kind", t.Kind, "text", t.Text)
			}
		}
		known = now
		if !d.post(in) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// kernelAttention shows what lasts of it.
func (d *Daemon) kernelAttention(add func(code, node, text, next string)) {
	for _, s := range d.member.Standing() {
		switch s.Kind {
		case member.TroubleWithdrawn:
			text, next := s.Text+"; this node ends its own life", "fenced status "+d.me()
			if s.Kept != "" {
				text, next = s.Text+"; this node goes on: "+s.Kept, "stop what uses it, then reboot "+d.me()
			}
			add(client.AttentionWithdrawn, d.me(), text, next)
		case member.TroubleSuspended:
			add(client.AttentionSuspended, d.me(), s.Text, "dmsetup info; drbdadm status")
		default:
			add(client.AttentionKernelUnseen, d.me(), "cannot see what storage has come to: "+s.Text, "fenced residual")
		}
	}
}

package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/operation"
)

// maxText bounds the text of an error that goes into events and history, in bytes.
const maxText = 512

// call is one Status (action "") or Do.
type call struct {
	id             uint64
	device, target string
	action         fence.Action
	deadlineMS     int64
}

// perform waits for a slot at the device, makes the call and returns what the operation is to know of it.
func (r *run) perform(ctx context.Context, c call) operation.CallResult {
	e := r.engine
	asked := e.cfg.Now()
	res := operation.CallResult{ID: c.id}
	if !e.queues.acquire(ctx, r.over, c.device, r.serial) {
		res.StartedMS, res.FinishedMS = asked, e.cfg.Now()
		res.Class = operation.ClassTimeout
		res.Text = fmt.Sprintf("waited %d ms for its turn at device %s, which takes %d at a time", res.FinishedMS-asked, c.device, e.queues.limitOf(c.device))
		return res
	}
	defer e.queues.release(c.device)
	res.StartedMS = e.cfg.Now()
	if ctx.Err() != nil || !r.enter() {
		res.FinishedMS, res.Class, res.Text = res.StartedMS, operation.ClassTimeout, "its time was over before it began"
		return res
	}
	defer r.leave()
	var err error
	if c.action == "" {
		var got Reading
		got, err = e.cfg.Devices.Status(ctx, c.device, c.target)
		res.State, res.Identity = got.State, got.Identity
	} else {
		err = e.cfg.Devices.Do(ctx, c.device, c.target, c.action)
	}
	res.FinishedMS = e.cfg.Now()
	res.Class, res.Text = classify(ctx, err)
	return res
}

// classify says why a call failed. At a deadline libraries return errors of any kind, so the context is asked too.
func classify(ctx context.Context, err error) (operation.Class, string) {
	if err == nil {
		return operation.ClassOK, ""
	}
	text := err.Error()
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	var classed Classed
	class := operation.ClassUnknown
	if errors.As(err, &classed) {
		class = operation.Class(classed.Class()).Normal()
	}
	if class == operation.ClassOK { // an error that calls itself ok is none of the kind
		class = operation.ClassUnknown
	}
	if class == operation.ClassUnknown && ctx.Err() != nil {
		class = operation.ClassTimeout
	}
	return class, text
}

package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/plugins/proto"
)

// Reading is what a device said once: state and identity of one session. It proves nothing by itself (R16).
type Reading struct {
	State    fence.PowerState
	Identity fence.Identity
	Detail   string
}

// Probed is what a device says about itself.
type Probed struct {
	Reachable bool
	Identity  fence.Identity
	Detail    string
}

// Target is an outlet, slot or system at a device.
type Target struct{ ID, Alias string }

// Bounds of what is taken from a plugin.
const (
	mostUUIDs   = 16
	mostTargets = 4096
)

// Status reads power state and identity of a target now. Whatever is not exactly on or off is unknown. Every error is a *CallError.
func (h *Host) Status(ctx context.Context, device, target string) (Reading, error) {
	return h.status(ctx, device, target, reads)
}

// Look is Status for who has time: it is refused while another call is at the device, and gives way to one that comes and to ctx's cancellation:
// the plugin is told to stop, and is not waited for longer than half a second (R28).
func (h *Host) Look(ctx context.Context, device, target string) (Reading, error) {
	return h.status(ctx, device, target, looks)
}

func (h *Host) status(ctx context.Context, device, target string, how manner) (Reading, error) {
	r, err := call(ctx, h, device, how, func(ctx context.Context, rpc proto.FencePluginClient, id string, at int64) (*proto.StatusResponse, *proto.Failure, error) {
		r, err := rpc.Status(ctx, &proto.StatusRequest{Device: id, Target: target, DeadlineMs: at})
		return r, r.GetFailure(), err
	})
	if err != nil {
		return Reading{State: fence.PowerUnknown}, err
	}
	state := fence.PowerUnknown
	if s := fence.PowerState(r.State); s == fence.PowerOn || s == fence.PowerOff {
		state = s
	}
	return Reading{State: state, Identity: identity(r.Uuids, r.Serial), Detail: h.hide(device, r.Detail)}, nil
}

// Do asks for an action (off, on, diag) and returns when the device has accepted it, which proves nothing. At ctx's deadline the
// request is over: the plugin drops it, or its process group is killed (R9).
func (h *Host) Do(ctx context.Context, device, target, action string) error {
	_, err := call(ctx, h, device, acts, func(ctx context.Context, rpc proto.FencePluginClient, id string, at int64) (struct{}, *proto.Failure, error) {
		r, err := rpc.Do(ctx, &proto.DoRequest{Device: id, Target: target, Action: action, DeadlineMs: at})
		return struct{}{}, r.GetFailure(), err
	})
	return err
}

// Probe says whether the device can be reached and who it is; it changes nothing.
func (h *Host) Probe(ctx context.Context, device, target string) (Probed, error) {
	r, err := call(ctx, h, device, reads, func(ctx context.Context, rpc proto.FencePluginClient, id string, at int64) (*proto.ProbeResponse, *proto.Failure, error) {
		r, err := rpc.Probe(ctx, &proto.ProbeRequest{Device: id, Target: target, DeadlineMs: at})
		return r, r.GetFailure(), err
	})
	if err != nil {
		return Probed{}, err
	}
	return Probed{Reachable: r.Reachable, Identity: identity(r.Uuids, r.Serial), Detail: h.hide(device, r.Detail)}, nil
}

// List names the targets of a device, at most 4096.
func (h *Host) List(ctx context.Context, device string) ([]Target, error) {
	r, err := call(ctx, h, device, reads, func(ctx context.Context, rpc proto.FencePluginClient, id string, at int64) (*proto.ListResponse, *proto.Failure, error) {
		r, err := rpc.List(ctx, &proto.ListRequest{Device: id, DeadlineMs: at})
		return r, r.GetFailure(), err
	})
	if err != nil {
		return nil, err
	}
	out := make([]Target, 0, min(len(r.Targets), mostTargets))
	for _, t := range r.Targets[:min(len(r.Targets), mostTargets)] {
		out = append(out, Target{line(t.GetId()), line(t.GetAlias())})
	}
	return out, nil
}

func identity(uuids []string, serial string) fence.Identity {
	id := fence.Identity{Serial: line(serial)}
	for _, u := range uuids[:min(len(uuids), mostUUIDs)] {
		id.UUIDs = append(id.UUIDs, line(u))
	}
	return id
}

// send makes one RPC; at is its deadline on CLOCK_BOOTTIME.
type send[T any] func(ctx context.Context, rpc proto.FencePluginClient, id string, at int64) (T, *proto.Failure, error)

// call runs one call on a device. Its caller gets an answer at ctx's deadline at the latest; the request goes on until the plugin returns
// from it or is killed, and holds its place in the device's limit so long. A cancelled ctx frees the caller, not the plugin, unless it is a Look.
func call[T any](ctx context.Context, h *Host, name string, how manner, f send[T]) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, h.allowed(ctx))
	defer cancel()
	var none T
	h.mu.Lock()
	d := h.devices[name]
	h.mu.Unlock()
	if d == nil {
		return none, fail(ClassUnsupported, fmt.Sprintf("device %q is not configured", line(name)))
	}
	ctx, leave, err := d.crossing.enter(ctx, how)
	if err != nil {
		return none, err
	}
	select {
	case d.slots <- struct{}{}:
	case <-ctx.Done():
		leave()
		if yields(ctx, how) {
			return none, ErrGaveWay
		}
		return none, fail(ClassTimeout, fmt.Sprintf("the deadline passed behind %d earlier calls to device %s", cap(d.slots), name))
	}
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	if !h.spawn(func() {
		v, err := func() (T, error) {
			defer leave()
			defer func() { <-d.slots }()
			return perform(ctx, h, d, how, f)
		}()
		answers <- answer{v, err} // when its place is free: a look that follows at once is not beside it any more
	}) {
		<-d.slots
		leave()
		return none, fail(ClassUnknown, errClosed.Error())
	}
	select {
	case a := <-answers:
		if a.err != nil && yields(ctx, how) && ClassOf(a.err) != ClassAuth {
			return none, ErrGaveWay
		}
		return a.value, h.hideError(d, a.err)
	case <-ctx.Done():
		if yields(ctx, how) {
			return none, ErrGaveWay
		}
		return none, fail(ClassTimeout, fmt.Sprintf("device %s did not answer in time", name))
	}
}

// longestCall bounds every call: a plugin drops what is asked for longer.
const longestCall = time.Minute

func (h *Host) allowed(ctx context.Context) time.Duration {
	if _, has := ctx.Deadline(); has {
		return longestCall
	}
	return h.config.CallTimeout
}

// perform finds the process, opens the device in it and makes the call; before anything was sent it moves on to a new process.
func perform[T any](ctx context.Context, h *Host, d *device, how manner, f send[T]) (T, error) {
	var none T
	for {
		l, err := h.laneOf(d)
		if err != nil {
			return none, err
		}
		p, err := l.get(ctx)
		if err != nil {
			return none, err
		}
		if err = p.open(ctx, d, how); err == nil {
			var v T
			v, err = exchange(ctx, p, d, how, func(ctx context.Context, rpc proto.FencePluginClient, at int64) (T, *proto.Failure, error) {
				return f(ctx, rpc, d.id, at)
			})
			if err == nil {
				return v, nil
			}
		}
		if !errors.Is(err, errGone) {
			return none, err
		}
	}
}

// errOverran says that a plugin did not return from a call within its grace.
var errOverran = errors.New("the call overran")

// exchange makes one RPC in process p, with the grace beyond ctx's deadline that tells a late answer from an overrun.
func exchange[T any](ctx context.Context, p *process, d *device, how manner, f func(context.Context, proto.FencePluginClient, int64) (T, *proto.Failure, error)) (T, error) {
	var none T
	if ctx.Err() != nil {
		return none, fail(ClassTimeout, "the deadline passed before the request was sent")
	}
	deadline, _ := ctx.Deadline()
	flight, err := p.enter(ctx, deadline)
	if err != nil {
		return none, err
	}
	defer p.leave(flight)
	at, err := bootMS(time.Until(deadline))
	if err != nil {
		return none, fail(ClassUnknown, err.Error())
	}
	// No deadline of gRPC's: its server answers at that by itself, whether the plugin has returned or not, and an overrun would be missed.
	over, cancel := context.WithCancelCause(p.ctx)
	defer cancel(nil)
	grace := time.AfterFunc(time.Until(deadline)+p.host.config.Grace, func() { cancel(errOverran) })
	defer grace.Stop()
	if how == looks {
		defer context.AfterFunc(ctx, func() {
			if yields(ctx, how) {
				cancel(ErrGaveWay)
			}
		})()
	}
	v, failure, err := f(over, p.rpc, at)
	if err == nil {
		return v, failed(failure)
	}
	if p.ctx.Err() == nil && errors.Is(context.Cause(over), errOverran) {
		d.sick.Store(true)
		p.overran("a call to device "+d.config.Name+" overran its deadline", how == acts)
		return none, fail(ClassTimeout, "the plugin did not return at the deadline")
	}
	text := line(status.Convert(err).Message())
	switch code := status.Code(err); {
	case p.ctx.Err() != nil || code == codes.Unavailable:
		return none, fail(ClassPluginDied, p.death(text))
	case code == codes.Unimplemented:
		return none, fail(ClassUnsupported, "the plugin cannot do this")
	case code == codes.DeadlineExceeded, code == codes.Canceled:
		return none, fail(ClassTimeout, text)
	}
	return none, fail(ClassUnknown, "the plugin answered with garbage: "+text)
}

// bootMS is the instant that lies left from now on CLOCK_BOOTTIME, which the plugin reads too: it goes on while this machine sleeps.
func bootMS(left time.Duration) (int64, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return 0, fmt.Errorf("cannot read CLOCK_BOOTTIME: %w", err)
	}
	return (now.Nano() + int64(left)) / int64(time.Millisecond), nil
}

// hide takes the secrets of a device's plugin out of its texts.
func (h *Host) hide(device, text string) string {
	h.mu.Lock()
	d := h.devices[device]
	h.mu.Unlock()
	if d == nil {
		return ""
	}
	return line(redact(text, h.secrets(d.config.Plugin)))
}

func (h *Host) hideError(d *device, err error) error {
	var e *CallError
	if errors.As(err, &e) {
		return fail(e.Class, redact(e.Text, h.secrets(d.config.Plugin)))
	}
	return err
}

package sdk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/fenced-project/fenced/plugins/proto"
)

// Bounds of one plugin process; what exceeds them is refused or cut.
const (
	maxDevices = 4096
	maxTargets = 4096
	maxUUIDs   = 16
)

// NewServer returns the service that answers for p: Main serves it to the daemon, a vendor's tests may call it directly. Failures of a
// device are in the answers, never gRPC errors. It panics when p's description is wrong.
func NewServer(p Plugin) proto.FencePluginServer {
	d, err := describe(p)
	if err != nil {
		panic("sdk: " + err.Error())
	}
	return &server{plugin: p, about: d, slots: map[string]*slot{}}
}

type server struct {
	proto.UnimplementedFencePluginServer
	plugin Plugin
	about  Description

	mu    sync.Mutex
	slots map[string]*slot
}

func (s *server) Describe(context.Context, *proto.DescribeRequest) (*proto.DescribeResponse, error) {
	return s.about.wire(), nil
}

func (s *server) Open(ctx context.Context, r *proto.OpenRequest) (*proto.OpenResponse, error) {
	options, err := s.about.NewOptions(r.Options)
	if err != nil {
		return &proto.OpenResponse{Failure: wire(ctx, err)}, nil
	}
	ctx, cancel, err := bound(ctx, r.DeadlineMs)
	if err != nil {
		return &proto.OpenResponse{Failure: wire(context.Background(), err)}, nil
	}
	defer cancel()
	var dev Device
	err = guard(func() (err error) {
		dev, err = s.plugin.Open(ctx, cmp.Or(r.Name, r.Device), options)
		return err
	})
	if err == nil && dev == nil {
		err = errors.New("the plugin opened nothing")
	}
	answer := &proto.OpenResponse{}
	if err == nil {
		if k, ok := dev.(Kinder); ok {
			answer.Kind = string(k.Kind())
		}
		err = s.keep(r.Device, dev)
	}
	answer.Failure = wire(ctx, err)
	return answer, nil
}

// keep makes dev the device with this name; the one it replaces is closed when its calls have returned.
func (s *server) keep(name string, dev Device) error {
	s.mu.Lock()
	old := s.slots[name]
	if old == nil && len(s.slots) >= maxDevices {
		s.mu.Unlock()
		closeDevice(dev)
		return Refused(fmt.Errorf("more than %d devices are open", maxDevices))
	}
	s.slots[name] = &slot{dev: dev, limit: make(chan struct{}, s.about.Limit)}
	s.mu.Unlock()
	if old != nil {
		old.retire()
	}
	return nil
}

func (s *server) Close(_ context.Context, r *proto.CloseRequest) (*proto.CloseResponse, error) {
	s.mu.Lock()
	old := s.slots[r.Device]
	delete(s.slots, r.Device)
	s.mu.Unlock()
	if old != nil {
		old.retire()
	}
	return &proto.CloseResponse{}, nil
}

// with runs f on the device within the request's deadline and the device's limit. Where f changes nothing, a host that gives the call up before
// its deadline wants the device for something else.
func (s *server) with(rpc context.Context, device string, deadlineMS int64, acts bool, f func(context.Context, Device) error) *proto.Failure {
	ctx, cancel, err := bound(rpc, deadlineMS)
	if err != nil {
		return wire(context.Background(), err)
	}
	defer cancel()
	s.mu.Lock()
	slot := s.slots[device]
	s.mu.Unlock()
	if slot == nil {
		return wire(ctx, Refused(fmt.Errorf("device %q is not open", clip(device))))
	}
	if acts {
		rpc = nil
	}
	visit, err := slot.enter(ctx, rpc)
	if err != nil {
		return wire(ctx, err)
	}
	defer visit.leave()
	return wire(ctx, guard(func() error { return f(ctx, slot.dev) }))
}

func (s *server) Status(ctx context.Context, r *proto.StatusRequest) (*proto.StatusResponse, error) {
	out := &proto.StatusResponse{State: string(Unknown)}
	out.Failure = s.with(ctx, r.Device, r.DeadlineMs, false, func(ctx context.Context, d Device) error {
		st, err := d.Status(ctx, r.Target)
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return Timeout(errors.New("the state came after the deadline"))
		}
		out.State, out.Detail = string(st.State.normal()), clip(st.Detail)
		out.Uuids, out.Serial = identity(st.UUIDs, st.Serial)
		return nil
	})
	return out, nil
}

func (s *server) Do(ctx context.Context, r *proto.DoRequest) (*proto.DoResponse, error) {
	action := Action(r.Action)
	if !slices.Contains(s.about.Actions, action) {
		return &proto.DoResponse{Failure: wire(ctx, Unsupported(fmt.Errorf("this plugin does not know the action %q", clip(r.Action))))}, nil
	}
	return &proto.DoResponse{Failure: s.with(ctx, r.Device, r.DeadlineMs, true, func(ctx context.Context, d Device) error {
		return d.Do(ctx, r.Target, action)
	})}, nil
}

func (s *server) List(ctx context.Context, r *proto.ListRequest) (*proto.ListResponse, error) {
	out := &proto.ListResponse{}
	out.Failure = s.with(ctx, r.Device, r.DeadlineMs, false, func(ctx context.Context, d Device) error {
		l, ok := d.(Lister)
		if !ok {
			return Unsupported(errors.New("this plugin cannot list its targets"))
		}
		ts, err := l.List(ctx)
		if err != nil {
			return err
		}
		if len(ts) > maxTargets {
			return Refused(fmt.Errorf("the device has %d targets, more than %d", len(ts), maxTargets))
		}
		for _, t := range ts {
			out.Targets = append(out.Targets, &proto.Target{Id: clip(t.ID), Alias: clip(t.Alias)})
		}
		return nil
	})
	return out, nil
}

func (s *server) Probe(ctx context.Context, r *proto.ProbeRequest) (*proto.ProbeResponse, error) {
	out := &proto.ProbeResponse{}
	out.Failure = s.with(ctx, r.Device, r.DeadlineMs, false, func(ctx context.Context, d Device) error {
		p, err := probe(ctx, d, r.Target)
		if err != nil {
			return err
		}
		out.Reachable, out.Detail = p.Reachable, clip(p.Detail)
		out.Uuids, out.Serial = identity(p.UUIDs, p.Serial)
		return nil
	})
	return out, nil
}

// probe uses Status where the device has no cheaper way: both change nothing.
func probe(ctx context.Context, d Device, target string) (Probe, error) {
	if p, ok := d.(Prober); ok {
		return p.Probe(ctx, target)
	}
	st, err := d.Status(ctx, target)
	return Probe{Reachable: err == nil, UUIDs: st.UUIDs, Serial: st.Serial, Detail: st.Detail}, err
}

func identity(uuids []string, serial string) ([]string, string) {
	out := make([]string, 0, min(len(uuids), maxUUIDs))
	for _, u := range uuids[:min(len(uuids), maxUUIDs)] {
		out = append(out, clip(u))
	}
	return out, clip(serial)
}

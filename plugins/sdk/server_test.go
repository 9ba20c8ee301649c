package sdk

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fenced-project/fenced/plugins/proto"
)

// fake is a plugin whose calls are the test's.
type fake struct {
	about  Description
	status func(context.Context, string) (Status, error)
	do     func(context.Context, string, Action) error
	calls  atomic.Int32
	closed atomic.Int32
}

func (f *fake) Describe() Description { return f.about }

func (f *fake) Open(_ context.Context, device string, _ Options) (Device, error) {
	switch device {
	case "nothing":
		return nil, nil
	case "panic":
		panic("told to")
	case "refused":
		return nil, Refused(errors.New("no"))
	}
	return fakeDevice{f}, nil
}

type fakeDevice struct{ f *fake }

func (d fakeDevice) Status(ctx context.Context, target string) (Status, error) {
	d.f.calls.Add(1)
	return d.f.status(ctx, target)
}

func (d fakeDevice) Do(ctx context.Context, target string, a Action) error {
	d.f.calls.Add(1)
	return d.f.do(ctx, target, a)
}

func (d fakeDevice) Close() error {
	d.f.closed.Add(1)
	return nil
}

func newFake(t *testing.T) (*fake, proto.FencePluginServer) {
	t.Helper()
	f := &fake{about: Description{Name: "fake", Kind: Power}}
	f.status = func(context.Context, string) (Status, error) { return Status{State: Off}, nil }
	f.do = func(context.Context, string, Action) error { return nil }
	s := NewServer(f)
	open(t, s, "d")
	return f, s
}

func open(t *testing.T, s proto.FencePluginServer, device string) {
	t.Helper()
	if r, err := s.Open(context.Background(), &proto.OpenRequest{Device: device}); err != nil || r.Failure != nil {
		t.Fatalf("Open = %v, %v", r, err)
	}
}

func class(f *proto.Failure) Class { return Class(f.GetClass()) }

// at is an instant of CLOCK_BOOTTIME that lies left from now.
func at(t *testing.T, left time.Duration) int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		t.Fatal(err)
	}
	return (now.Nano() + int64(left)) / int64(time.Millisecond)
}

// A request that is read after its deadline never reaches the device (R9): a plugin that was stopped for a while must not switch then.
func TestStaleRequestIsDropped(t *testing.T) {
	f, s := newFake(t)
	r, err := s.Do(context.Background(), &proto.DoRequest{Device: "d", Action: "off", DeadlineMs: at(t, -time.Millisecond)})
	if err != nil || class(r.Failure) != ClassTimeout {
		t.Errorf("Do = %v, %v", r, err)
	}
	if n := f.calls.Load(); n != 0 {
		t.Fatalf("the device saw %d stale requests", n)
	}
	if r, _ := s.Do(context.Background(), &proto.DoRequest{Device: "d", Action: "off", DeadlineMs: at(t, time.Minute)}); r.Failure != nil {
		t.Errorf("a fresh request failed: %v", r.Failure)
	}
}

// A request whose deadline passes while it waits for its turn is dropped as well.
func TestQueuedRequestIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, s := newFake(t)
		release := make(chan struct{})
		f.status = func(context.Context, string) (Status, error) { <-release; return Status{State: On}, nil }
		go s.Status(context.Background(), &proto.StatusRequest{Device: "d"})
		synctest.Wait()
		r, err := s.Do(context.Background(), &proto.DoRequest{Device: "d", Action: "off", DeadlineMs: at(t, time.Second)})
		if err != nil || class(r.Failure) != ClassTimeout {
			t.Errorf("Do = %v, %v", r, err)
		}
		close(release)
		synctest.Wait()
		if n := f.calls.Load(); n != 1 {
			t.Errorf("the device saw %d calls, one was to be dropped", n-1)
		}
	})
}

// The device's method has the request's deadline, and a state that comes after it is none.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, s := newFake(t)
		f.status = func(ctx context.Context, _ string) (Status, error) { <-ctx.Done(); return Status{State: Off}, nil }
		begin := time.Now()
		r, err := s.Status(context.Background(), &proto.StatusRequest{Device: "d", DeadlineMs: at(t, 2*time.Second)})
		if err != nil || class(r.Failure) != ClassTimeout || r.State != string(Unknown) {
			t.Errorf("Status = %v, %v", r, err)
		}
		if took := time.Since(begin).Round(10 * time.Millisecond); took != 2*time.Second {
			t.Errorf("it took %v", took)
		}
		begin = time.Now()
		_, _ = s.Status(context.Background(), &proto.StatusRequest{Device: "d"})
		if took := time.Since(begin); took != longest {
			t.Errorf("without a deadline it took %v", took)
		}
	})
}

func TestPanicIsAFailure(t *testing.T) {
	f, s := newFake(t)
	f.do = func(context.Context, string, Action) error { panic("told to") }
	for range 3 { // its place in the limit is free again
		if r, err := s.Do(context.Background(), &proto.DoRequest{Device: "d", Action: "off"}); err != nil || class(r.Failure) != ClassUnknown {
			t.Fatalf("Do = %v, %v", r, err)
		}
	}
	if r, _ := s.Status(context.Background(), &proto.StatusRequest{Device: "d"}); r.Failure != nil {
		t.Errorf("after a panic: %v", r.Failure)
	}
}

func TestOpenFailures(t *testing.T) {
	_, s := newFake(t)
	for device, want := range map[string]Class{"nothing": ClassUnknown, "panic": ClassUnknown, "refused": ClassRefused} {
		if r, err := s.Open(context.Background(), &proto.OpenRequest{Device: device}); err != nil || class(r.Failure) != want {
			t.Errorf("Open(%s) = %v, %v", device, r, err)
		}
		if r, _ := s.Status(context.Background(), &proto.StatusRequest{Device: device}); class(r.Failure) != ClassRefused || r.State != string(Unknown) {
			t.Errorf("Status(%s) = %v", device, r)
		}
	}
	if r, _ := s.Open(context.Background(), &proto.OpenRequest{Device: "x", Options: map[string]string{"colour": "red"}}); class(r.Failure) != ClassRefused {
		t.Errorf("an unknown option gives %v", r.Failure)
	}
}

// A replaced device is closed once, after its last call.
func TestReplaceClosesAfterTheLastCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, s := newFake(t)
		release := make(chan struct{})
		f.status = func(context.Context, string) (Status, error) { <-release; return Status{State: On}, nil }
		go s.Status(context.Background(), &proto.StatusRequest{Device: "d"})
		synctest.Wait()
		open(t, s, "d")
		if n := f.closed.Load(); n != 0 {
			t.Fatalf("a device in use was closed %d times", n)
		}
		close(release)
		synctest.Wait()
		if n := f.closed.Load(); n != 1 {
			t.Fatalf("the replaced device was closed %d times", n)
		}
		for range 2 {
			_, _ = s.Close(context.Background(), &proto.CloseRequest{Device: "d"})
		}
		if n := f.closed.Load(); n != 2 {
			t.Errorf("after Close it is %d times", n)
		}
	})
}

// What leaves the plugin has a normal form and bounds.
func TestNormalForms(t *testing.T) {
	f, s := newFake(t)
	f.status = func(context.Context, string) (Status, error) {
		return Status{State: "Chassis Power is off\n", UUIDs: make([]string, 100), Serial: strings.Repeat("s", 5000), Detail: strings.Repeat("d", 5000)}, nil
	}
	r, err := s.Status(context.Background(), &proto.StatusRequest{Device: "d"})
	if err != nil || r.State != "off" || len(r.Uuids) > maxUUIDs || len(r.Serial) > 600 || len(r.Detail) > 600 {
		t.Errorf("Status = %v, %v", r, err)
	}
	f.status = func(context.Context, string) (Status, error) { return Status{State: "offish"}, nil }
	if r, _ := s.Status(context.Background(), &proto.StatusRequest{Device: "d"}); r.State != "unknown" {
		t.Errorf("a made-up state is %s", r.State)
	}
	f.status = func(context.Context, string) (Status, error) { return Status{State: Off}, errors.New("but") }
	if r, _ := s.Status(context.Background(), &proto.StatusRequest{Device: "d"}); r.State != "unknown" || r.Failure == nil {
		t.Errorf("a state with an error is %v", r)
	}
}

func TestUnsupported(t *testing.T) {
	f, s := newFake(t)
	if r, _ := s.Do(context.Background(), &proto.DoRequest{Device: "d", Action: "diag"}); class(r.Failure) != ClassUnsupported {
		t.Errorf("an action that is not declared gives %v", r.Failure)
	}
	if r, _ := s.List(context.Background(), &proto.ListRequest{Device: "d"}); class(r.Failure) != ClassUnsupported {
		t.Errorf("List gives %v", r.Failure)
	}
	if n := f.calls.Load(); n != 0 {
		t.Errorf("the device saw %d calls", n)
	}
	if r, _ := s.Probe(context.Background(), &proto.ProbeRequest{Device: "d"}); r.Failure != nil || !r.Reachable {
		t.Errorf("Probe by Status gives %v", r)
	}
}

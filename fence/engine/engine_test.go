package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/engine"
	"github.com/fenced-project/fenced/fence/operation"
)

// rig is an engine over a site, inside a synctest bubble.
type rig struct {
	*engine.Engine
	site *site
	sink *sink
	now  func() int64
	t    *testing.T
}

func newRig(t *testing.T, change func(*engine.Config)) *rig {
	now := clock()
	r := &rig{site: newSite(), sink: newSink(now), now: now, t: t}
	cfg := engine.Config{Devices: r.site, Now: now, Report: r.sink.report}
	if change != nil {
		change(&cfg)
	}
	r.Engine = engine.New(cfg)
	return r
}

func (r *rig) start(s operation.Spec) {
	r.t.Helper()
	if err := r.Start(s); err != nil {
		r.t.Fatal(err)
	}
}

// wait lets virtual time pass until the operation on node finishes, at most limit.
func (r *rig) wait(node fence.NodeID, limit time.Duration) engine.Finished {
	r.t.Helper()
	for end := r.now() + limit.Milliseconds(); ; time.Sleep(time.Millisecond) {
		synctest.Wait()
		if f, ok := r.sink.get(node); ok {
			return f
		}
		if r.now() >= end {
			r.t.Fatalf("node %d is not finished after %s", node, limit)
		}
	}
}

func (r *rig) close() {
	r.t.Helper()
	if err := r.Close(); err != nil {
		r.t.Error(err)
	}
}

func bubble(t *testing.T, change func(*engine.Config), f func(t *testing.T, r *rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, change)
		defer r.close()
		f(t, r)
	})
}

func TestFenceIsPerformed(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.site.took = 10 * time.Millisecond
		r.start(spec(3, steps("bmc")))
		f := r.wait(3, time.Second)
		if !f.Result.Proven || !f.Quiet || f.InFlight != 0 || f.Claim != 7 {
			t.Fatalf("%+v", f)
		}
		d := f.Result.Evidence.Devices[0]
		if d.CommandedMS != 50_020 || d.First.StartedMS != 50_020 || d.First.FinishedMS != 50_030 || d.Final.StartedMS != 50_130 {
			t.Errorf("the times of the evidence are not those of the calls: %+v", d)
		}
		var phases []string
		tried := 0
		for _, ev := range r.sink.events() {
			switch ev := ev.(type) {
			case engine.Progress:
				phases = append(phases, string(ev.Phase))
			case engine.Tried:
				tried++
			}
		}
		if want := []string{"reading", "requesting", "verifying", "verifying", "done"}; !slices.Equal(phases, want) || tried != 1 {
			t.Errorf("phases %v, %d attempts", phases, tried)
		}
	})
}

// One hung device delays nobody else: not another victim, not the next level of its own.
func TestHungDeviceDelaysNobodyElse(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.site.hook = func(ctx context.Context, kind, device string) error {
			if device == "hung" {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		r.start(spec(1, steps("hung")))
		for n := fence.NodeID(2); n <= 20; n++ {
			r.start(spec(n, steps(fmt.Sprintf("bmc-%d", n))))
		}
		for n := fence.NodeID(2); n <= 20; n++ {
			if f := r.wait(n, time.Second); !f.Result.Proven || r.sink.when(n) != 50_100 {
				t.Errorf("node %d at %d: %+v", n, r.sink.when(n), f.Result)
			}
		}
		f := r.wait(1, time.Minute)
		if f.Result.Proven || !f.Quiet || len(f.Result.Attempts) != 2 || f.Result.Attempts[0].Class != operation.ClassTimeout {
			t.Errorf("%+v", f)
		}
	})
}

// R9: a verdict does not wait for a call that an earlier level left behind, but says so; Returned follows when it is over.
func TestR9NotQuiet(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.site.hook = func(ctx context.Context, kind, device string) error {
			switch {
			case device == "hung" && kind == "do":
				<-ctx.Done()
				return ctx.Err()
			case device == "bad" && kind == "do":
				return failure{"refused", "no"}
			}
			return nil
		}
		r.start(spec(1, steps("hung", "bad"), steps("bmc")))
		f := r.wait(1, time.Second)
		if !f.Result.Proven || f.Quiet || f.InFlight != 1 || r.sink.when(1) != 50_100 {
			t.Fatalf("at %d: %+v", r.sink.when(1), f)
		}
		if f.Result.EffectUntilMS != 50_000+5000+1000 {
			t.Errorf("may take effect until %d", f.Result.EffectUntilMS)
		}
		time.Sleep(4800 * time.Millisecond) // 50 100 + 4800: the call is not over yet
		synctest.Wait()
		if r.sink.back(1) != 0 {
			t.Error("returned before the call was over")
		}
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		if r.sink.back(1) != 1 {
			t.Errorf("returned %d times", r.sink.back(1))
		}
	})
}

// A device that overruns its deadline holds its slot until it really returns, and the operation goes on without it.
func TestOverrun(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		release := make(chan struct{})
		r.site.hook = func(ctx context.Context, kind, device string) error {
			if device == "deaf" {
				<-release
			}
			return nil
		}
		r.start(spec(1, steps("deaf"), steps("bmc")))
		f := r.wait(1, time.Minute)
		if !f.Result.Proven || f.Result.Evidence.Level != 1 || f.Quiet || f.InFlight != 1 {
			t.Errorf("%+v", f)
		}
		if n := r.site.count(r.site.calls, "deaf"); n != 1 {
			t.Errorf("%d calls at a device of limit 1 that never answered", n)
		}
		if err := r.Start(spec(1, steps("bmc"))); !errors.Is(err, engine.ErrDuplicate) {
			t.Errorf("a claim whose call is still out was started again: %v", err)
		}
		close(release)
		synctest.Wait()
		if r.sink.back(1) != 1 {
			t.Error("its return was not told")
		}
	})
}

// The limit of a device holds, and a crowd at it gets through without idle time.
func TestCrowdAtOneDevice(t *testing.T) {
	const crowd = 40
	for _, limit := range []int{1, 3} {
		bubble(t, func(c *engine.Config) { c.Limit = func(string) int { return limit } }, func(t *testing.T, r *rig) {
			r.site.took = 5 * time.Millisecond
			for n := range crowd {
				s := spec(fence.NodeID(n+1), []fence.Step{{Device: "pdu", Target: fmt.Sprintf("%02d", n)}})
				s.Judge.Devices[0].SettleMS = 1
				r.start(s)
			}
			for n := range crowd {
				if f := r.wait(fence.NodeID(n+1), 30*time.Second); !f.Result.Proven {
					t.Errorf("limit %d: outlet %d: %+v", limit, n, f.Result)
				}
			}
			if got := r.site.count(r.site.most, "pdu"); got != limit {
				t.Errorf("%d calls at once, the limit is %d", got, limit)
			}
			if took := r.now() - 50_000; took > crowd*4*5+500 {
				t.Errorf("limit %d took %d ms", limit, took)
			}
		})
	}
}

// A crowd that is too big for a device's speed finishes one after the other, the oldest first: taking turns, each would run into its deadline.
func TestOldestFirst(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.site.took = 200 * time.Millisecond
		for n := fence.NodeID(1); n <= 40; n++ { // 40 reads alone take longer than an attempt may
			r.start(spec(n, []fence.Step{{Device: "pdu", Target: fmt.Sprintf("%02d", n)}}))
			synctest.Wait()
		}
		for n := fence.NodeID(1); n <= 5; n++ {
			if f := r.wait(n, 10*time.Second); !f.Result.Proven || len(f.Result.Attempts) != 1 {
				t.Errorf("node %d: %+v", n, f.Result)
			}
		}
	})
}

// What waits for its turn past its deadline is told so, and never reaches the device late.
func TestDeadlineInTheQueue(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.site.hook = func(ctx context.Context, kind, device string) error {
			<-ctx.Done()
			return ctx.Err()
		}
		first := spec(1, []fence.Step{{Device: "pdu", Target: "1"}})
		first.Judge.Devices[0].AttemptMS = 60_000
		r.start(first)
		synctest.Wait()
		r.start(spec(2, []fence.Step{{Device: "pdu", Target: "2"}}))
		f := r.wait(2, time.Minute)
		a := f.Result.Attempts
		if len(a) != 2 || a[0].Class != operation.ClassTimeout || a[0].MS != 5000 || !strings.Contains(a[0].Text, "waited 5000 ms for its turn at device pdu, which takes 1 at a time") {
			t.Errorf("%+v", a)
		}
		if n := r.site.count(r.site.calls, "pdu"); !f.Quiet || n != 1 {
			t.Errorf("quiet %v, %d calls", f.Quiet, n)
		}
		r.Cancel(fence.Incarnation{Node: 1, Boot: "boot"}, 7, "enough")
	})
}

func TestHundredVictimsAtOnce(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.site.took = 50 * time.Millisecond
		for n := fence.NodeID(1); n <= 100; n++ {
			r.start(spec(n, steps(fmt.Sprintf("pdu-%d-a", n), fmt.Sprintf("pdu-%d-b", n))))
		}
		for n := fence.NodeID(1); n <= 100; n++ {
			if f := r.wait(n, 2*time.Second); !f.Result.Proven || r.sink.when(n) != 50_300 {
				t.Errorf("node %d at %d: %+v", n, r.sink.when(n), f.Result)
			}
		}
	})
}

// A cancelled operation begins nothing more: what waits in a queue never reaches its device.
func TestCancelEmptiesTheQueue(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		gate := make(chan struct{})
		r.site.hook = func(ctx context.Context, kind, device string) error { <-gate; return nil }
		r.start(spec(1, []fence.Step{{Device: "pdu", Target: "1"}}))
		synctest.Wait()
		r.start(spec(2, []fence.Step{{Device: "pdu", Target: "2"}}))
		synctest.Wait()
		if !r.Cancel(fence.Incarnation{Node: 2, Boot: "boot"}, 7, "rejoined") || r.Cancel(fence.Incarnation{Node: 2, Boot: "boot"}, 8, "other claim") {
			t.Error("Cancel found the wrong one")
		}
		f := r.wait(2, time.Second)
		if f.Result.Ended != operation.EndedCancelled || !f.Quiet {
			t.Errorf("%+v", f)
		}
		synctest.Wait()
		if err := r.Start(spec(2, []fence.Step{{Ask: fence.AskHuman}})); err != nil {
			t.Errorf("its place in the queue outlives it: %v", err)
		}
		close(gate)
		if f := r.wait(1, time.Second); !f.Result.Proven || r.site.isOff("pdu2") {
			t.Errorf("%+v, outlet 2 off: %v", f, r.site.isOff("pdu2"))
		}
	})
}

// R9: a call in flight is not cancelled with its operation, for then it would look returned while the device may still act.
func TestCancelWaitsForTheCallInFlight(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		ended := make(chan time.Time, 1)
		r.site.hook = func(ctx context.Context, kind, device string) error {
			if kind == "do" {
				<-ctx.Done()
				ended <- time.Now()
				return ctx.Err()
			}
			return nil
		}
		begin := time.Now()
		r.start(spec(1, steps("bmc")))
		synctest.Wait()
		r.Cancel(fence.Incarnation{Node: 1, Boot: "boot"}, 7, "rejoined")
		if f := r.wait(1, time.Second); f.Quiet || f.InFlight != 1 {
			t.Errorf("%+v", f)
		}
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if took := (<-ended).Sub(begin); took != 5*time.Second || r.sink.back(1) != 1 {
			t.Errorf("the call ended after %s, returned %d times", took, r.sink.back(1))
		}
	})
}

func TestAcknowledge(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.start(spec(1, []fence.Step{{Ask: fence.AskHuman}}))
		synctest.Wait()
		if r.Acknowledge(fence.Incarnation{Node: 1, Boot: "other life"}) || !r.Acknowledge(fence.Incarnation{Node: 1, Boot: "boot"}) {
			t.Error("the acknowledgement of another life counted, or this one's did not")
		}
		if f := r.wait(1, time.Second); f.Result.Ended != operation.EndedAcknowledged || f.Result.Proven {
			t.Errorf("%+v", f)
		}
	})
}

func TestClasses(t *testing.T) {
	for _, c := range []struct {
		err  error
		want operation.Class
	}{
		{failure{"auth", "no"}, operation.ClassAuth},
		{fmt.Errorf("cannot read: %w", failure{"unreachable", "no route"}), operation.ClassUnreachable},
		{failure{"ok", "an error that is none"}, operation.ClassUnknown},
		{failure{"sorry", ""}, operation.ClassUnknown},
		{errors.New("plain"), operation.ClassUnknown},
		{failure{"plugin-died", strings.Repeat("ä", 9000)}, operation.ClassPluginDied},
	} {
		bubble(t, nil, func(t *testing.T, r *rig) {
			r.site.hook = func(context.Context, string, string) error { return c.err }
			r.start(spec(1, steps("bmc")))
			a := r.wait(1, time.Minute).Result.Attempts
			if len(a) == 0 || a[0].Class != c.want || len(a[0].Text) > 600 {
				t.Errorf("%v: %+v", c.err, a)
			}
		})
	}
}

func TestBoundsOfStart(t *testing.T) {
	bubble(t, func(c *engine.Config) { c.MaxOperations = 2 }, func(t *testing.T, r *rig) {
		ask := []fence.Step{{Ask: fence.AskHuman}}
		r.start(spec(1, ask))
		if err := r.Start(spec(1, ask)); !errors.Is(err, engine.ErrDuplicate) {
			t.Error(err)
		}
		r.start(spec(2, ask))
		if err := r.Start(spec(3, ask)); !errors.Is(err, engine.ErrFull) {
			t.Error(err)
		}
		r.Acknowledge(fence.Incarnation{Node: 1, Boot: "boot"})
		r.wait(1, time.Second)
		synctest.Wait()
		r.start(spec(3, ask))
	})
}

// A reader that stalls costs progress and attempts; what must not be lost is not, and no operation waits for it.
func TestSlowReportLosesOnlyWhatMayBeLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stall := make(chan struct{})
		now := clock()
		k := newSink(now)
		e := engine.New(engine.Config{Devices: newSite(), Now: now, EventQueue: 8, Report: func(ev engine.Event) { <-stall; k.report(ev) }})
		for n := fence.NodeID(1); n <= 50; n++ {
			if err := e.Start(spec(n, steps(fmt.Sprint("bmc", n)))); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		synctest.Wait()
		close(stall)
		synctest.Wait()
		for n := fence.NodeID(1); n <= 50; n++ {
			if f, ok := k.get(n); !ok || !f.Result.Proven {
				t.Errorf("node %d: %v", n, f)
			}
		}
		if e.Dropped() == 0 || len(k.events()) > 50+9 {
			t.Errorf("%d dropped, %d told", e.Dropped(), len(k.events()))
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestClose(t *testing.T) {
	t.Run("in the middle", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, nil)
			r.site.hook = func(ctx context.Context, kind, device string) error { <-ctx.Done(); return ctx.Err() }
			r.start(spec(1, steps("bmc")))
			r.start(spec(2, steps("bmc")))
			synctest.Wait()
			r.close()
			for n := fence.NodeID(1); n <= 2; n++ {
				f, ok := r.sink.get(n)
				if !ok || f.Result.Ended != operation.EndedCancelled || f.Quiet != (r.sink.back(n) == 0) {
					t.Errorf("%+v, returned %d times", f, r.sink.back(n))
				}
			}
			if err := r.Start(spec(3)); !errors.Is(err, engine.ErrClosed) {
				t.Error(err)
			}
			r.close() // a second one finds nothing to do
		})
	})
	t.Run("a device that never returns", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, nil)
			release := make(chan struct{})
			r.site.hook = func(context.Context, string, string) error { <-release; return nil }
			r.start(spec(1, steps("bmc")))
			synctest.Wait()
			if err := r.Close(); !errors.Is(err, engine.ErrBusy) || !strings.Contains(err.Error(), "1 operations") {
				t.Errorf("%v", err)
			}
			close(release)
			r.close()
		})
	})
}

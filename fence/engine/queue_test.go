package engine

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/operation"
)

// A slot that is granted to a call in the moment in which it gives up is passed on, never lost.
func TestGrantedAndGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queues{limit: func(string) int { return 1 }}
		gaveUp := 0
		for range 200 {
			if !q.acquire(t.Context(), nil, "pdu", 1) {
				t.Fatal("a slot was lost")
			}
			over, done := make(chan struct{}), make(chan bool, 1)
			go func() { done <- q.acquire(context.Background(), over, "pdu", 2) }()
			synctest.Wait()
			close(over)
			q.release("pdu")
			if <-done {
				q.release("pdu")
			} else {
				gaveUp++
			}
		}
		if len(q.byDevice) != 0 {
			t.Errorf("%d slots or tickets are left", len(q.byDevice))
		}
		if gaveUp == 0 {
			t.Error("no call ever gave up: this tests nothing")
		}
	})
}

// Waiting calls go by the age of their operation, then by arrival.
func TestOrderOfTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queues{limit: func(string) int { return 1 }}
		q.acquire(t.Context(), nil, "pdu", 1)
		var order []string
		for _, c := range []struct {
			serial uint64
			name   string
		}{{5, "5 first"}, {3, "3 first"}, {5, "5 second"}, {1, "1"}, {3, "3 second"}} {
			go func() {
				q.acquire(context.Background(), nil, "pdu", c.serial)
				order = append(order, c.name) // one slot: one at a time
				q.release("pdu")
			}()
			synctest.Wait()
		}
		q.release("pdu")
		synctest.Wait()
		want := []string{"1", "3 first", "3 second", "5 first", "5 second"}
		for i := range want {
			if len(order) != len(want) || order[i] != want[i] {
				t.Fatalf("%v, want %v", order, want)
			}
		}
	})
}

// untouchable fails the test when it is called.
type untouchable struct{ t *testing.T }

func (u untouchable) Do(context.Context, string, string, fence.Action) error {
	u.t.Error("a device was commanded")
	return nil
}

func (u untouchable) Status(context.Context, string, string) (Reading, error) {
	u.t.Error("a device was read")
	return Reading{}, nil
}

// A call whose operation is over, or whose time is, never reaches its device, not even when its slot is free just then.
func TestTooLateForTheDevice(t *testing.T) {
	e := New(Config{Devices: untouchable{t}, Now: func() int64 { return 5 }, Report: func(Event) {}})
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx      context.Context
		finished bool
	}{"operation over": {t.Context(), true}, "time over": {ended, false}} {
		r := newRun(e, key{}, 1, operation.Spec{})
		r.finished = c.finished
		for _, action := range []fence.Action{"", fence.ActionOff} {
			res := r.perform(c.ctx, call{id: 9, device: "pdu", action: action, deadlineMS: 5})
			if res.Class != operation.ClassTimeout || res.ID != 9 || r.atDevice != 0 {
				t.Errorf("%s: %+v", name, res)
			}
		}
	}
}

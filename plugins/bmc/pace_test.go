package main

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fenced-project/fenced/cmd/fenced-dev/redfish"
	"github.com/fenced-project/fenced/plugins/sdk"
)

// TestPace: twice the rate may come at once, then it is the rate, and who cannot wait so long is told at once and costs nothing.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pace{}
		begin := time.Now()
		for range 40 {
			if err := p.wait(t.Context(), 20); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("a fence had to wait %v", took)
		}
		for range 20 {
			if err := p.wait(t.Context(), 20); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begin); took != time.Second {
			t.Errorf("20 sessions more took %v", took)
		}
		for range 100 {
			short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			if err := p.wait(short, 20); sdk.ClassOf(err) != sdk.ClassTimeout || short.Err() != nil {
				t.Fatalf("%v, %v", err, short.Err())
			}
			cancel()
		}
		begin = time.Now()
		if err := p.wait(t.Context(), 20); err != nil || time.Since(begin) != 50*time.Millisecond {
			t.Errorf("after those who were told: %v, %v", time.Since(begin), err)
		}
		time.Sleep(time.Minute)
		begin = time.Now()
		for range 40 {
			_ = p.wait(t.Context(), 20)
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("after a rest a fence had to wait %v", took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		begin = time.Now()
		if err := p.wait(ctx, 1); sdk.ClassOf(err) != sdk.ClassTimeout || time.Since(begin) != time.Millisecond { // a second of rest is due
			t.Errorf("giving up took %v: %v", time.Since(begin), err)
		}
		for range 1000 {
			if err := p.wait(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestPaceOfABMC: two devices at one address and port share it, and those at two do not.
func TestPaceOfABMC(t *testing.T) {
	b := startRedfish(t, nil)
	slowly := map[string]string{"rate": "1"}
	one, two := b.device(t, slowly), b.device(t, slowly)
	mustState(t, one, sdk.On)
	mustState(t, two, sdk.On)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := one.Status(ctx, ""); sdk.ClassOf(err) != sdk.ClassTimeout {
		t.Errorf("a third session at once: %v", err)
	}
	if c := b.Counts(); c.Opened != 2 {
		t.Errorf("%d sessions were asked for", c.Opened)
	}
	mustState(t, startRedfish(t, nil).device(t, slowly), sdk.On)
	mustState(t, b.device(t, map[string]string{"rate": "0"}), sdk.On)
}

// TestSessionsAtOnce: of several devices at one BMC no more are in a session at once than was said; the next begins as one ends, and who cannot
// wait so long is told and asks for nothing.
func TestSessionsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pace{}
		var open, most, done atomic.Int32
		for range 10 {
			go func() {
				leave, err := p.enter(t.Context(), 2)
				if err != nil {
					t.Error(err)
					return
				}
				if n := open.Add(1); n > most.Load() {
					most.Store(n)
				}
				time.Sleep(time.Second)
				open.Add(-1)
				leave()
				done.Add(1)
			}()
		}
		time.Sleep(1500 * time.Millisecond)
		short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := p.enter(short, 2); sdk.ClassOf(err) != sdk.ClassTimeout {
			t.Errorf("a third at once: %v", err)
		}
		if leave, err := p.enter(short, 0); err != nil {
			t.Errorf("without a bound: %v", err)
		} else {
			leave()
		}
		time.Sleep(3400 * time.Millisecond) // 4.9 s
		synctest.Wait()
		if done.Load() != 8 || most.Load() != 2 {
			t.Errorf("after 4.9 s %d of 10 are done, two at a time in a second each; %d were at once", done.Load(), most.Load())
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if done.Load() != 10 || p.open != 0 {
			t.Errorf("%d are done, %d are open", done.Load(), p.open)
		}
	})
}

// TestSessionsOfABMC: two devices at one address and port share them; the plugin asks only where one is free, and frees what failed.
func TestSessionsOfABMC(t *testing.T) {
	inside, gate := make(chan struct{}, 8), make(chan struct{})
	b := startRedfish(t, func(c *redfish.Config) {
		c.Wrap = func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/Sessions") {
					inside <- struct{}{}
					<-gate
				}
				h.ServeHTTP(w, r)
			})
		}
	})
	one := map[string]string{"sessions": "1"}
	first, second := b.device(t, one), b.device(t, one)
	ended, long := make(chan error, 1), within(t, 20)
	go func() {
		_, err := first.Status(long, "")
		ended <- err
	}()
	<-inside
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := second.Status(ctx, ""); sdk.ClassOf(err) != sdk.ClassTimeout || !strings.Contains(err.Error(), "at once") {
		t.Errorf("a second session at once: %v", err)
	}
	if len(inside) != 0 {
		t.Error("the BMC was asked for a second session")
	}
	close(gate)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	mustState(t, second, sdk.On)
	mustFail(t, b.device(t, map[string]string{"sessions": "1", "password": "wrong"}), 5, sdk.ClassAuth)
	mustState(t, second, sdk.On)
}

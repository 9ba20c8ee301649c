package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

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

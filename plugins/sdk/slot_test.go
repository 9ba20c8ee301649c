package sdk

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fenced-project/fenced/plugins/proto"
)

// A read that the host gave up is over before anything else goes to the device, and holds nobody up for longer than a moment (R28). The device
// takes several calls at once: it is not its limit that keeps them apart.
func TestAReadThatWasGivenUpMakesRoom(t *testing.T) {
	for _, limit := range []int{1, 4} {
		for lingers, want := range map[time.Duration]time.Duration{0: 0, 200 * time.Millisecond: 200 * time.Millisecond, time.Minute: stopTime} {
			t.Run(fmt.Sprintf("limit %d, %v", limit, lingers), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := &fake{about: Description{Name: "fake", Kind: Power, Limit: limit}}
					s := NewServer(f)
					open(t, s, "d")
					f.status = func(ctx context.Context, _ string) (Status, error) {
						<-ctx.Done()
						time.Sleep(lingers)
						return Status{}, ctx.Err()
					}
					var began time.Duration
					ctx, giveUp := context.WithCancel(context.Background())
					go s.Status(ctx, &proto.StatusRequest{Device: "d"})
					synctest.Wait()
					gaveUp := time.Now()
					f.do = func(context.Context, string, Action) error {
						began = time.Since(gaveUp)
						return nil
					}
					giveUp()
					synctest.Wait()
					for range 2 { // the second finds nothing left of it
						if r, err := s.Do(context.Background(), &proto.DoRequest{Device: "d", Action: "off"}); err != nil || r.Failure != nil {
							t.Fatalf("Do = %v, %v", r, err)
						}
						if began != want {
							t.Errorf("the device was asked %v after the read was given up, want %v", began, want)
						}
					}
					time.Sleep(2 * time.Minute)
					if _, err := s.Close(context.Background(), &proto.CloseRequest{Device: "d"}); err != nil || f.closed.Load() != 1 {
						t.Errorf("%d closed: its users are counted wrongly (%v)", f.closed.Load(), err)
					}
				})
			})
		}
	}
}

// What may switch is never taken for over while it is not: whoever gave it up is told by its end only (R9).
func TestAnActionThatWasGivenUpKeepsItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, s := newFake(t)
		f.do = func(context.Context, string, Action) error {
			time.Sleep(time.Second)
			return nil
		}
		ctx, giveUp := context.WithCancel(context.Background())
		go s.Do(ctx, &proto.DoRequest{Device: "d", Action: "off"})
		synctest.Wait()
		giveUp()
		began := time.Now()
		if r, err := s.Status(context.Background(), &proto.StatusRequest{Device: "d"}); err != nil || r.Failure != nil {
			t.Fatalf("Status = %v, %v", r, err)
		}
		if d := time.Since(began); d != time.Second {
			t.Errorf("the device was read after %v, beside the action", d)
		}
	})
}

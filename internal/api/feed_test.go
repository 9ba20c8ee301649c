package api

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/fenced-project/fenced/client"
)

// The feed against the plainest model of it: all events ever published.
func TestFeedAgainstAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keep := rapid.IntRange(1, 8).Draw(t, "keep")
		f := NewFeed("n", "run", keep)
		published := uint64(0)
		t.Repeat(map[string]func(*rapid.T){
			"publish": func(t *rapid.T) {
				published++
				if got := f.Publish(client.Event{Index: published}); got != published {
					t.Fatalf("number %d, want %d", got, published)
				}
			},
			"read": func(t *rapid.T) {
				from := rapid.Uint64Range(0, published+2).Draw(t, "from")
				stream := rapid.SampledFrom([]string{"", "run", "other"}).Draw(t, "stream")
				oldest := max(int64(published)-int64(keep), 0) // number before the oldest that is kept
				want := int64(from)
				if stream == "other" || from > published || want < oldest {
					want = oldest
				}
				got := f.start(stream, from)
				if int64(got) != want {
					t.Fatalf("start(%q, %d) = %d, want %d", stream, from, got, want)
				}
				if got == published {
					return // nothing to read
				}
				events, err := f.next(context.Background(), got, keep)
				if err != nil || uint64(len(events)) != published-got {
					t.Fatalf("%d events after %d of %d: %v", len(events), got, published, err)
				}
				for i, e := range events {
					if e.Seq != got+uint64(i)+1 || e.Index != e.Seq || e.Stream != "run" || e.By != "n" || e.At.IsZero() || e.API != client.API {
						t.Fatalf("event %d is %+v", i, e)
					}
				}
			},
		})
	})
}

func TestAReaderThatTheFeedOvertakesHasLostItsPlace(t *testing.T) {
	f := NewFeed("n", "run", 4)
	for range 6 {
		f.Publish(client.Event{})
	}
	if _, err := f.next(t.Context(), 1, 10); !errors.Is(err, ErrSlow) {
		t.Errorf("after 1 of 6, 4 kept: %v", err)
	}
	if got, err := f.next(t.Context(), 2, 10); err != nil || len(got) != 4 {
		t.Errorf("after 2 of 6, 4 kept: %d events, %v", len(got), err)
	}
}

func TestReadersWaitAndWake(t *testing.T) {
	f := NewFeed("n", "run", 64)
	const readers, events = 8, 50
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), slow(10*time.Second))
			defer cancel()
			for at := uint64(0); at < events; {
				got, err := f.next(ctx, at, 7)
				if err != nil {
					t.Errorf("after %d: %v", at, err)
					return
				}
				for _, e := range got {
					if at++; e.Seq != at {
						t.Errorf("got %d, want %d", e.Seq, at)
					}
				}
			}
		})
	}
	for range events {
		f.Publish(client.Event{})
	}
	wg.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.next(ctx, events, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("a reader that gives up: %v", err)
	}
}

func TestTextsAreCut(t *testing.T) {
	f := NewFeed("n", "run", 1)
	f.Publish(client.Event{Text: strings.Repeat("é", maxEventText)})
	got, err := f.next(t.Context(), 0, 1)
	if err != nil || len(got[0].Text) > maxEventText || !strings.HasSuffix(got[0].Text, "é") {
		t.Errorf("%d bytes, %v", len(got[0].Text), err)
	}
}

package api

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/fenced-project/fenced/client"
)

// events streams the feed as lines of JSON from a place in it, an empty line when there is nothing new: ?from=SEQ goes on after that number
// (of ?stream=NAME), no from begins with what is new. The heads Fenced-Stream and Fenced-Seq say where the answer really begins; what does
// not follow on `from` is a gap.
//
// A reader who does not take a batch within its deadline, or whom the feed overtakes, is dropped: he may come back and see the gap.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	v, err := query(r, "from", "stream")
	if err != nil {
		s.fail(w, err)
		return
	}
	from, err := number(v, "from")
	if err := first(err, text("stream", v.Get("stream"), client.MaxName, false)); err != nil {
		s.fail(w, err)
		return
	}
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		s.fail(w, client.Errorf(client.CodeTryAgain, "%d event streams are open, that is all there can be", maxStreams))
		return
	}
	place := s.feed.Last()
	if v.Has("from") {
		place = s.feed.start(v.Get("stream"), from)
	}
	h := w.Header()
	h.Set("Content-Type", "application/x-ndjson")
	h.Set(client.HeaderStream, s.feed.Stream())
	h.Set(client.HeaderSeq, strconv.FormatUint(place, 10))
	caller, _ := callerOf(r)
	err = s.pour(r.Context(), w, place)
	// Only these two: a reader that left, or the end of the server, is nothing to tell. (A failed write also cancels the request's context.)
	if errors.Is(err, ErrSlow) || errors.Is(err, os.ErrDeadlineExceeded) {
		s.log.Info("event reader dropped", "by", caller.String(), "error", err)
	}
}

// pour writes events after number `place` until the reader goes, lags or the server ends.
func (s *Server) pour(ctx context.Context, w http.ResponseWriter, place uint64) error {
	hand := s.hand(w)
	if err := hand([]byte("\n")); err != nil {
		return err
	}
	for {
		wait, cancel := context.WithTimeout(ctx, s.times.alive)
		batch, err := s.feed.next(wait, place, maxBatch)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var out []byte
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			out = []byte("\n")
		case err != nil:
			return err
		}
		for _, e := range batch {
			out = append(out, encode(e)...)
			place = e.Seq
		}
		if err := hand(out); err != nil {
			return err
		}
	}
}

// hand returns what hands a batch to the kernel, within its deadline.
func (s *Server) hand(w http.ResponseWriter) func([]byte) error {
	rc := http.NewResponseController(w)
	return func(b []byte) error {
		if err := rc.SetWriteDeadline(time.Now().Add(s.times.write)); err != nil {
			return err
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
		return rc.Flush()
	}
}

package api

import (
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Why somebody is refused without an answer that is worth one. There are only these, so that what is remembered of them is bounded by users.
const (
	whyNoise    = "it sent what is no question, or did not finish it in time"
	whyFull     = "too many connections"
	whyStranger = "it may not use this socket"
	whyReader   = "it may only read"
)

// refusalEvery is how long the same refusal of the same user stays silent, maxRefusals how many are remembered; beyond that all are silent
// until the oldest are forgotten, so that nobody can fill the log.
const (
	refusalEvery = 10 * time.Second
	maxRefusals  = 256
)

// refusals writes one line `refused` in ten seconds for each user and reason.
type refusals struct {
	log *slog.Logger

	mu   sync.Mutex
	last map[refusal]told
}

type refusal struct {
	uid uint32
	why string
}

type told struct {
	at   time.Time
	more int // that were not told since
}

func (r *refusals) say(c Caller, why, path string) {
	now := time.Now()
	r.mu.Lock()
	if len(r.last) >= maxRefusals {
		for k, t := range r.last {
			if now.Sub(t.at) > refusalEvery {
				delete(r.last, k)
			}
		}
	}
	k := refusal{c.UID, why}
	before, known := r.last[k]
	quiet := known && now.Sub(before.at) <= refusalEvery || !known && len(r.last) >= maxRefusals
	switch {
	case quiet && known:
		before.more++
		r.last[k] = before
	case !quiet:
		r.last[k] = told{at: now}
	}
	r.mu.Unlock()
	if !quiet {
		r.log.Warn("refused", "room", "api", "by", c.String(), "reason", why, "path", path, "unsaid", before.more)
	}
}

// follow is told of every connection's states: one on which something arrived that never became a question is refused when it ends.
func (s *Server) follow(conn net.Conn, state http.ConnState) {
	g, ok := conn.(*guest)
	if !ok {
		return
	}
	switch state {
	case http.StateActive: // bytes arrived
		g.unread.Store(true)
	case http.StateClosed, http.StateHijacked:
		if g.unread.Load() {
			s.refusals.say(g.caller, whyNoise, "")
		}
	}
}

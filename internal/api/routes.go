package api

import (
	"context"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/fenced-project/fenced/client"
)

// routes is the whole surface, in one place: what it is, who may, and how long it may take.
func (s *Server) routes() *http.ServeMux {
	m := http.NewServeMux()
	m.Handle("GET /v1/status", s.read(s.times.read, s.status))
	m.Handle("GET /v1/plan", s.read(s.times.device, s.plan))
	m.Handle("GET /v1/plugins", s.read(s.times.read, s.plugins))
	m.Handle("GET /v1/history", s.read(s.times.read, s.history))
	m.Handle("GET /v1/operations/{id}", s.read(s.times.read, s.show))
	m.HandleFunc("GET /v1/events", s.events)
	m.HandleFunc("POST /v1/clients", s.register)
	m.Handle("DELETE /v1/clients/{id}", s.act(s.done))
	m.Handle("POST /v1/requests", s.act(s.request))
	m.Handle("POST /v1/ack", s.act(s.ack))
	m.Handle("POST /v1/arm", s.act(s.arm))
	m.Handle("POST /v1/pause", s.act(s.pause))
	m.Handle("POST /v1/apply", s.act(s.apply))
	m.Handle("POST /v1/reload", s.act(s.reload))
	m.Handle("POST /v1/plugins/reload", s.act(s.reloadPlugins))
	m.Handle("POST /v1/replace", s.act(s.replace))
	m.Handle("POST /v1/bootstrap", s.act(s.bootstrap))
	m.Handle("POST /v1/leave", s.act(s.leave))
	m.Handle("POST /v1/restart", s.act(s.restart))
	m.Handle("POST /v1/local", s.act(s.local))
	m.Handle("POST /v1/drills", s.act(s.drill))
	m.Handle("GET /v1/test", s.read(s.times.device, s.test))
	m.Handle("GET /v1/local/{id}", s.read(s.times.read, s.localPower))
	m.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, client.Errorf(client.CodeUsage, "this daemon does not answer %s %.100q: another version?", r.Method, r.URL.Path))
	})
	return m
}

// ServeHTTP refuses whoever may not even read, before anything of the question is looked at.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("api call panicked", "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
			s.fail(w, client.Errorf(client.CodeError, "the daemon failed on this question, its log says more"))
		}
	}()
	if g, ok := r.Context().Value(guestKey{}).(*guest); ok {
		g.unread.Store(false)
	}
	if c, right := callerOf(r); right == mayNothing {
		s.refusals.say(c, whyStranger, r.URL.Path)
		s.fail(w, refused(c, "use this socket"))
		return
	}
	if r.Method != http.MethodPost && r.ContentLength != 0 {
		w.Header().Set("Connection", "close")
		s.fail(w, client.Errorf(client.CodeUsage, "a question by %s has no body", r.Method))
		return
	}
	s.mux.ServeHTTP(w, r)
}

func refused(c Caller, what string) error {
	return client.Errorf(client.CodeNotPermitted, "uid %d may not %s: it is neither root nor in the group that may", c.UID, what)
}

// read wraps a question: it gets a deadline and answers one document.
func (s *Server) read(limit time.Duration, ask func(context.Context, *http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), limit)
		defer cancel()
		doc, err := ask(ctx, r)
		if err != nil {
			s.fail(w, err)
			return
		}
		s.write(w, http.StatusOK, doc)
	})
}

// act wraps what changes something: only who may act gets there, and the log says who asked for what and what came of it.
func (s *Server) act(ask func(context.Context, http.ResponseWriter, *http.Request, Caller) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, right := callerOf(r)
		if right != mayAct {
			s.refusals.say(caller, whyReader, r.URL.Path)
			s.fail(w, refused(caller, "change anything"))
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), s.times.act)
		defer cancel()
		doc, err := ask(ctx, w, r, caller)
		if err != nil {
			s.log.Warn("api call failed", "path", r.URL.Path, "by", caller.String(), "code", int(document(err).Code), "error", err)
			s.fail(w, err)
			return
		}
		s.log.Info("api call", "path", r.URL.Path, "by", caller.String())
		s.write(w, http.StatusOK, doc)
	})
}

func (s *Server) status(ctx context.Context, r *http.Request) (any, error) {
	if _, err := query(r); err != nil {
		return nil, err
	}
	// Read first: watching from here may repeat an event that the status shows already, never miss one.
	seq := s.feed.Last()
	doc, err := s.node.Status(ctx)
	doc.API, doc.Seq, doc.Stream = client.API, seq, s.feed.Stream()
	return doc, err
}

func (s *Server) plan(ctx context.Context, r *http.Request) (any, error) {
	v, err := query(r, "node", "action", "read")
	if err != nil {
		return nil, err
	}
	q := PlanQuery{Node: v.Get("node"), Action: v.Get("action")}
	if q.Action == "" {
		q.Action = client.ActionReboot
	}
	if q.Read, err = flag(v, "read"); err != nil {
		return nil, err
	}
	if err := first(text("node", q.Node, client.MaxName, true), action(q.Action)); err != nil {
		return nil, err
	}
	if _, right := callerOf(r); q.Read && right != mayAct {
		c, _ := callerOf(r)
		return nil, refused(c, "make the daemon log in to devices")
	}
	doc, err := s.node.Plan(ctx, q)
	doc.API = client.API
	return doc, err
}

func (s *Server) plugins(ctx context.Context, r *http.Request) (any, error) {
	if _, err := query(r); err != nil {
		return nil, err
	}
	doc, err := s.node.Plugins(ctx)
	doc.API = client.API
	return doc, err
}

func (s *Server) history(ctx context.Context, r *http.Request) (any, error) {
	v, err := query(r, "node", "since_ms", "failed", "limit")
	if err != nil {
		return nil, err
	}
	q := HistoryQuery{Node: v.Get("node")}
	failed, err1 := flag(v, "failed")
	since, err2 := number(v, "since_ms")
	limit, err3 := number(v, "limit")
	if err := first(err1, err2, err3, text("node", q.Node, client.MaxName, false)); err != nil {
		return nil, err
	}
	q.Failed, q.SinceMS, q.Limit = failed, int64(since), int(min(limit, MaxHistory))
	if q.Limit == 0 {
		q.Limit = MaxHistory
	}
	doc, err := s.node.History(ctx, q)
	doc.API = client.API
	for i := range doc.Lines {
		doc.Lines[i].API = client.API
	}
	return doc, err
}

func (s *Server) show(ctx context.Context, r *http.Request) (any, error) {
	if _, err := query(r); err != nil {
		return nil, err
	}
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 63)
	if err != nil {
		return nil, client.Errorf(client.CodeUsage, "an operation's id is a number, not %.100q", r.PathValue("id"))
	}
	doc, err := s.node.Show(ctx, id)
	doc.API, doc.History.API, doc.Seq, doc.Stream = client.API, client.API, s.feed.Last(), s.feed.Stream()
	return doc, err
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

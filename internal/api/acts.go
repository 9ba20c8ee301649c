package api

import (
	"context"
	"net/http"
	"time"

	"github.com/fenced-project/fenced/client"
)

func (s *Server) request(ctx context.Context, w http.ResponseWriter, r *http.Request, by Caller) (any, error) {
	var q client.Request
	if err := body(w, r, &q); err != nil {
		return nil, err
	}
	id, err := requestID(q.ID)
	if err := first(err, action(q.Action), text("node", q.Node, client.MaxName, true), text("boot", q.Boot, client.MaxName, false),
		text("reason", q.Reason, client.MaxReason, false)); err != nil {
		return nil, err
	}
	// Read first: who watches from here misses nothing of the operation.
	seq := s.feed.Last()
	doc, err := s.node.Request(ctx, RequestArgs{ID: id, Node: q.Node, Boot: q.Boot, Action: q.Action, Reason: q.Reason, Force: q.Force, Client: q.Client, By: by})
	doc.API, doc.ID, doc.Seq, doc.Stream = client.API, id, seq, s.feed.Stream()
	return doc, err
}

func (s *Server) ack(ctx context.Context, w http.ResponseWriter, r *http.Request, by Caller) (any, error) {
	var q client.Ack
	if err := body(w, r, &q); err != nil {
		return nil, err
	}
	if err := first(text("node", q.Node, client.MaxName, true), text("boot", q.Boot, client.MaxName, true),
		text("reason", q.Reason, client.MaxReason, true)); err != nil {
		return nil, err
	}
	doc, err := s.node.Ack(ctx, AckArgs{Node: q.Node, Boot: q.Boot, Reason: q.Reason, By: by})
	doc.API = client.API
	return doc, err
}

func (s *Server) arm(ctx context.Context, w http.ResponseWriter, r *http.Request, by Caller) (any, error) {
	// A pointer: "{}" must not disarm a cluster.
	var q struct {
		Armed  *bool  `json:"armed"`
		Reason string `json:"reason"`
		ForMS  int64  `json:"for_ms"`
		Now    bool   `json:"now"`
	}
	if err := body(w, r, &q); err != nil {
		return nil, err
	}
	if q.Armed == nil {
		return nil, client.Errorf(client.CodeUsage, "armed is missing")
	}
	if *q.Armed && (q.ForMS != 0 || q.Now) {
		return nil, client.Errorf(client.CodeUsage, "only a disarm is for a while, or at once")
	}
	if err := first(text("reason", q.Reason, client.MaxReason, !*q.Armed), span("for_ms", q.ForMS)); err != nil {
		return nil, err
	}
	doc, err := s.node.Arm(ctx, ArmArgs{Armed: *q.Armed, Reason: q.Reason, For: time.Duration(q.ForMS) * time.Millisecond, Now: q.Now, By: by})
	doc.API = client.API
	return doc, err
}

func (s *Server) pause(ctx context.Context, w http.ResponseWriter, r *http.Request, by Caller) (any, error) {
	var q client.SetPause
	if err := body(w, r, &q); err != nil {
		return nil, err
	}
	if q.All == (q.Node != "") || !q.On && q.ForMS != 0 {
		return nil, client.Errorf(client.CodeUsage, "name one node, or all; only a pause is for a while")
	}
	if err := first(text("node", q.Node, client.MaxName, false), text("reason", q.Reason, client.MaxReason, q.On), span("for_ms", q.ForMS)); err != nil {
		return nil, err
	}
	doc, err := s.node.Pause(ctx, PauseArgs{Node: q.Node, All: q.All, On: q.On, Reason: q.Reason, For: time.Duration(q.ForMS) * time.Millisecond, By: by})
	doc.API = client.API
	return doc, err
}

// span refuses a time that is no time for a cluster to be without its duty.
func span(name string, ms int64) error {
	if ms < 0 || ms > client.MaxFor.Milliseconds() {
		return client.Errorf(client.CodeUsage, "%s is %d, it is a time of at most %s", name, ms, client.MaxFor)
	}
	return nil
}

func (s *Server) apply(ctx context.Context, w http.ResponseWriter, r *http.Request, by Caller) (any, error) {
	var q client.Apply
	if err := body(w, r, &q); err != nil {
		return nil, err
	}
	if err := text("reason", q.Reason, client.MaxReason, false); err != nil {
		return nil, err
	}
	doc, err := s.node.Apply(ctx, ApplyArgs{Reason: q.Reason, DryRun: q.DryRun, Force: q.Force, Hash: q.Hash, Roster: q.Roster, By: by})
	doc.API = client.API
	return doc, err
}

func (s *Server) reload(ctx context.Context, w http.ResponseWriter, r *http.Request, by Caller) (any, error) {
	var q struct{}
	if err := body(w, r, &q); err != nil {
		return nil, err
	}
	doc, err := s.node.Reload(ctx, by)
	doc.API = client.API
	return doc, err
}

// mostPlugins bounds how many names a question may hold.
const mostPlugins = 256

func (s *Server) reloadPlugins(ctx context.Context, w http.ResponseWriter, r *http.Request, by Caller) (any, error) {
	var q client.PluginReload
	if err := body(w, r, &q); err != nil {
		return nil, err
	}
	if len(q.Plugins) > mostPlugins {
		return nil, client.Errorf(client.CodeUsage, "%d plugins are named, more than %d", len(q.Plugins), mostPlugins)
	}
	for _, name := range q.Plugins {
		if err := text("plugin", name, client.MaxName, true); err != nil {
			return nil, err
		}
	}
	doc, err := s.node.ReloadPlugins(ctx, q.Plugins, by)
	doc.API = client.API
	return doc, err
}

// replace is refused without a reason: a person gives a machine up, and history says who and why.
func (s *Server) replace(ctx context.Context, w http.ResponseWriter, r *http.Request, by Caller) (any, error) {
	var q client.Replace
	if err := body(w, r, &q); err != nil {
		return nil, err
	}
	if err := first(text("node", q.Node, client.MaxName, true), text("old", q.Old, client.MaxName, false), text("new", q.New, client.MaxName, false),
		text("reason", q.Reason, client.MaxReason, true)); err != nil {
		return nil, err
	}
	doc, err := s.node.Replace(ctx, ReplaceArgs{Node: q.Node, Old: q.Old, New: q.New, Reason: q.Reason, By: by})
	doc.API = client.API
	return doc, err
}

// goes reads for how long a daemon may take to go, and why it does. The timeout is mandatory: nobody makes it go by an empty question.
func goes(timeoutMS int64, reason string) (time.Duration, error) {
	if timeoutMS <= 0 || timeoutMS > MaxLeave.Milliseconds() {
		return 0, client.Errorf(client.CodeUsage, "timeout_ms must be between 1 and %d, not %d", MaxLeave.Milliseconds(), timeoutMS)
	}
	return time.Duration(timeoutMS) * time.Millisecond, text("reason", reason, client.MaxReason, false)
}

func (s *Server) leave(ctx context.Context, w http.ResponseWriter, r *http.Request, by Caller) (any, error) {
	var q client.Leave
	if err := body(w, r, &q); err != nil {
		return nil, err
	}
	limit, err := goes(q.TimeoutMS, q.Reason)
	if err != nil {
		return nil, err
	}
	doc, err := s.node.Leave(ctx, LeaveArgs{Reason: q.Reason, Force: q.Force, Timeout: limit, By: by})
	doc.API = client.API
	return doc, err
}

func (s *Server) restart(ctx context.Context, w http.ResponseWriter, r *http.Request, by Caller) (any, error) {
	var q client.Restart
	if err := body(w, r, &q); err != nil {
		return nil, err
	}
	limit, err := goes(q.TimeoutMS, q.Reason)
	if err != nil {
		return nil, err
	}
	doc, err := s.node.Restart(ctx, RestartArgs{Reason: q.Reason, Timeout: limit, By: by})
	doc.API = client.API
	return doc, err
}

func (s *Server) bootstrap(ctx context.Context, w http.ResponseWriter, r *http.Request, by Caller) (any, error) {
	var q client.Bootstrap
	if err := body(w, r, &q); err != nil {
		return nil, err
	}
	if err := text("cluster", q.Cluster, client.MaxName, true); err != nil {
		return nil, err
	}
	doc, err := s.node.Bootstrap(ctx, BootstrapArgs{Cluster: q.Cluster, By: by})
	doc.API = client.API
	return doc, err
}

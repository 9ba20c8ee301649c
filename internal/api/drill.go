package api

import (
	"context"
	"net/http"

	"github.com/fenced-project/fenced/client"
)

// Tester tries fencing before it is needed.
type Tester interface {
	// Test asks the devices of a node, or of all where node is "", for power state and identity; nothing is commanded. Errors: CodeNoSuch;
	// CodeInProgress while an operation is open, which no test delays.
	Test(ctx context.Context, node string) (client.Test, error)
	// Drill begins a drill and returns when it is committed. The same ID is the same drill. Errors: CodeNoSuch, CodeNoQuorum, CodeUnsafe where it
	// would hurt, CodeError where it would prove nothing.
	Drill(ctx context.Context, a DrillArgs) (client.Accepted, error)
}

// DrillArgs is a drill that the server found well formed; Level counts from 1.
type DrillArgs struct {
	ID, Node, Reason string
	Level            int
	By               Caller
}

// maxLevel bounds what is taken for the number of a level.
const maxLevel = 1000

func (s *Server) drill(ctx context.Context, w http.ResponseWriter, r *http.Request, by Caller) (any, error) {
	var q client.Drill
	if err := body(w, r, &q); err != nil {
		return nil, err
	}
	id, err := requestID(q.ID)
	if err := first(err, text("node", q.Node, client.MaxName, true), text("reason", q.Reason, client.MaxReason, false)); err != nil {
		return nil, err
	}
	if q.Level < 1 || q.Level > maxLevel {
		return nil, client.Errorf(client.CodeUsage, "level counts from 1, it cannot be %d", q.Level)
	}
	seq := s.feed.Last() // read first: who watches from here misses nothing of it
	doc, err := s.node.Drill(ctx, DrillArgs{ID: id, Node: q.Node, Reason: q.Reason, Level: q.Level, By: by})
	doc.API, doc.ID, doc.Seq, doc.Stream = client.API, id, seq, s.feed.Stream()
	return doc, err
}

// test is a question, but it logs in to devices: only who may act may have the daemon do that.
func (s *Server) test(ctx context.Context, r *http.Request) (any, error) {
	v, err := query(r, "node")
	if err := first(err, text("node", v.Get("node"), client.MaxName, false)); err != nil {
		return nil, err
	}
	if c, right := callerOf(r); right != mayAct {
		return nil, refused(c, "make the daemon log in to devices")
	}
	doc, err := s.node.Test(ctx, v.Get("node"))
	doc.API = client.API
	return doc, err
}

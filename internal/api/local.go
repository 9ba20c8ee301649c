package api

import (
	"context"
	"net/http"

	"github.com/fenced-project/fenced/client"
)

// Forcer takes forced power of this node (R31).
type Forcer interface {
	// Local begins a forced power and returns when it is noted and has begun. The same ID is the same command. Errors: CodeNoSuch, CodeError
	// where it is refused; then nothing was asked of any device.
	Local(ctx context.Context, a LocalArgs) (client.LocalPower, error)
	// LocalPower says where one stands. Errors: CodeNoSuch.
	LocalPower(ctx context.Context, id string) (client.LocalPower, error)
}

// LocalArgs is a forced power that the server found well formed: everything is set, Action is client.ActionOff or ActionReboot.
type LocalArgs struct {
	ID     string
	Node   string
	Action string
	Reason string
	By     Caller
}

func (s *Server) local(ctx context.Context, w http.ResponseWriter, r *http.Request, by Caller) (any, error) {
	var q client.Local
	if err := body(w, r, &q); err != nil {
		return nil, err
	}
	id, err := requestID(q.ID)
	if err := first(err, action(q.Action), text("node", q.Node, client.MaxName, true), text("reason", q.Reason, client.MaxReason, true)); err != nil {
		return nil, err
	}
	switch {
	case q.Action == client.ActionOn, q.Action == client.ActionUnfence:
		return nil, client.Errorf(client.CodeUsage, "forced power from this node is off or reboot, not %s", q.Action)
	case !q.Force:
		return nil, client.Errorf(client.CodeUnsafe, "forced power from this node needs force: it gives no verdict, and nobody is released")
	}
	doc, err := s.node.Local(ctx, LocalArgs{ID: id, Node: q.Node, Action: q.Action, Reason: q.Reason, By: by})
	doc.API, doc.ID, doc.Local = client.API, id, true
	return doc, err
}

func (s *Server) localPower(ctx context.Context, r *http.Request) (any, error) {
	if _, err := query(r); err != nil {
		return nil, err
	}
	id := r.PathValue("id")
	if _, err := requestID(id); err != nil {
		return nil, err
	}
	doc, err := s.node.LocalPower(ctx, id)
	doc.API, doc.Local = client.API, true
	return doc, err
}

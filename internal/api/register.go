package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"

	"github.com/fenced-project/fenced/client"
)

// register makes the caller a client of the deciding loop and pours its stream until one of the two ends it. The end of the connection is the
// client's word that it is gone, whatever the reason: the node hears of it exactly once, and of a client that said before that it is done, not
// again.
//
// A client that does not take a batch within its deadline, or whose stream reaches its bound, is dropped. Nobody waits for it.
func (s *Server) register(w http.ResponseWriter, r *http.Request) {
	caller, right := callerOf(r)
	if right != mayAct {
		s.refusals.say(caller, whyReader, r.URL.Path)
		s.fail(w, refused(caller, "register"))
		return
	}
	args, err := registration(w, r, caller)
	if err != nil {
		s.fail(w, err)
		return
	}
	select {
	case s.clients <- struct{}{}:
		defer func() { <-s.clients }()
	default:
		s.fail(w, client.Errorf(client.CodeTryAgain, "%d clients are registered, that is all there can be", cap(s.clients)))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.times.act)
	id, stream, err := s.node.Register(ctx, args)
	cancel()
	if err != nil {
		s.log.Warn("api call failed", "path", r.URL.Path, "by", caller.String(), "client", args.Name, "code", int(document(err).Code), "error", err)
		s.fail(w, err)
		return
	}
	s.log.Info("api call", "path", r.URL.Path, "by", caller.String(), "client", args.Name, "id", id)
	err = s.tell(w, r, stream)
	s.node.Gone(id, s.whyGone(r.Context(), err))
}

// whyGone says in words why a client's connection is over.
func (s *Server) whyGone(ctx context.Context, err error) string {
	switch {
	case errors.Is(err, errCut), errors.Is(err, errLate):
		return err.Error()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "it took nothing of what it was told for " + s.times.write.String()
	case ctx.Err() != nil, err != nil:
		return "its connection ended"
	}
	return "its stream ended"
}

// registration reads what a program says of itself.
func registration(w http.ResponseWriter, r *http.Request, by Caller) (ClientArgs, error) {
	var q client.Registration
	if _, err := query(r); err != nil {
		return ClientArgs{}, err
	}
	if err := body(w, r, &q); err != nil {
		return ClientArgs{}, err
	}
	if q.Role == "" {
		q.Role = client.RoleWatch
	}
	if q.Role != client.RoleWatch && q.Role != client.RoleReport {
		return ClientArgs{}, client.Errorf(client.CodeUsage, "role must be %s or %s, not %.20q", client.RoleWatch, client.RoleReport, q.Role)
	}
	if q.Role == client.RoleReport && q.Critical {
		return ClientArgs{}, client.Errorf(client.CodeUsage, "a client that only reports uses nothing that is shared: it cannot be critical")
	}
	if err := clientName(q.Name); err != nil {
		return ClientArgs{}, err
	}
	return ClientArgs{Name: q.Name, Role: q.Role, Critical: q.Critical, After: q.After, By: by}, nil
}

// clientName bounds names: they go into the log, into history and onto terminals.
func clientName(s string) error {
	if s == "" {
		return client.Errorf(client.CodeUsage, "name is missing")
	}
	good := len(s) <= client.MaxClientName
	for i, c := range s {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case i > 0 && (c == '.' || c == '-' || c == '_' || c == '@' || c == ':' || c == '/'):
		default:
			good = false
		}
	}
	if !good {
		return client.Errorf(client.CodeUsage, "a client's name has at most %d letters, digits and . - _ @ : /, and begins with a letter or digit", client.MaxClientName)
	}
	return nil
}

// tell pours a stream into a connection until one of them is over; nil means that all of the stream was poured.
func (s *Server) tell(w http.ResponseWriter, r *http.Request, stream *Stream) error {
	if g, ok := r.Context().Value(guestKey{}).(*guest); ok {
		g.leave()                          // it counts among the clients from here on, not among those who only ask
		_ = g.SetWriteBuffer(clientBuffer) // what the kernel holds is not seen here: little of it
		over := make(chan struct{})
		defer close(over)
		go func() {
			select {
			case <-stream.cut: // its writer may be waiting for a reader that does not read
				_ = g.Close()
			case <-over:
			}
		}()
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Connection", "close")
	hand := s.hand(w)
	for {
		batch, err := stream.next(r.Context(), maxBatch)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var out []byte
		for _, n := range batch {
			out = append(out, encode(n.Notice)...)
		}
		if stream.late(batch) {
			return errLate
		}
		if err := hand(out); err != nil {
			return err
		}
	}
}

// done takes a client's word that it has stopped using what is shared.
func (s *Server) done(ctx context.Context, _ http.ResponseWriter, r *http.Request, by Caller) (any, error) {
	if _, err := query(r); err != nil {
		return nil, err
	}
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 63)
	if err != nil || id == 0 {
		return nil, client.Errorf(client.CodeUsage, "a client's id is a number, not %.100q", r.PathValue("id"))
	}
	return client.Unregistered{API: client.API, Client: id}, s.node.Done(ctx, id, by)
}

package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/fenced-project/fenced/client"
)

// Config says who may use the socket. Root and the daemon's own user always act.
type Config struct {
	// Group names the Unix group whose members act; "" or a group that does not exist: nobody beside root.
	Group string
	// Readers names the group whose members may read, ReadersAll for every local user, "" for nobody.
	Readers string
	// Log gets what was asked for, and by whom; nil discards it.
	Log *slog.Logger
}

// Server answers on one socket for one node.
type Server struct {
	node    Node
	feed    *Feed
	rights  rights
	log     *slog.Logger
	mux     *http.ServeMux
	streams chan struct{} // one token for each open event stream
	clients chan struct{} // one for each registered client
	times   times

	refusals refusals
}

// New makes a server. It opens nothing.
func New(c Config, node Node, feed *Feed) (*Server, error) {
	r, err := newRights(c.Group, c.Readers)
	if err != nil {
		return nil, err
	}
	log := c.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if c.Group != "" && r.group < 0 {
		log.Warn("api group does not exist, only root acts", "group", c.Group)
	}
	s := &Server{
		node: node, feed: feed, rights: r, log: log, streams: make(chan struct{}, maxStreams), clients: make(chan struct{}, maxClients),
		times: defaultTimes(),
	}
	s.refusals = refusals{log: log, last: map[refusal]told{}}
	s.mux = s.routes()
	return s, nil
}

// Listen makes the socket: mode 0660 with the acting group, 0666 where others may read. Its directory must exist. Hand it to Serve.
func (s *Server) Listen(path string) (net.Listener, error) { return listen(path, s.rights) }

// Serve answers until ctx ends; then it closes the listener, gives calls in flight two seconds and returns nil.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	srv := &http.Server{
		Handler:           s,
		MaxHeaderBytes:    maxHeader,
		ReadHeaderTimeout: s.times.head,
		ReadTimeout:       s.times.body,
		IdleTimeout:       s.times.idle,
		WriteTimeout:      s.times.device + s.times.write,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return inner },
		ConnContext:       withGuest,
		ConnState:         s.follow,
	}
	closed := make(chan error, 1)
	go func() {
		<-inner.Done()
		// The calls in flight have been cancelled with inner; what does not return is cut off.
		limit, done := context.WithTimeout(context.Background(), s.times.close)
		defer done()
		err := srv.Shutdown(limit)
		if err != nil {
			err = srv.Close()
		}
		closed <- err
	}()
	d := &door{Listener: ln, rights: s.rights, refuse: s.refuseFull, users: map[uint32]int{}}
	err := srv.Serve(d)
	cancel()
	closeErr := <-closed
	if ctx.Err() == nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("cannot serve the API: %w", err)
	}
	if closeErr != nil && !errors.Is(closeErr, net.ErrClosed) {
		s.log.Warn("api did not close cleanly", "error", closeErr)
	}
	return nil
}

type guestKey struct{}

func withGuest(ctx context.Context, conn net.Conn) context.Context {
	if g, ok := conn.(*guest); ok {
		return context.WithValue(ctx, guestKey{}, g)
	}
	return ctx
}

// callerOf returns who is at the other end of a request's connection; nobody may do anything on a connection that is not a guest.
func callerOf(r *http.Request) (Caller, right) {
	g, ok := r.Context().Value(guestKey{}).(*guest)
	if !ok {
		return Caller{}, mayNothing
	}
	c := g.caller
	c.Program = printable(r.UserAgent(), maxProgram)
	return c, g.right
}

// refuseFull tells a caller for whom there is no room to try again; it does not wait for anything.
func (s *Server) refuseFull(g *guest) {
	s.refusals.say(g.caller, whyFull, "")
	body := encode(&client.Error{API: client.API, Code: client.CodeTryAgain, Text: "too many connections to fenced's socket"})
	_ = g.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	_, _ = fmt.Fprintf(g, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(body), body)
}

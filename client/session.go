package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// ErrFailed means: stop using what is shared, now. The stream ended, or was silent for too long, or said that this node's life is over; it
// makes no difference. Whether the daemon died, hangs, or was cut off from the others, from now on others may recover from this node. A program
// that cannot stop within the time in which others take over is one that should register as critical.
var ErrFailed = errors.New("this node has failed")

// ErrDone ends a session that said that it is done.
var ErrDone = errors.New("this session is done")

// Bounds of a session.
const (
	firstNotice      = 10 * time.Second // how long a daemon may take to begin a stream
	longestHeartbeat = time.Hour
	maxNotice        = 1 << 20 // bytes of one line
	maxUntaken       = 1024    // notices that nobody has taken; beyond it the session has failed
)

// Session is one registration of one program with the daemon of its own machine. Its methods are safe for concurrent use. It ends with Done
// or Close, or by itself; then Over is closed. Somebody must call Next until it returns an error.
type Session struct {
	client  *Client
	first   Notice
	untaken chan Notice
	over    chan struct{}
	ended   chan struct{} // the reader has returned
	cut     context.CancelFunc
	alive   *time.Timer
	silence time.Duration

	mu      sync.Mutex
	err     error // why it is over
	leaving bool  // Done was begun: the end of the stream is what it asked for
}

// Register registers this program and returns when the daemon has begun its stream: State is what it said. ctx bounds only that. Errors:
// CodeNotPermitted, CodeTryAgain (somebody of this name is registered, or too many are), CodeUsage, CodeUnreachable.
func (c *Client) Register(ctx context.Context, r Registration) (*Session, error) {
	if r.Role == "" {
		r.Role = RoleWatch
	}
	b, err := json.Marshal(r)
	if err != nil {
		return nil, Errorf(CodeUsage, "cannot encode the registration: %v", err)
	}
	ctx, done := context.WithTimeout(ctx, firstNotice)
	defer done()
	life, cut := context.WithCancel(context.Background())
	unbind := context.AfterFunc(ctx, cut)
	resp, err := c.send(life, http.MethodPost, "/v1/clients", b)
	if err != nil {
		cut()
		return nil, c.unregistered(ctx, err)
	}
	s := &Session{
		client: c, untaken: make(chan Notice, maxUntaken), over: make(chan struct{}), ended: make(chan struct{}), cut: cut,
	}
	in := bufio.NewScanner(resp.Body)
	in.Buffer(nil, maxNotice)
	if err = s.begin(resp, in); err == nil && !unbind() {
		err = ctx.Err()
	}
	if err != nil {
		cut()
		_ = resp.Body.Close() // nothing was written
		return nil, c.unregistered(ctx, err)
	}
	s.alive = time.AfterFunc(s.silence, s.late)
	go s.read(resp.Body, in)
	return s, nil
}

// unregistered says why there is no session. A registration whose answer is lost is over with its connection: there is nothing unknown about it.
func (c *Client) unregistered(ctx context.Context, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return wrap(CodeTimeout, context.DeadlineExceeded, "fenced at %s did not begin a stream in time", c.socket)
	case ctx.Err() != nil:
		return c.broken(ctx, http.MethodGet, ctx.Err())
	case CodeOf(err) == CodeUnknown:
		return wrap(CodeUnreachable, err, "%v", err)
	}
	return err
}

// begin reads the first line.
func (s *Session) begin(resp *http.Response, in *bufio.Scanner) error {
	if resp.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(io.LimitReader(resp.Body, maxNotice)) // what came of the reason is all there is
		return answered(resp.StatusCode, b)
	}
	if !in.Scan() {
		err := in.Err()
		if err == nil {
			err = io.EOF
		}
		return wrap(CodeUnreachable, err, "fenced at %s began no stream: %v", s.client.socket, err)
	}
	var err error
	s.first, err = readNotice(in.Bytes(), 0, 1)
	s.silence = LateHeartbeats * time.Duration(s.first.HeartbeatMS) * time.Millisecond
	return err
}

// read takes lines until the session is over. It takes them at once, whatever the program does: the daemon drops a reader that does not.
func (s *Session) read(body io.Closer, in *bufio.Scanner) {
	defer close(s.ended)
	defer s.alive.Stop()
	defer body.Close() //nolint:errcheck // nothing was written
	seq, heard := s.first.Seq, time.Now()
	for in.Scan() {
		now := time.Now()
		if now.Sub(heard) > s.silence { // this process stood still as well: what waits for it may be of another world
			s.late()
		}
		heard = now
		s.alive.Reset(s.silence)
		seq++
		n, err := readNotice(in.Bytes(), s.first.Client, seq)
		switch {
		case err != nil:
			s.end(ErrFailed, "%v", err)
		case n.Event == NoticeFailed:
			s.end(ErrFailed, "%s", n.Why)
		case known(n.Event):
			select {
			case s.untaken <- n:
			default:
				s.end(ErrFailed, "%d notices were not taken", maxUntaken)
			}
		}
		if s.Err() != nil {
			return
		}
	}
	s.mu.Lock()
	leaving := s.leaving
	s.mu.Unlock()
	switch err := in.Err(); {
	case leaving && err == nil:
		s.end(ErrDone, "it said that it uses nothing any more")
	case err != nil:
		s.end(ErrFailed, "lost the stream of fenced at %s: %v", s.client.socket, err)
	default:
		s.end(ErrFailed, "fenced at %s ended the stream", s.client.socket)
	}
}

// known reports whether a program is to be told of an event: not of signs of life, nor of words of a later version.
func known(event string) bool {
	switch event {
	case NoticeGranted, NoticeRefused, NoticeFrozen, NoticeThawed, NoticeReleased:
		return true
	}
	return false
}

func (s *Session) late() {
	s.end(ErrFailed, "fenced at %s was silent for more than %s", s.client.socket, s.silence)
}

// end makes the session over, for the first reason that there is.
func (s *Session) end(sentinel error, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return
	}
	e := wrap(CodeUnreachable, sentinel, "%v: "+format, append([]any{sentinel}, args...)...)
	s.err = e
	s.cut()
	close(s.over)
}

// ID is the registration's id, for Request.Client and for the log.
func (s *Session) ID() uint64 { return s.first.Client }

// State is what was true where the stream began.
func (s *Session) State() Notice { return s.first }

// Over is closed as soon as the session is over, also when nobody is in Next. Unless this program called Done or Close, it means ErrFailed.
func (s *Session) Over() <-chan struct{} { return s.over }

// Err says why the session is over: it is ErrFailed or ErrDone. It is nil while it goes on.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Next returns the next notice: granted, grant-refused, frozen, thawed or released, in the daemon's order. An error that is ErrFailed means that
// this program must stop using what is shared, now; it comes before anything that was not taken yet, for that must not be acted upon any more.
// After an error of ctx the session goes on.
func (s *Session) Next(ctx context.Context) (Notice, error) {
	var n Notice
	select {
	case <-s.over:
	case n = <-s.untaken:
	case <-ctx.Done():
	}
	if err := s.Err(); err != nil {
		return Notice{}, err
	}
	if n.Event == "" {
		return Notice{}, ctx.Err()
	}
	return n, nil
}

// Request asks for fencing in this session's name (R29); its role must be RoleReport. It returns when the request is committed.
func (s *Session) Request(ctx context.Context, r Request) (Accepted, error) {
	r.Client = s.ID()
	return s.client.Request(ctx, r)
}

// Done says that this program has stopped using what is shared, and returns when the daemon has taken that. Call it only when it is true. On an
// error nothing was said, or nobody knows: if the session goes on, Done may be repeated.
func (s *Session) Done(ctx context.Context) error {
	s.mu.Lock()
	s.leaving = true
	s.mu.Unlock()
	err := s.client.call(ctx, http.MethodDelete, "/v1/clients/"+strconv.FormatUint(s.ID(), 10), nil, &Unregistered{})
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.err != nil {
			return s.err
		}
		s.leaving = false
		return err
	}
	s.end(ErrDone, "it said that it uses nothing any more")
	<-s.ended // its connection is cut: the reader returns at once
	return nil
}

// Close ends the session without a word: for the daemon this program has died. It does nothing after Done.
func (s *Session) Close() {
	s.end(ErrFailed, "it was closed without Done")
	<-s.ended
}

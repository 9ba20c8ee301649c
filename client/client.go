package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// DefaultSocket is where the daemon listens.
const DefaultSocket = "/run/fenced/fenced.sock"

// Bounds of the client.
const (
	maxAnswer   = 16 << 20 // bytes of one document
	dialTimeout = 5 * time.Second
)

// Client speaks to one daemon over its unix socket. It is safe for concurrent use. Every error that it returns is, or wraps, an *Error,
// but for the errors of a context that was cancelled; CodeOf gives the exit code.
type Client struct {
	socket string
	name   string
	http   *http.Client
	// silence is how long an event stream may say nothing before it counts as broken.
	silence time.Duration
}

// New makes a client for the socket at path ("" for DefaultSocket). It connects when it is first used. Name says who asks, for the
// daemon's log ("" for "fenced-client"); it grants nothing.
func New(path, name string) *Client {
	if path == "" {
		path = DefaultSocket
	}
	if name == "" {
		name = "fenced-client"
	}
	c := &Client{socket: path, name: name, silence: defaultSilence}
	c.http = &http.Client{
		Transport: &http.Transport{
			DialContext:        c.dial,
			DisableCompression: true,
			MaxIdleConns:       1,
			IdleConnTimeout:    10 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c
}

// Socket is the path that the client connects to.
func (c *Client) Socket() string { return c.socket }

// Close gives back idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// dialError tells a failed connection from everything that can fail after one: nothing was asked yet.
type dialError struct{ err error }

func (e *dialError) Error() string { return e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

func (c *Client) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout}
	conn, err := d.DialContext(ctx, "unix", c.socket)
	if err != nil {
		return nil, &dialError{err}
	}
	return conn, nil
}

// Status asks what the node knows of its cluster.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return get[Status](ctx, c, "/v1/status", nil)
}

// PlanQuery asks what would happen if a node were acted on; with Read its devices are asked for their power state.
type PlanQuery struct {
	Node   string
	Action string
	Read   bool
}

// Plan asks what would happen; nothing is commanded.
func (c *Client) Plan(ctx context.Context, q PlanQuery) (Plan, error) {
	v := url.Values{"node": {q.Node}}
	if q.Action != "" {
		v.Set("action", q.Action)
	}
	if q.Read {
		v.Set("read", "true")
	}
	return get[Plan](ctx, c, "/v1/plan", v)
}

// Plugins lists the plugins that the daemon runs.
func (c *Client) Plugins(ctx context.Context) (Plugins, error) {
	return get[Plugins](ctx, c, "/v1/plugins", nil)
}

// HistoryQuery selects operations; zero values select everything that is kept.
type HistoryQuery struct {
	Node   string
	Since  time.Duration
	Failed bool
	Limit  int
}

// History asks for operations, the newest last.
func (c *Client) History(ctx context.Context, q HistoryQuery) (History, error) {
	v := url.Values{}
	if q.Node != "" {
		v.Set("node", q.Node)
	}
	if q.Since > 0 {
		v.Set("since_ms", strconv.FormatInt(q.Since.Milliseconds(), 10))
	}
	if q.Failed {
		v.Set("failed", "true")
	}
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	return get[History](ctx, c, "/v1/history", v)
}

// Show asks for one operation.
func (c *Client) Show(ctx context.Context, id uint64) (Show, error) {
	return get[Show](ctx, c, "/v1/operations/"+strconv.FormatUint(id, 10), nil)
}

// Request asks that a node be acted on and returns when that is committed. With an ID it may be repeated after an error.
func (c *Client) Request(ctx context.Context, r Request) (Accepted, error) {
	r.By = ""
	return post[Accepted](ctx, c, "/v1/requests", r)
}

// Ack acknowledges by hand that a life is over.
func (c *Client) Ack(ctx context.Context, a Ack) (Committed, error) {
	return post[Committed](ctx, c, "/v1/ack", a)
}

// Arm arms or disarms the cluster.
func (c *Client) Arm(ctx context.Context, a Arm) (Committed, error) {
	return post[Committed](ctx, c, "/v1/arm", a)
}

// Apply makes the daemon propose the roster of its file.
func (c *Client) Apply(ctx context.Context, a Apply) (Applied, error) {
	return post[Applied](ctx, c, "/v1/apply", a)
}

// Reload makes the daemon read its file again.
func (c *Client) Reload(ctx context.Context) (Reloaded, error) {
	return post[Reloaded](ctx, c, "/v1/reload", struct{}{})
}

// ReloadPlugins makes the daemon start fresh processes of these plugins, of all that run without names.
func (c *Client) ReloadPlugins(ctx context.Context, r PluginReload) (PluginsReloaded, error) {
	return post[PluginsReloaded](ctx, c, "/v1/plugins/reload", r)
}

// Replace gives up the machine of a node.
func (c *Client) Replace(ctx context.Context, r Replace) (Committed, error) {
	return post[Committed](ctx, c, "/v1/replace", r)
}

// Bootstrap makes the domain.
func (c *Client) Bootstrap(ctx context.Context, b Bootstrap) (Bootstrapped, error) {
	return post[Bootstrapped](ctx, c, "/v1/bootstrap", b)
}

// Restart has the daemon that answers restart; the answer comes before it ends.
func (c *Client) Restart(ctx context.Context, r Restart) (Committed, error) {
	return post[Committed](ctx, c, "/v1/restart", r)
}

// Leave makes the node whose daemon answers leave cleanly; its daemon ends after the answer.
func (c *Client) Leave(ctx context.Context, l Leave) (Committed, error) {
	return post[Committed](ctx, c, "/v1/leave", l)
}

func get[T any](ctx context.Context, c *Client, path string, v url.Values) (T, error) {
	var doc T
	if len(v) > 0 {
		path += "?" + v.Encode()
	}
	return doc, c.call(ctx, http.MethodGet, path, nil, &doc)
}

func post[T any](ctx context.Context, c *Client, path string, in any) (T, error) {
	var doc T
	b, err := json.Marshal(in)
	if err != nil {
		return doc, Errorf(CodeUsage, "cannot encode the request: %v", err)
	}
	return doc, c.call(ctx, http.MethodPost, path, b, &doc)
}

func (c *Client) call(ctx context.Context, method, path string, in []byte, out any) error {
	resp, err := c.send(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return c.broken(ctx, method, err)
	case len(b) > maxAnswer:
		return Errorf(CodeError, "fenced's answer to %s has more than %d bytes", path, maxAnswer)
	case resp.StatusCode != http.StatusOK:
		return answered(resp.StatusCode, b)
	}
	if err := json.Unmarshal(b, out); err != nil {
		return Errorf(lost(method), "cannot read fenced's answer to %s: %v", path, err)
	}
	return nil
}

func (c *Client) send(ctx context.Context, method, path string, in []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://fenced"+path, bytes.NewReader(in))
	if err != nil {
		return nil, Errorf(CodeUsage, "cannot make the request: %v", err)
	}
	req.Header.Set("User-Agent", c.name)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.broken(ctx, method, err)
	}
	return resp, nil
}

// answered makes the error of an answer that is no success. Something else than fenced may answer.
func answered(status int, b []byte) error {
	var e Error
	if err := json.Unmarshal(b, &e); err != nil || e.Code == CodeOK || e.Text == "" {
		return Errorf(CodeError, "fenced answered with HTTP status %d and no reason", status)
	}
	return &e
}

// lost is the code of a call whose answer did not come: whoever asked for something cannot know whether it happened.
func lost(method string) Code {
	if method != http.MethodGet {
		return CodeUnknown
	}
	return CodeUnreachable
}

// broken says why a call came to nothing. A context's end stays visible to errors.Is.
func (c *Client) broken(ctx context.Context, method string, err error) error {
	var dial *dialError
	dialed := !errors.As(err, &dial)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("asking fenced at %s: %w", c.socket, context.Canceled)
	case ctx.Err() != nil && dialed && method != http.MethodGet:
		return wrap(CodeUnknown, context.DeadlineExceeded, "fenced at %s did not say in time whether it was done", c.socket)
	case ctx.Err() != nil:
		return wrap(CodeTimeout, context.DeadlineExceeded, "fenced at %s did not answer in time", c.socket)
	case !dialed && errors.Is(err, fs.ErrPermission):
		return wrap(CodeNotPermitted, err, "cannot connect to %s: permission denied; only root and the group fenced may", c.socket)
	case !dialed:
		e := wrap(CodeUnreachable, err, "cannot reach fenced at %s: %v", c.socket, reason(err))
		e.Next = "systemctl status fenced"
		return e
	}
	return wrap(lost(method), err, "lost the connection to fenced at %s: %v", c.socket, reason(err))
}

// reason is the innermost error: the layers above it repeat the socket's name.
func reason(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err
}

package redfish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fenced-project/fenced/plugins/sdk"
)

// The bounds of a session. At any of them the operation fails; nothing is concluded from half an answer.
const (
	// maxBody is how much of an answer is read: a system's document has tens of kilobytes.
	maxBody = 1 << 20
	// maxRequests is how many requests one session may cost; a power-off needs seven.
	maxRequests = 64
	// maxRedirects is how often an answer may point to another path of the same BMC.
	maxRedirects = 3
)

// guard is the way of every request to the BMC: an http.RoundTripper for one session. It keeps the caller's deadline, speaks to one BMC only,
// bounds what is read, shows bmclib's provider only the system that is meant, and remembers what a document said and how a request failed.
type guard struct {
	cfg  Config
	end  context.Context //nolint:containedctx // the operation's: bmclib's provider has no way to hand one down
	base http.RoundTripper

	mu       sync.Mutex
	closing  context.Context //nolint:containedctx // that of the goodbye, once it began
	requests int
	systems  string          // where the list of systems is
	pages    map[string]bool // paths of its pages
	whole    bool            // the list is for us, not for bmclib's provider
	members  []string        // on earlier pages of it
	system   System          // as last read; no path: not yet
	session  session
	commands int   // resets that were accepted
	failure  error // how the last request failed, classified
}

func newGuard(ctx context.Context, cfg Config) *guard {
	return &guard{cfg: cfg, end: ctx, pages: map[string]bool{}, base: &http.Transport{
		DialContext: (&net.Dialer{}).DialContext, TLSClientConfig: cfg.Trust.config(cfg.Host), // no proxy from the environment
		MaxConnsPerHost: 1, MaxResponseHeaderBytes: 64 << 10, IdleConnTimeout: time.Minute,
	}}
}

// hangUp ends the connection, if one is kept.
func (g *guard) hangUp() {
	if t, ok := g.base.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
}

// client is what bmclib's provider speaks through.
func (g *guard) client() *http.Client {
	return &http.Client{Transport: g, CheckRedirect: func(_ *http.Request, via []*http.Request) error {
		if via[0].Method != http.MethodGet || len(via) > maxRedirects {
			return http.ErrUseLastResponse // which is then a refusal
		}
		return nil
	}}
}

// RoundTrip implements http.RoundTripper.
func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := g.permit(req); err != nil {
		return nil, g.fail(sdk.Refused(err))
	}
	resp, err := g.pass(req)
	if err == nil {
		return resp, nil
	}
	err = transportFailure(err)
	if c := sdk.ClassOf(err); req.Method == http.MethodPost && g.token() != "" && c == sdk.ClassRefused && !errors.As(err, new(untrusted)) {
		// The command was sent, and what came back was no answer. "refused" would say that it was certainly not carried out.
		err = errors.New(err.Error())
	}
	return nil, g.fail(err)
}

func (g *guard) fail(err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.failure = err
	return err
}

// pass lets one request through, and its answer, if it is one.
func (g *guard) pass(req *http.Request) (*http.Response, error) {
	var resp *http.Response
	var body []byte
	var err error
	switch {
	case g.token() == "" && req.Method == http.MethodPost:
		resp, body, err = g.login(req)
	default:
		resp, body, err = g.exchange(g.until(), req)
	}
	if err != nil {
		return nil, err
	}
	return g.judge(req, resp, body)
}

// until is what bounds a request: the operation, or the goodbye after it.
func (g *guard) until() context.Context {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closing != nil {
		return g.closing
	}
	return g.end
}

// permit refuses a request that a document talked bmclib's provider into: to another host, or a command to another system.
func (g *guard) permit(req *http.Request) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.requests++; g.requests > maxRequests {
		return fmt.Errorf("the session needs more than %d requests", maxRequests)
	}
	if u := req.URL; u.Scheme != "https" || u.Host != g.cfg.address() || u.User != nil {
		return fmt.Errorf("the BMC points to another host, %.80q", u.Redacted())
	}
	if req.Method == http.MethodPost && g.session.token != "" && (g.system.ResetTarget == "" || req.URL.Path != g.system.ResetTarget) {
		return fmt.Errorf("a command would go to %.80q, which does not switch the power of %s", req.URL.Path, g.system.Path)
	}
	return nil
}

// exchange asks once and reads the whole answer. All of a session goes through one connection.
func (g *guard) exchange(ctx context.Context, req *http.Request) (*http.Response, []byte, error) {
	out, err := http.NewRequestWithContext(ctx, req.Method, req.URL.String(), req.Body) // not a clone: http.Client's timer would come along
	if err != nil {
		return nil, nil, err
	}
	out.Header, out.ContentLength, out.GetBody = req.Header, req.ContentLength, req.GetBody
	resp, err := g.base.RoundTrip(out)
	if err != nil {
		if cause := ctx.Err(); cause != nil {
			err = errors.Join(cause, err)
		}
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return nil, nil, err
	}
	if len(body) > maxBody {
		return nil, nil, sdk.Refused(fmt.Errorf("an answer is longer than %d bytes", maxBody))
	}
	return resp, body, nil
}

// judge looks at an answer before bmclib's provider does.
func (g *guard) judge(req *http.Request, resp *http.Response, body []byte) (*http.Response, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := req.URL.Path
	switch ok := resp.StatusCode >= 200 && resp.StatusCode < 300; {
	case req.Method == http.MethodDelete:
		if at == g.session.path && (ok || resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusUnauthorized) {
			g.session = session{}
		}
	case resp.StatusCode >= 300 && resp.StatusCode < 400 && req.Method == http.MethodGet: // client() follows it
	case !ok:
		g.failure = parseRefusal(resp.StatusCode, body).classify(req.Method == http.MethodPost && g.session.token == "")
	case req.Method == http.MethodPost && at == g.system.ResetTarget:
		g.commands++
	case req.Method == http.MethodGet && g.session.token == "" && len(g.pages) == 0:
		g.systems = parseRoot(body)
		g.pages[g.systems] = true
	case g.whole:
	case req.Method == http.MethodGet && g.pages[at]:
		var err error
		if body, err = g.choose(at, body); err != nil {
			return nil, sdk.Refused(err)
		}
	case req.Method == http.MethodGet:
		s, err := parseSystem(at, body)
		if err != nil {
			return nil, sdk.Refused(err)
		}
		g.system = s
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return resp, nil
}

// choose replaces a page of the list of systems by one that has the meant system only, so that bmclib's provider, which goes by display
// names, has no choice. g.mu is held.
func (g *guard) choose(at string, body []byte) ([]byte, error) {
	members, next, err := parseCollection(body)
	if err != nil {
		return nil, err
	}
	g.members = append(g.members, members...)
	if len(g.members) > maxMembers {
		return nil, fmt.Errorf("the list of systems has more than %d members", maxMembers)
	}
	if next != "" {
		if !plain(next) && !strings.HasPrefix(next, at+"?") {
			return nil, fmt.Errorf("the list of systems goes on at %.80q", next)
		}
		u, err := url.Parse(next)
		if err != nil {
			return nil, errors.New("the list of systems goes on nowhere")
		}
		g.pages[u.Path] = true
		return page(at, nil, next)
	}
	chosen, err := choose(g.members, g.cfg.System)
	g.members = nil
	if err != nil {
		return nil, err
	}
	return page(at, []string{chosen}, "")
}

// told is what the guard knows of a failure of bmclib's provider, whose own errors are text.
func (g *guard) told(err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.failure != nil:
		return g.failure
	case g.end.Err() != nil:
		return sdk.Timeout(err)
	}
	return err
}

func (g *guard) failed() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failure
}

// list says where the list of systems is, which is not touched from now on.
func (g *guard) list() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.whole = true
	return g.systems
}

// fresh forgets earlier failures and commands: what follows is another question.
func (g *guard) fresh() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.failure, g.commands = nil, 0
}

func (g *guard) token() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.session.token
}

// seen returns the system's document as last read, and how many commands were accepted since fresh.
func (g *guard) seen() (System, int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.system, g.commands
}

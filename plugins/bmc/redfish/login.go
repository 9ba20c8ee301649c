package redfish

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/fenced-project/fenced/plugins/sdk"
)

// lateTime is how long after its operation's end the answer to a login, or to a logout, is still waited for, so that a BMC which is slow
// does not fill up with sessions that nobody closes. Nobody waits with it.
const lateTime = 10 * time.Second

// session is what a BMC gave us and wants back.
type session struct{ token, path string }

// login asks for a session. If the answer comes after the operation's end, the session is closed at once.
func (g *guard) login(req *http.Request) (*http.Response, []byte, error) {
	type answer struct {
		resp *http.Response
		body []byte
		err  error
	}
	left := lateTime
	if end, ok := g.end.Deadline(); ok {
		left += time.Until(end)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(g.end), left)
	got := make(chan answer, 1)
	var mu sync.Mutex
	alone := false // nobody waits any more
	g.cfg.Late.Go(func() {
		defer cancel()
		resp, body, err := g.exchange(ctx, req) //nolint:bodyclose // exchange has read and closed it
		mu.Lock()
		defer mu.Unlock()
		if !alone {
			got <- answer{resp, body, err}
			return
		}
		defer g.hangUp()
		if err != nil {
			return
		}
		if s, err := given(resp, body); err == nil {
			g.logout(ctx, s)
		}
	})
	var a answer
	select {
	case a = <-got:
	case <-g.end.Done():
		mu.Lock()
		alone = len(got) == 0
		mu.Unlock()
		if alone {
			return nil, nil, g.end.Err()
		}
		a = <-got // it came at the last moment: Close closes it
	}
	if a.err != nil || a.resp.StatusCode < 200 || a.resp.StatusCode > 299 {
		return a.resp, a.body, a.err
	}
	s, err := given(a.resp, a.body)
	if err != nil {
		return nil, nil, sdk.Refused(err)
	}
	a.resp.Header.Set("Location", s.path)
	g.mu.Lock()
	g.session = s
	g.mu.Unlock()
	return a.resp, a.body, nil
}

// given reads the session out of the answer to a login: its path stands in Location or in the document.
func given(resp *http.Response, body []byte) (session, error) {
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return session{}, errors.New("no session was given")
	}
	s := session{token: resp.Header.Get("X-Auth-Token")}
	if u, err := url.Parse(resp.Header.Get("Location")); err == nil {
		s.path = u.Path
	}
	if s.path == "" {
		var o object
		if json.Unmarshal(body, &o) == nil {
			s.path = o.text("@odata.id")
		}
	}
	if s.token == "" || !plain(s.path) {
		return session{}, errors.New("the BMC gave a session without a token or a path, which nobody could use and close")
	}
	return s, nil
}

// logout closes a session by itself, for where bmclib's provider does not know of it or did not succeed.
func (g *guard) logout(ctx context.Context, s session) {
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, g.cfg.base()+s.path, nil)
	if err != nil {
		return
	}
	req.Header.Set("X-Auth-Token", s.token)
	if resp, body, err := g.exchange(ctx, req); err == nil { //nolint:bodyclose // exchange has read and closed it
		_, _ = g.judge(req, resp, body) //nolint:bodyclose // the same
	}
}

// close gives the session back, first as bmclib's provider does it. It takes as long as lateTime.
func (g *guard) close(provider func()) {
	ctx, cancel := context.WithTimeout(context.Background(), lateTime)
	defer cancel()
	defer g.hangUp()
	g.mu.Lock()
	g.closing, g.requests = ctx, 0
	g.mu.Unlock()
	provider()
	g.mu.Lock()
	s := g.session
	g.mu.Unlock()
	if s.token != "" {
		g.logout(ctx, s)
	}
}

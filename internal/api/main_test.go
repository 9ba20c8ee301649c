package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fenced-project/fenced/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// slow stretches a test's deadline on a slow machine.
func slow(d time.Duration) time.Duration {
	if f, err := strconv.ParseFloat(os.Getenv("FENCED_TEST_SLOW"), 64); err == nil && f > 1 {
		return time.Duration(float64(d) * f)
	}
	return d
}

// fake is a Node that writes down what it was asked and answers what it was told.
type fake struct {
	mu    sync.Mutex
	asked []any
	err   error
	hook  func(context.Context) error // runs in every call

	ids     uint64
	streams []*Stream
	keep    int           // bound of new streams
	first   client.Notice // of every stream
	clock   atomic.Int64
}

func (f *fake) ask(ctx context.Context, args any) error {
	f.mu.Lock()
	f.asked = append(f.asked, args)
	hook, err := f.hook, f.err
	f.mu.Unlock()
	if hook != nil {
		return hook(ctx)
	}
	return err
}

// set changes what it answers.
func (f *fake) set(change func(*fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// last returns what was asked since it was asked last.
func (f *fake) last() []any {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.asked
	f.asked = nil
	return out
}

func (f *fake) Status(ctx context.Context) (client.Status, error) {
	return client.Status{Cluster: "prod1", Node: "node-1"}, f.ask(ctx, "status")
}

func (f *fake) Plan(ctx context.Context, q PlanQuery) (client.Plan, error) {
	return client.Plan{Victim: q.Node}, f.ask(ctx, q)
}

func (f *fake) Plugins(ctx context.Context) (client.Plugins, error) {
	return client.Plugins{Plugins: []client.Plugin{{Name: "dummy"}}}, f.ask(ctx, "plugins")
}

func (f *fake) History(ctx context.Context, q HistoryQuery) (client.History, error) {
	return client.History{Lines: []client.HistoryLine{{ID: 17}}}, f.ask(ctx, q)
}

func (f *fake) Show(ctx context.Context, id uint64) (client.Show, error) {
	return client.Show{Done: true}, f.ask(ctx, id)
}

func (f *fake) Request(ctx context.Context, a RequestArgs) (client.Accepted, error) {
	return client.Accepted{Operation: 17, Victim: a.Node}, f.ask(ctx, a)
}

func (f *fake) Ack(ctx context.Context, a AckArgs) (client.Committed, error) {
	return client.Committed{Index: 5}, f.ask(ctx, a)
}

func (f *fake) Arm(ctx context.Context, a ArmArgs) (client.Committed, error) {
	return client.Committed{Index: 5}, f.ask(ctx, a)
}

func (f *fake) Pause(ctx context.Context, a PauseArgs) (client.Committed, error) {
	return client.Committed{Index: 5}, f.ask(ctx, a)
}

func (f *fake) Apply(ctx context.Context, a ApplyArgs) (client.Applied, error) {
	return client.Applied{Version: 2}, f.ask(ctx, a)
}

func (f *fake) Drill(ctx context.Context, a DrillArgs) (client.Accepted, error) {
	return client.Accepted{Operation: 9, Victim: a.Node}, f.ask(ctx, a)
}

func (f *fake) Test(ctx context.Context, node string) (client.Test, error) {
	return client.Test{By: "node-1", Nodes: []client.TestNode{{Node: node, OK: true}}}, f.ask(ctx, node)
}

func (f *fake) Restart(ctx context.Context, a RestartArgs) (client.Committed, error) {
	return client.Committed{Index: 6}, f.ask(ctx, a)
}

func (f *fake) Leave(ctx context.Context, a LeaveArgs) (client.Committed, error) {
	return client.Committed{Index: 5}, f.ask(ctx, a)
}

func (f *fake) ReloadPlugins(ctx context.Context, plugins []string, by Caller) (client.PluginsReloaded, error) {
	return client.PluginsReloaded{}, f.ask(ctx, plugins)
}

func (f *fake) Reload(ctx context.Context, by Caller) (client.Reloaded, error) {
	return client.Reloaded{Taken: true}, f.ask(ctx, by)
}

func (f *fake) Replace(ctx context.Context, a ReplaceArgs) (client.Committed, error) {
	return client.Committed{Index: 6}, f.ask(ctx, a)
}

func (f *fake) Local(ctx context.Context, a LocalArgs) (client.LocalPower, error) {
	return client.LocalPower{Node: a.Node, Action: a.Action}, f.ask(ctx, a)
}

func (f *fake) LocalPower(ctx context.Context, id string) (client.LocalPower, error) {
	return client.LocalPower{ID: id, State: client.PowerOff, Done: true}, f.ask(ctx, id)
}

func (f *fake) Bootstrap(ctx context.Context, a BootstrapArgs) (client.Bootstrapped, error) {
	return client.Bootstrapped{Cluster: a.Cluster, Domain: "d"}, f.ask(ctx, a)
}

func (f *fake) Register(ctx context.Context, a ClientArgs) (uint64, *Stream, error) {
	f.mu.Lock()
	f.ids++
	st := NewStream(f.ids, f.keep, func() int64 { return f.clock.Load() })
	f.streams = append(f.streams, st)
	first := f.first
	f.mu.Unlock()
	if first.Event != "" {
		st.Tell(Tale{Notice: first})
	}
	return st.id, st, f.ask(ctx, a)
}

func (f *fake) Gone(id uint64, why string) {
	_ = f.ask(context.Background(), fmt.Sprintf("gone %d: %s", id, why))
}

func (f *fake) Done(ctx context.Context, id uint64, by Caller) error {
	err := f.ask(ctx, fmt.Sprintf("done %d by %s", id, by))
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil && id <= uint64(len(f.streams)) {
		f.streams[id-1].End()
	}
	return err
}

// rig is a running server with a fake node.
type rig struct {
	*Server
	node *fake
	feed *Feed
	path string
	stop func() error // ends the server and returns what Serve said
}

// start runs a server on a fresh socket; change may alter it before it serves.
func start(t *testing.T, c Config, keep int, change func(*Server)) *rig {
	t.Helper()
	node, feed := &fake{}, NewFeed("node-1", "run-1", keep)
	s, err := New(c, node, feed)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(s)
	}
	path := filepath.Join(socketDir(t), "s")
	ln, err := s.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- s.Serve(ctx, ln) }()
	stop := sync.OnceValue(func() error { cancel(); return <-result })
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return &rig{Server: s, node: node, feed: feed, path: path, stop: stop}
}

// socketDir is short, because a socket's path has at most 108 bytes, and may be entered by others.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fa")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// raw asks by HTTP and returns the status and the answer.
func (r *rig) raw(t *testing.T, method, url, body string) (int, map[string]any) {
	t.Helper()
	hc := &http.Client{Transport: &http.Transport{
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", r.path) },
		DisableKeepAlives: true,
	}}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://fenced"+url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := hc.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	var doc map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil {
		t.Fatalf("%s %s answered no JSON: %v", method, url, err)
	}
	return resp.StatusCode, doc
}

func (r *rig) client(t *testing.T) *client.Client {
	c := client.New(r.path, "test")
	t.Cleanup(c.Close)
	return c
}

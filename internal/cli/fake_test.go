package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/internal/api"
)

// fakeNode is a scripted daemon: its answers are documents of testdata/docs, or of the script that runs.
type fakeNode struct {
	feed *api.Feed

	mu      sync.Mutex
	answers map[string][]byte // by method
	refuse  map[string]*client.Error
	after   map[string][]client.Event // published in a method
	pending int                       // so many times Show says that it is not done
	asked   []string
	calls   map[string]chan struct{} // closed when the method is called for the first time
}

func newFakeNode() *fakeNode {
	f := &fakeNode{feed: api.NewFeed("node-1", "run-1", 64), answers: map[string][]byte{}, refuse: map[string]*client.Error{}, after: map[string][]client.Event{}, calls: map[string]chan struct{}{}}
	for method, doc := range map[string]string{
		"status": "healthy.json", "plan": "plan.json", "show": "show.json", "history": "history.json", "plugins": "plugins.json", "apply": "applied.json",
	} {
		b, err := os.ReadFile(filepath.Join("testdata", "docs", doc))
		if err != nil {
			panic(err)
		}
		f.answers[method] = b
	}
	f.answers["request"] = []byte(`{"operation":17,"victim":"node-3"}`)
	f.answers["register"] = []byte(`{}`)
	f.answers["ack"] = []byte(`{"index":90}`)
	f.answers["arm"] = []byte(`{"index":91}`)
	f.answers["leave"] = []byte(`{"index":92,"text":"node-1 has left; its daemon stops"}`)
	f.answers["restart"] = []byte(`{"index":93,"text":"the daemon of node-1 restarts"}`)
	f.answers["local"] = []byte(`{"node":"node-3","incarnation":"9b2f","action":"off","state":"unknown","deadline_ms":42000}`)
	f.answers["localpower"] = []byte(`{"node":"node-3","incarnation":"9b2f","action":"off","state":"off","done":true,"text":"read back off"}`)
	f.answers["bootstrap"] = []byte(`{"cluster":"prod1","domain":"8f1d2c3b"}`)
	return f
}

// called is closed once the method has been called.
func (f *fakeNode) called(method string) chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.call(method)
}

func (f *fakeNode) call(method string) chan struct{} {
	if f.calls[method] == nil {
		f.calls[method] = make(chan struct{})
	}
	return f.calls[method]
}

// answer writes down what was asked and gives the scripted answer.
func answer[T any](f *fakeNode, method string, args string) (T, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.call(method):
	default:
		close(f.call(method))
	}
	f.asked = append(f.asked, strings.TrimSpace(method+" "+args))
	var doc T
	if e := f.refuse[method]; e != nil {
		return doc, e
	}
	err := json.Unmarshal(f.answers[method], &doc)
	for _, e := range f.after[method] {
		f.feed.Publish(e)
	}
	return doc, err
}

func (f *fakeNode) Status(context.Context) (client.Status, error) {
	return answer[client.Status](f, "status", "")
}

func (f *fakeNode) Plan(_ context.Context, q api.PlanQuery) (client.Plan, error) {
	p, err := answer[client.Plan](f, "plan", fmt.Sprintf("%+v", q))
	p.Action = q.Action
	if !q.Read {
		p.Reads = nil
	}
	return p, err
}

func (f *fakeNode) Plugins(context.Context) (client.Plugins, error) {
	return answer[client.Plugins](f, "plugins", "")
}

func (f *fakeNode) History(_ context.Context, q api.HistoryQuery) (client.History, error) {
	return answer[client.History](f, "history", fmt.Sprintf("%+v", q))
}

func (f *fakeNode) Show(_ context.Context, id uint64) (client.Show, error) {
	s, err := answer[client.Show](f, "show", fmt.Sprint(id))
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pending > 0 {
		f.pending--
		s.Done, s.History.Resolution, s.History.Evidence = false, "", client.Evidence{}
	}
	return s, err
}

func inTheNameOf(client uint64) string {
	if client == 0 {
		return ""
	}
	return fmt.Sprintf(" client=%d", client)
}

func (f *fakeNode) Request(_ context.Context, a api.RequestArgs) (client.Accepted, error) {
	return answer[client.Accepted](f, "request", fmt.Sprintf("id=%t node=%s boot=%s action=%s reason=%q force=%t%s", a.ID != "", a.Node, a.Boot, a.Action, a.Reason, a.Force, inTheNameOf(a.Client)))
}

func (f *fakeNode) Ack(_ context.Context, a api.AckArgs) (client.Committed, error) {
	return answer[client.Committed](f, "ack", fmt.Sprintf("node=%s boot=%s reason=%q", a.Node, a.Boot, a.Reason))
}

func (f *fakeNode) Arm(_ context.Context, a api.ArmArgs) (client.Committed, error) {
	return answer[client.Committed](f, "arm", fmt.Sprintf("armed=%t reason=%q for=%s now=%t", a.Armed, a.Reason, a.For, a.Now))
}

func (f *fakeNode) Pause(_ context.Context, a api.PauseArgs) (client.Committed, error) {
	return answer[client.Committed](f, "pause", fmt.Sprintf("node=%s all=%t on=%t reason=%q for=%s", a.Node, a.All, a.On, a.Reason, a.For))
}

func (f *fakeNode) Apply(_ context.Context, a api.ApplyArgs) (client.Applied, error) {
	d, err := answer[client.Applied](f, "apply", fmt.Sprintf("dry=%t reason=%q force=%t hash=%s roster=%t", a.DryRun, a.Reason, a.Force, a.Hash, len(a.Roster) > 0))
	d.DryRun = a.DryRun
	return d, err
}

func (f *fakeNode) ReloadPlugins(_ context.Context, plugins []string, _ api.Caller) (client.PluginsReloaded, error) {
	return answer[client.PluginsReloaded](f, "reloadplugins", strings.Join(plugins, " "))
}

func (f *fakeNode) Reload(context.Context, api.Caller) (client.Reloaded, error) {
	return answer[client.Reloaded](f, "reload", "")
}

func (f *fakeNode) Replace(_ context.Context, a api.ReplaceArgs) (client.Committed, error) {
	return answer[client.Committed](f, "replace", fmt.Sprintf("node=%s old=%s new=%s reason=%q", a.Node, a.Old, a.New, a.Reason))
}

func (f *fakeNode) Local(_ context.Context, a api.LocalArgs) (client.LocalPower, error) {
	return answer[client.LocalPower](f, "local", fmt.Sprintf("id=%t node=%s action=%s reason=%q", a.ID != "", a.Node, a.Action, a.Reason))
}

func (f *fakeNode) LocalPower(_ context.Context, id string) (client.LocalPower, error) {
	return answer[client.LocalPower](f, "localpower", fmt.Sprintf("id=%t", id != ""))
}

func (f *fakeNode) Drill(_ context.Context, a api.DrillArgs) (client.Accepted, error) {
	return answer[client.Accepted](f, "drill", fmt.Sprintf("id=%t node=%s level=%d reason=%q", a.ID != "", a.Node, a.Level, a.Reason))
}

func (f *fakeNode) Test(_ context.Context, node string) (client.Test, error) {
	return answer[client.Test](f, "test", "node="+node)
}

func (f *fakeNode) Restart(_ context.Context, a api.RestartArgs) (client.Committed, error) {
	return answer[client.Committed](f, "restart", fmt.Sprintf("reason=%q timeout=%s", a.Reason, a.Timeout))
}

func (f *fakeNode) Leave(_ context.Context, a api.LeaveArgs) (client.Committed, error) {
	return answer[client.Committed](f, "leave", fmt.Sprintf("reason=%q force=%t timeout=%s", a.Reason, a.Force, a.Timeout))
}

func (f *fakeNode) Bootstrap(_ context.Context, a api.BootstrapArgs) (client.Bootstrapped, error) {
	return answer[client.Bootstrapped](f, "bootstrap", "cluster="+a.Cluster)
}

// Register begins a stream that says nothing more, or one that ends at once (the program's node has failed).
func (f *fakeNode) Register(_ context.Context, a api.ClientArgs) (uint64, *api.Stream, error) {
	st := api.NewStream(41, 8, func() int64 { return 0 })
	st.Tell(api.Tale{Notice: client.Notice{Event: client.NoticeState, HeartbeatMS: 60_000}})
	name, _, _ := strings.Cut(a.Name, "-")
	first, err := answer[client.Notice](f, "register", fmt.Sprintf("name=%s-PID role=%s critical=%t", name, a.Role, a.Critical))
	if first.Event == client.NoticeFailed {
		st.Tell(api.Tale{Notice: first})
	}
	return 41, st, err
}

func (f *fakeNode) Gone(uint64, string) {}

func (f *fakeNode) Done(context.Context, uint64, api.Caller) error {
	return client.Errorf(client.CodeError, "a command that registers ends with its connection")
}

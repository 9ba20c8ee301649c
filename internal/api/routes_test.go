package api

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/fence"
)

func TestEveryQuestionReachesTheNodeAsItWasMeant(t *testing.T) {
	r := start(t, Config{}, 0, nil)
	r.feed.Publish(client.Event{Event: client.EventView})
	me := Caller{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid()), PID: int32(os.Getpid()), Program: "test"}
	c, ctx := r.client(t), t.Context()
	by := func(a any) any { // what the kernel knows, without the groups of whoever runs the tests
		switch v := a.(type) {
		case RequestArgs:
			v.By.Groups = nil
			return v
		case AckArgs:
			v.By.Groups = nil
			return v
		case ArmArgs:
			v.By.Groups = nil
			return v
		case PauseArgs:
			v.By.Groups = nil
			return v
		case ApplyArgs:
			v.By.Groups = nil
			return v
		case LeaveArgs:
			v.By.Groups = nil
			return v
		case RestartArgs:
			v.By.Groups = nil
			return v
		case BootstrapArgs:
			v.By.Groups = nil
			return v
		}
		return a
	}
	for _, x := range []struct {
		do   func() (string, error)
		want any
	}{
		{func() (string, error) { d, err := c.Status(ctx); return d.API, err }, "status"},
		{func() (string, error) { d, err := c.Plugins(ctx); return d.API, err }, "plugins"},
		{func() (string, error) { d, err := c.Plan(ctx, client.PlanQuery{Node: "a"}); return d.API, err }, PlanQuery{Node: "a", Action: "reboot"}},
		{func() (string, error) {
			d, err := c.Plan(ctx, client.PlanQuery{Node: "a", Action: "off", Read: true})
			return d.API, err
		}, PlanQuery{Node: "a", Action: "off", Read: true}},
		{func() (string, error) { d, err := c.History(ctx, client.HistoryQuery{}); return d.Lines[0].API, err }, HistoryQuery{Limit: MaxHistory}},
		{func() (string, error) {
			d, err := c.History(ctx, client.HistoryQuery{Node: "a", Since: time.Second, Failed: true, Limit: 3})
			return d.API, err
		}, HistoryQuery{Node: "a", SinceMS: 1000, Failed: true, Limit: 3}},
		{func() (string, error) { d, err := c.Show(ctx, 17); return d.History.API, err }, uint64(17)},
		{func() (string, error) {
			d, err := c.Request(ctx, client.Request{ID: "i", Node: "a", Boot: "b", Action: "off", Reason: "r", Force: true, Client: 7})
			return d.API, err
		}, RequestArgs{ID: "i", Node: "a", Boot: "b", Action: "off", Reason: "r", Force: true, Client: 7, By: me}},
		{
			func() (string, error) {
				d, err := c.Ack(ctx, client.Ack{Node: "a", Boot: "b", Reason: "r"})
				return d.API, err
			},
			AckArgs{Node: "a", Boot: "b", Reason: "r", By: me},
		},
		{func() (string, error) { d, err := c.Arm(ctx, client.Arm{Armed: true}); return d.API, err }, ArmArgs{Armed: true, By: me}},
		{func() (string, error) {
			d, err := c.Arm(ctx, client.Arm{Reason: "r", ForMS: 2000, Now: true})
			return d.API, err
		}, ArmArgs{Reason: "r", For: 2 * time.Second, Now: true, By: me}},
		{func() (string, error) {
			d, err := c.Pause(ctx, client.SetPause{Node: "a", On: true, Reason: "r", ForMS: 2000})
			return d.API, err
		}, PauseArgs{Node: "a", On: true, Reason: "r", For: 2 * time.Second, By: me}},
		{func() (string, error) { d, err := c.Pause(ctx, client.SetPause{All: true}); return d.API, err }, PauseArgs{All: true, By: me}},
		{func() (string, error) { d, err := c.Apply(ctx, client.Apply{DryRun: true}); return d.API, err }, ApplyArgs{DryRun: true, By: me}},
		{func() (string, error) {
			d, err := c.Leave(ctx, client.Leave{Reason: "r", Force: true, TimeoutMS: 2000})
			return d.API, err
		}, LeaveArgs{Reason: "r", Force: true, Timeout: 2 * time.Second, By: me}},
		{func() (string, error) {
			d, err := c.Restart(ctx, client.Restart{Reason: "r", TimeoutMS: 2000})
			return d.API, err
		}, RestartArgs{Reason: "r", Timeout: 2 * time.Second, By: me}},
		{func() (string, error) { d, err := c.Bootstrap(ctx, client.Bootstrap{Cluster: "p"}); return d.API, err }, BootstrapArgs{Cluster: "p", By: me}},
	} {
		version, err := x.do()
		if err != nil || version != client.API {
			t.Errorf("%v: %q, %v", x.want, version, err)
		}
		if got := r.node.last(); len(got) != 1 || fmt.Sprintf("%+v", by(got[0])) != fmt.Sprintf("%+v", x.want) {
			t.Errorf("got  %+v\nwant %+v", got, x.want)
		}
	}
	s, err := c.Status(ctx)
	if err != nil || s.Seq != 1 || s.Stream != "run-1" {
		t.Errorf("status carries the place in the events: %+v %v", s, err)
	}
	acc, err := c.Request(ctx, client.Request{Node: "a", Action: "off"})
	if err != nil || acc.ID == "" || acc.Seq != 1 || acc.Stream != "run-1" || acc.Operation != 17 {
		t.Errorf("a request without an id gets one, and the place in the events: %+v %v", acc, err)
	}
}

// What is not understood is not done: none of these may reach the node.
func TestNonsenseIsRefusedBeforeTheNode(t *testing.T) {
	r := start(t, Config{}, 0, nil)
	long := strings.Repeat("x", 2000)
	for _, x := range []struct{ method, url, body string }{
		{"GET", "/v1/nothing", ""},
		{"POST", "/v1/status", ""},
		{"DELETE", "/v1/operations/17", ""},
		{"GET", "/v1/status", "a body"},
		{"GET", "/v1/status?x=1", ""},
		{"GET", "/v1/status?%zz", ""},
		{"GET", "/v1/plan", ""},
		{"POST", "/v1/arm", `{"armed":true,"for_ms":5}`},
		{"POST", "/v1/arm", `{"armed":false,"reason":"r","for_ms":-5}`},
		{"POST", "/v1/pause", `{"on":true,"reason":"r"}`},
		{"POST", "/v1/pause", `{"on":true,"all":true}`},
		{"POST", "/v1/pause", `{"on":true,"all":true,"node":"a","reason":"r"}`},
		{"POST", "/v1/pause", `{"on":false,"node":"a","for_ms":5}`},
		{"POST", "/v1/pause", `{"on":true,"node":"a","reason":"r","for_ms":99999999999}`},
		{"GET", "/v1/plan?node=a&node=b", ""},
		{"GET", "/v1/plan?node=a&action=destroy", ""},
		{"GET", "/v1/plan?node=a&read=yes", ""},
		{"GET", "/v1/plan?node=" + long, ""},
		{"GET", "/v1/plan?node=%1b%5b2J", ""},
		{"GET", "/v1/history?limit=-1", ""},
		{"GET", "/v1/history?since_ms=soon", ""},
		{"GET", "/v1/history?failed=maybe", ""},
		{"GET", "/v1/operations/seventeen", ""},
		{"GET", "/v1/operations/-1", ""},
		{"GET", "/v1/operations/99999999999999999999", ""},
		{"GET", "/v1/events?from=x", ""},
		{"POST", "/v1/requests", ""},
		{"POST", "/v1/requests", "{"},
		{"POST", "/v1/requests", "[]"},
		{"POST", "/v1/requests", `{"node":"a","action":"off"} {}`},
		{"POST", "/v1/requests", `{"node":"a"}`},
		{"POST", "/v1/requests", `{"action":"off"}`},
		{"POST", "/v1/requests", `{"node":"  ","action":"off"}`},
		{"POST", "/v1/requests", `{"node":"a","action":"off","dryrun":true}`}, // an unknown field may be the one that holds back
		{"POST", "/v1/requests", `{"node":"a","action":"off","force":"yes"}`},
		{"POST", "/v1/requests", `{"node":"a","action":"off","reason":"` + long + `"}`},
		{"POST", "/v1/requests", `{"node":"a","action":"off","reason":"\u001b[2J"}`},
		{"POST", "/v1/requests", `{"node":"a","action":"off","id":"a b"}`},
		{"POST", "/v1/requests", `{"node":"a","action":"off","id":"` + long + `"}`},
		{"POST", "/v1/requests", `{"node":"a","action":"off","reason":"` + strings.Repeat("x", maxBody) + `"}`},
		{"POST", "/v1/ack", `{"node":"a","reason":"r"}`},
		{"POST", "/v1/ack", `{"node":"a","boot":"b"}`},
		{"POST", "/v1/arm", `{}`},
		{"POST", "/v1/arm", `{"armed":false}`},
		{"POST", "/v1/bootstrap", `{}`},
		{"POST", "/v1/clients", ``},
		{"POST", "/v1/clients", `{}`},
		{"POST", "/v1/clients", `{"role":"watch"}`},
		{"POST", "/v1/clients", `{"name":"a","role":"root"}`},
		{"POST", "/v1/clients", `{"name":"a","role":"report","critical":true}`},
		{"POST", "/v1/clients", `{"name":"a b"}`},
		{"POST", "/v1/clients", `{"name":"-a"}`},
		{"POST", "/v1/clients", `{"name":"ä"}`},
		{"POST", "/v1/clients", `{"name":"a\u001b[2J"}`},
		{"POST", "/v1/clients", `{"name":"` + long + `"}`},
		{"POST", "/v1/clients", `{"name":"a","after":-1}`},
		{"POST", "/v1/clients", `{"name":"a","after":"7"}`},
		{"POST", "/v1/clients", `{"name":"a","critcal":true}`}, // who misspells it believes to be protected
		{"POST", "/v1/clients", `{"name":"a"}{"name":"b"}`},
		{"POST", "/v1/clients?after=7", `{"name":"a"}`},
		{"DELETE", "/v1/clients/0", ""},
		{"DELETE", "/v1/clients/db", ""},
		{"DELETE", "/v1/clients/1?x=1", ""},
		{"GET", "/v1/clients", ""},
		{"POST", "/v1/leave", `{}`}, // nothing makes a node leave by accident
		{"POST", "/v1/leave", `{"timeout_ms":25001}`},
		{"POST", "/v1/leave", `{"timeout_ms":-1}`},
		{"POST", "/v1/leave", `{"timeout_ms":9223372036854775807}`},
		{"POST", "/v1/leave", `{"timeout_ms":1000,"reason":"` + long + `"}`},
		{"POST", "/v1/local", `{}`},
		{"POST", "/v1/local", `{"node":"n","action":"off","force":true}`}, // who forces says why
		{"POST", "/v1/local", `{"node":"n","action":"on","reason":"r","force":true}`},
		{"POST", "/v1/local", `{"node":"n","action":"off","reason":"` + long + `","force":true}`},
		{"POST", "/v1/local", `{"action":"off","reason":"r","force":true}`},
		{"POST", "/v1/local", `{"node":"n","action":"off","reason":"r","forced":true}`},
		{"POST", "/v1/local", `{"id":"a b","node":"n","action":"off","reason":"r","force":true}`},
		{"GET", "/v1/local/a%20b", ""},
		{"GET", "/v1/local/a?x=1", ""},
	} {
		status, doc := r.raw(t, x.method, x.url, x.body)
		if status != 400 || doc["code"] != float64(client.CodeUsage) || doc["api"] != client.API || doc["error"] == "" {
			t.Errorf("%s %.60s %.60s: %d %v", x.method, x.url, x.body, status, doc)
		}
		if text, _ := doc["error"].(string); strings.Contains(text, "\x1b") {
			t.Errorf("%s %.60s: the error repeats a control character", x.method, x.url)
		}
	}
	if got := r.node.last(); len(got) != 0 {
		t.Errorf("reached the node: %+v", got)
	}
}

func TestErrorsCarryTheirExitCode(t *testing.T) {
	r := start(t, Config{}, 0, nil)
	near := client.NoSuch("node", "node3", []string{"node-3"})
	for _, x := range []struct {
		err  error
		code client.Code
		http int
	}{
		{errors.New("disk\non fire"), client.CodeError, 500},
		{fmt.Errorf("cannot: %w", fence.ErrNoQuorum), client.CodeNoQuorum, 503},
		{fmt.Errorf("cannot: %w", fence.ErrNotArmed), client.CodeNotArmed, 409},
		{fmt.Errorf("cannot: %w", fence.ErrUnsafe), client.CodeUnsafe, 409},
		{fmt.Errorf("cannot: %w", fence.ErrRefused), client.CodeError, 500},
		{fmt.Errorf("cannot: %w", fence.ErrNoSuchNode), client.CodeNoSuch, 404},
		{fmt.Errorf("cannot: %w", near), client.CodeNoSuch, 404},
		{context.DeadlineExceeded, client.CodeTimeout, 504},
		{context.Canceled, client.CodeTryAgain, 503},
		{client.Errorf(client.CodeConfig, "x"), client.CodeConfig, 422},
		{client.Errorf(client.CodeUnknown, "x"), client.CodeUnknown, 500},
	} {
		r.node.err = x.err
		status, doc := r.raw(t, "GET", "/v1/status", "")
		if status != x.http || doc["code"] != float64(x.code) || doc["near"] == nil || strings.Contains(doc["error"].(string), "\n") {
			t.Errorf("%v: %d %v, want %d with code %d", x.err, status, doc, x.http, x.code)
		}
	}
	r.node.err = fmt.Errorf("cannot plan: %w", near)
	_, err := r.client(t).Plan(t.Context(), client.PlanQuery{Node: "node3"})
	var e *client.Error
	if !errors.As(err, &e) || len(e.Near) != 1 || e.Near[0] != "node-3" || e.Text != `cannot plan: no such node: "node3"` {
		t.Errorf("%+v", err)
	}
}

func TestCallsHaveADeadlineAndAreNotCutBeforeIt(t *testing.T) {
	r := start(t, Config{}, 0, func(s *Server) {
		s.times.body = 20 * time.Millisecond // receiving is over by then, answering is not
		s.times.act = slow(300 * time.Millisecond)
		s.mux = s.routes()
	})
	r.node.hook = func(ctx context.Context) error {
		if _, ok := ctx.Deadline(); !ok {
			t.Error("the node is asked without a deadline")
		}
		<-ctx.Done()
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			t.Errorf("the call was cut: %v", ctx.Err())
		}
		return ctx.Err()
	}
	if _, err := r.client(t).Arm(t.Context(), client.Arm{Armed: true}); client.CodeOf(err) != client.CodeTimeout {
		t.Errorf("%v has code %d", err, client.CodeOf(err))
	}
}

func TestAPanicIsOneFailedQuestion(t *testing.T) {
	r := start(t, Config{}, 0, nil)
	r.node.hook = func(context.Context) error { panic("invariant") }
	if _, err := r.client(t).Status(t.Context()); client.CodeOf(err) != client.CodeError || strings.Contains(err.Error(), "invariant") {
		t.Errorf("%v", err)
	}
	r.node.hook = nil
	if _, err := r.client(t).Status(t.Context()); err != nil {
		t.Errorf("the next question: %v", err)
	}
}

func FuzzRequest(f *testing.F) {
	f.Add(`{"node":"a","action":"off"}`)
	f.Add(`{"node":"a","action":"off","reason":"\u0000"}`)
	f.Add(`{"node":1}`)
	f.Fuzz(func(t *testing.T, in string) {
		var q client.Request
		if err := body(newWriter(), newRequest(in), &q); err != nil && client.CodeOf(err) != client.CodeUsage {
			t.Fatalf("%q: %v has code %d", in, err, client.CodeOf(err))
		}
		if id, err := requestID(q.ID); err == nil && (id == "" || len(id) > client.MaxID) {
			t.Fatalf("id %q", id)
		}
	})
}

// Forced power is asked for in two words: without force nothing reaches the node (R31), and nobody who may only read gets there.
func TestForcedPowerNeedsForce(t *testing.T) {
	r := start(t, Config{}, 0, nil)
	status, doc := r.raw(t, "POST", "/v1/local", `{"node":"n","action":"off","reason":"r"}`)
	if status == 200 || doc["code"] != float64(client.CodeUnsafe) {
		t.Errorf("without force: %d %v", status, doc)
	}
	status, doc = r.raw(t, "POST", "/v1/local", `{"node":"n","action":"off","reason":"r","force":true}`)
	if verdict, there := doc["verdict"]; status != 200 || !there || verdict != nil || doc["local"] != true || doc["id"] == "" {
		t.Errorf("with force: %d %v", status, doc)
	}
}

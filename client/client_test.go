package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCallsSayWhatTheyMean(t *testing.T) {
	type call struct{ line, body string }
	calls := make(chan call, 1)
	path := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		calls <- call{r.Method + " " + r.URL.String() + " " + r.UserAgent(), string(b)}
		_, _ = io.WriteString(w, `{"api":"fenced/v1"}`)
	}))
	c, ctx := testClient(t, path), t.Context()
	for want, do := range map[call]func() error{
		{"GET /v1/status test", ""}: func() error { _, err := c.Status(ctx); return err },
		{"GET /v1/plan?action=off&node=a+b&read=true test", ""}: func() error {
			_, err := c.Plan(ctx, PlanQuery{Node: "a b", Action: ActionOff, Read: true})
			return err
		},
		{"GET /v1/history?failed=true&limit=5&node=a&since_ms=60000 test", ""}: func() error {
			_, err := c.History(ctx, HistoryQuery{Node: "a", Since: time.Minute, Failed: true, Limit: 5})
			return err
		},
		{"GET /v1/operations/17 test", ""}: func() error { _, err := c.Show(ctx, 17); return err },
		{"GET /v1/plugins test", ""}:       func() error { _, err := c.Plugins(ctx); return err },
		{"POST /v1/requests test", `{"id":"i","node":"a","boot":"b","action":"off","reason":"r","force":true}`}: func() error {
			_, err := c.Request(ctx, Request{ID: "i", Node: "a", Boot: "b", Action: ActionOff, Reason: "r", Force: true, By: "nobody"})
			return err
		},
		{"POST /v1/ack test", `{"node":"a","boot":"b","reason":"r"}`}: func() error { _, err := c.Ack(ctx, Ack{"a", "b", "r"}); return err },
		{"POST /v1/arm test", `{"armed":false,"reason":"r"}`}:         func() error { _, err := c.Arm(ctx, Arm{Reason: "r"}); return err },
		{"POST /v1/apply test", `{"reason":"r","dry_run":true}`}:      func() error { _, err := c.Apply(ctx, Apply{Reason: "r", DryRun: true}); return err },
		{"POST /v1/plugins/reload test", `{"plugins":["bmc"]}`}:       func() error { _, err := c.ReloadPlugins(ctx, PluginReload{Plugins: []string{"bmc"}}); return err },
		{"POST /v1/reload test", `{}`}:                                func() error { _, err := c.Reload(ctx); return err },
		{"POST /v1/replace test", `{"node":"a","new":"u","reason":"r"}`}: func() error {
			_, err := c.Replace(ctx, Replace{Node: "a", New: "u", Reason: "r"})
			return err
		},
		{"POST /v1/bootstrap test", `{"cluster":"p"}`}: func() error { _, err := c.Bootstrap(ctx, Bootstrap{"p"}); return err },
	} {
		if err := do(); err != nil {
			t.Errorf("%v: %v", want, err)
		}
		if got := <-calls; got != want {
			t.Errorf("got  %v\nwant %v", got, want)
		}
	}
}

func TestErrorsOfTheDaemonArriveWhole(t *testing.T) {
	sent := &Error{API: API, Code: CodeNoSuch, Text: `no such node: "a"`, Near: []string{"b"}, Problems: []string{"p"}, Next: "fenced status"}
	path := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_ = json.NewEncoder(w).Encode(sent)
	}))
	_, err := testClient(t, path).Status(t.Context())
	var got *Error
	if !errors.As(err, &got) || got.Code != CodeNoSuch || got.Near[0] != "b" || got.Problems[0] != "p" || got.Next != "fenced status" {
		t.Fatalf("%+v", err)
	}
}

// Whoever asked for something and got no answer does not know whether it happened; whoever only looked may look again.
func TestALostAnswerIsUnknownForAnActAndUnreachableForAQuestion(t *testing.T) {
	ln, path := listenOnly(t)
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"api\":")
			_ = conn.Close()
		}
	}()
	c := testClient(t, path)
	if _, err := c.Status(t.Context()); CodeOf(err) != CodeUnreachable {
		t.Errorf("question: %v has code %d", err, CodeOf(err))
	}
	if _, err := c.Request(t.Context(), Request{}); CodeOf(err) != CodeUnknown {
		t.Errorf("act: %v has code %d", err, CodeOf(err))
	}
}

func TestADeadlineIsTimeoutForAQuestionAndUnknownForAnAct(t *testing.T) {
	stop := make(chan struct{})
	path := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-stop
	}))
	t.Cleanup(func() { close(stop) })
	c := testClient(t, path)
	ctx, cancel := context.WithTimeout(t.Context(), slow(50*time.Millisecond))
	defer cancel()
	if _, err := c.Status(ctx); CodeOf(err) != CodeTimeout {
		t.Errorf("question: %v has code %d", err, CodeOf(err))
	}
	ctx, cancel = context.WithTimeout(t.Context(), slow(50*time.Millisecond))
	defer cancel()
	if _, err := c.Arm(ctx, Arm{}); CodeOf(err) != CodeUnknown || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("act: %v has code %d", err, CodeOf(err))
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if _, err := c.Status(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestNoDaemonIsUnreachableAlsoForAnAct(t *testing.T) {
	dir := t.TempDir()
	c := testClient(t, filepath.Join(dir, "none"))
	for _, err := range []error{
		func() error { _, err := c.Status(t.Context()); return err }(),
		func() error { _, err := c.Request(t.Context(), Request{}); return err }(),
	} {
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeUnreachable || e.Next == "" || !strings.Contains(e.Text, dir) {
			t.Errorf("%v has code %d", err, CodeOf(err))
		}
	}
}

func TestStrangeAnswersAreErrors(t *testing.T) {
	answer := make(chan string, 1)
	status := http.StatusOK
	path := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, <-answer)
	}))
	c := testClient(t, path)
	answer <- "<html>"
	if _, err := c.Status(t.Context()); CodeOf(err) != CodeUnreachable {
		t.Errorf("no JSON: %v has code %d", err, CodeOf(err))
	}
	answer <- "<html>"
	if _, err := c.Arm(t.Context(), Arm{}); CodeOf(err) != CodeUnknown {
		t.Errorf("no JSON: %v has code %d", err, CodeOf(err))
	}
	answer <- `"` + strings.Repeat("x", maxAnswer) + `"`
	if _, err := c.Status(t.Context()); CodeOf(err) != CodeError || !strings.Contains(err.Error(), "more than") {
		t.Errorf("too long: %v", err)
	}
	status = http.StatusInternalServerError
	answer <- `{"code":0,"error":"success?"}`
	if _, err := c.Status(t.Context()); CodeOf(err) != CodeError {
		t.Errorf("an error that calls itself 0: %v has code %d", err, CodeOf(err))
	}
	status = http.StatusFound
	answer <- ``
	if _, err := c.Status(t.Context()); CodeOf(err) != CodeError {
		t.Errorf("a redirect: %v has code %d", err, CodeOf(err))
	}
}

func listenOnly(t *testing.T) (net.Listener, string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "fc")
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close(); _ = os.RemoveAll(dir) })
	return ln, filepath.Join(dir, "s")
}

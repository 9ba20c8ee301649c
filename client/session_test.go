package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// stage is a daemon that says to a registered program what a test wants.
type stage struct {
	t     *testing.T
	path  string
	lines chan string // what is said next; "" ends the stream
	gone  chan struct{}
	asked chan Registration
	done  func(http.ResponseWriter) // answers DELETE
}

const firstLine = `{"api":"fenced/v1","client":9,"seq":1,"index":40,"event":"state","granted":true,"heartbeat_ms":%d,"unresolved":[{"node":"node-3","incarnation":"b3"}]}`

func onStage(t *testing.T) *stage {
	s := &stage{t: t, lines: make(chan string, 2000), gone: make(chan struct{}), asked: make(chan Registration, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/clients", func(w http.ResponseWriter, r *http.Request) {
		var q Registration
		_ = json.NewDecoder(r.Body).Decode(&q)
		s.asked <- q
		defer close(s.gone)
		for {
			select {
			case line := <-s.lines:
				if line == "" {
					return
				}
				fmt.Fprintln(w, line)
				_ = http.NewResponseController(w).Flush()
			case <-r.Context().Done():
				return
			}
		}
	})
	mux.HandleFunc("DELETE /v1/clients/9", func(w http.ResponseWriter, _ *http.Request) { s.done(w) })
	s.path = serve(t, mux)
	return s
}

func (s *stage) say(lines ...string) {
	for _, l := range lines {
		s.lines <- l
	}
}

// heartbeat is so rare that a test which does not want to be late is not.
func (s *stage) open(heartbeat time.Duration) *Session {
	s.t.Helper()
	s.say(fmt.Sprintf(firstLine, heartbeat.Milliseconds()))
	session, err := testClient(s.t, s.path).Register(within(s.t), Registration{Name: "db", Critical: true, After: 7})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(session.Close)
	return session
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), slow(10*time.Second))
	t.Cleanup(cancel)
	return ctx
}

func line(seq int, event, more string) string {
	return fmt.Sprintf(`{"api":"fenced/v1","client":9,"seq":%d,"index":41,"event":%q%s}`, seq, event, more)
}

const life = `,"node":"node-3","incarnation":"b3","verdict":"reset"`

func TestASessionTellsInOrder(t *testing.T) {
	st := onStage(t)
	s := st.open(slow(time.Minute))
	if q := <-st.asked; q != (Registration{Name: "db", Role: RoleWatch, Critical: true, After: 7}) {
		t.Errorf("asked %+v", q)
	}
	if f := s.State(); s.ID() != 9 || !f.Granted || f.Frozen || f.Index != 40 || len(f.Unresolved) != 1 || f.Unresolved[0].Node != "node-3" {
		t.Errorf("%+v", f)
	}
	st.say(line(2, "heartbeat", ""), line(3, "frozen", `,"why":"no lease"`), line(4, "a-word-of-tomorrow", ""), line(5, "thawed", ""),
		line(6, "released", life), line(7, "grant-refused", ""), line(8, "granted", ""))
	var got []string
	for range 5 {
		n, err := s.Next(within(t))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, n.Event+n.Node+n.Why)
	}
	if want := "frozenno lease thawed releasednode-3 grant-refused granted"; strings.Join(got, " ") != want {
		t.Errorf("got %s, want %s", got, want)
	}
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := s.Next(short); !errors.Is(err, context.DeadlineExceeded) || s.Err() != nil {
		t.Errorf("a caller who does not want to wait: %v, %v", err, s.Err())
	}
}

// However a stream ends, the program is told that it has failed, and gets nothing more of what waits for it (S4.7, S5.16).
// part of: S4.7
func TestEveryEndOfAStreamMeansFailed(t *testing.T) {
	for name, lines := range map[string][]string{
		"end of file":        {""},
		"you are failed":     {line(2, "you-are-failed", `,"why":"a verdict"`)},
		"a line is missing":  {line(3, "heartbeat", "")},
		"a line comes twice": {line(2, "heartbeat", ""), line(2, "heartbeat", "")},
		"garbage":            {"{"},
		"an empty line":      {" "},
		"another client's":   {strings.Replace(line(2, "granted", ""), `"client":9`, `"client":8`, 1)},
		"another version's":  {strings.Replace(line(2, "granted", ""), "fenced/v1", "fenced/v2", 1)},
		"a second state":     {line(2, "state", `,"heartbeat_ms":100`)},
		"releases nobody":    {line(2, "released", "")},
		"too long":           {strings.Repeat("x", maxNotice+1)},
	} {
		t.Run(name, func(t *testing.T) {
			st := onStage(t)
			s := st.open(slow(time.Minute))
			st.say(lines...)
			select {
			case <-s.Over():
			case <-within(t).Done():
				t.Fatal("the session goes on")
			}
			n, err := s.Next(within(t))
			if !errors.Is(err, ErrFailed) || n.Event != "" || CodeOf(err) != CodeUnreachable {
				t.Errorf("%+v, %v", n, err)
			}
			if name == "you are failed" && !strings.Contains(err.Error(), "a verdict") {
				t.Errorf("the reason is lost: %v", err)
			}
			<-st.gone // and the daemon hears that nobody listens any more
		})
	}
}

func TestWhatWasNotTakenIsNotToldAfterTheEnd(t *testing.T) {
	st := onStage(t)
	s := st.open(slow(time.Minute))
	for seq := 2; seq < 22; seq++ {
		st.say(line(seq, "released", life))
	}
	st.say("")
	<-s.Over()
	for range 20 {
		if n, err := s.Next(within(t)); !errors.Is(err, ErrFailed) {
			t.Fatalf("%+v, %v", n, err)
		}
	}
}

// A daemon that hangs is as dead as one that is gone: its silence ends the session, also while nobody is in Next.
func TestSilenceMeansFailed(t *testing.T) {
	st := onStage(t)
	beat := slow(200 * time.Millisecond)
	s := st.open(beat)
	began := time.Now()
	for seq := 2; time.Since(began) < 2*LateHeartbeats*beat; seq++ { // it lives on while it is heard
		st.say(line(seq, "heartbeat", ""))
		select {
		case <-s.Over():
			t.Fatalf("over after %s: %v", time.Since(began), s.Err())
		case <-time.After(beat / 2):
		}
	}
	last := time.Now()
	select {
	case <-s.Over():
	case <-within(t).Done():
		t.Fatal("silence is not noticed")
	}
	if took := time.Since(last); !errors.Is(s.Err(), ErrFailed) || took > (LateHeartbeats+20)*beat {
		t.Errorf("%v after %s", s.Err(), took)
	}
}

// A program that takes nothing must not hold up the reading of its stream; at a bound it has failed.
func TestAProgramThatNeverCallsNextFails(t *testing.T) {
	st := onStage(t)
	s := st.open(slow(time.Minute))
	for i := range maxUntaken + 1 {
		st.say(line(i+2, "frozen", ""))
	}
	select {
	case <-s.Over():
	case <-within(t).Done():
		t.Fatal("no end")
	}
	if err := s.Err(); !errors.Is(err, ErrFailed) || !strings.Contains(err.Error(), "not taken") {
		t.Error(err)
	}
}

func TestDoneEndsASessionWithoutAFailure(t *testing.T) {
	st := onStage(t)
	s := st.open(slow(time.Minute))
	st.done = func(w http.ResponseWriter) {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, `{"api":"fenced/v1","code":75,"error":"not now"}`)
	}
	if err := s.Done(within(t)); CodeOf(err) != CodeTryAgain {
		t.Errorf("%v", err)
	}
	if s.Err() != nil {
		t.Errorf("a refused Done ended the session: %v", s.Err())
	}
	st.done = func(w http.ResponseWriter) {
		st.say("") // the daemon may end the stream before it answers
		<-st.gone
		fmt.Fprintln(w, `{"api":"fenced/v1","client":9}`)
	}
	if err := s.Done(within(t)); err != nil {
		t.Error(err)
	}
	if _, err := s.Next(within(t)); !errors.Is(err, ErrDone) || errors.Is(err, ErrFailed) {
		t.Error(err)
	}
	s.Close()
	if !errors.Is(s.Err(), ErrDone) {
		t.Error(s.Err())
	}
}

func TestClosingIsDyingForTheDaemon(t *testing.T) {
	st := onStage(t)
	s := st.open(slow(time.Minute))
	s.Close()
	<-st.gone
	if !errors.Is(s.Err(), ErrFailed) {
		t.Error(s.Err())
	}
}

func TestRegistrationsThatFail(t *testing.T) {
	for name, x := range map[string]struct {
		say  string
		code Code
	}{
		"no line":             {"", CodeUnreachable},
		"no state":            {line(1, "granted", ""), CodeUnreachable},
		"no heartbeat":        {line(1, "state", ""), CodeUnreachable},
		"a heartbeat in days": {line(1, "state", `,"heartbeat_ms":86400000`), CodeUnreachable},
		"an id of nobody":     {`{"api":"fenced/v1","client":0,"seq":1,"event":"state","heartbeat_ms":100}`, CodeUnreachable},
	} {
		st := onStage(t)
		st.say(x.say)
		s, err := testClient(t, st.path).Register(within(t), Registration{Name: "db"})
		if s != nil || CodeOf(err) != x.code {
			t.Errorf("%s: %v, code %d", name, err, CodeOf(err))
		}
	}
	refusing := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintln(w, `{"api":"fenced/v1","code":77,"error":"uid 7 may not register"}`)
	}))
	if _, err := testClient(t, refusing).Register(within(t), Registration{Name: "db"}); CodeOf(err) != CodeNotPermitted {
		t.Error(err)
	}
	if _, err := testClient(t, "/nowhere").Register(within(t), Registration{Name: "db"}); CodeOf(err) != CodeUnreachable {
		t.Error(err)
	}
	silent := onStage(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := testClient(t, silent.path).Register(ctx, Registration{Name: "db"}); CodeOf(err) != CodeTimeout {
		t.Errorf("a silent daemon: %v", err)
	}
	<-silent.gone
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if _, err := testClient(t, silent.path).Register(ctx, Registration{Name: "db"}); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who gave up: %v", err)
	}
}

func FuzzNotice(f *testing.F) {
	f.Add([]byte(fmt.Sprintf(firstLine, 500)), uint64(0), uint64(1))
	f.Add([]byte(line(2, "released", life)), uint64(9), uint64(2))
	f.Add([]byte(line(2, "you-are-failed", "")), uint64(9), uint64(2))
	f.Add([]byte(`{"api":"fenced/v1","client":9,"seq":2,"event":"released","node":null,"at":"yesterday"}`), uint64(9), uint64(2))
	f.Add([]byte("\x00"), uint64(1), uint64(1))
	f.Fuzz(func(t *testing.T, in []byte, id, seq uint64) {
		n, err := readNotice(in, id, seq)
		if err != nil {
			if n.Event != "" || CodeOf(err) != CodeUnreachable {
				t.Fatalf("%q: %+v, %v", in, n, err)
			}
			return
		}
		if n.API != API || n.Seq != seq || n.Client == 0 || (id != 0 && n.Client != id) || (n.Event == NoticeState) != (seq == 1) {
			t.Fatalf("%q is taken for %+v", in, n)
		}
		again, err := json.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		if m, err := readNotice(again, id, seq); err != nil || m.Event != n.Event || m.Node != n.Node || m.Granted != n.Granted {
			t.Fatalf("%s is read as %+v, %v", again, m, err)
		}
	})
}

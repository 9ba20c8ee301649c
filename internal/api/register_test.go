package api

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
)

// program is a registered program as it sees its connection.
type program struct {
	net.Conn
	in *bufio.Reader
}

// program registers and returns behind the head of the answer, with its status.
func (r *rig) program(t *testing.T, body string) (*program, int) {
	t.Helper()
	conn, err := net.Dial("unix", r.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(slow(10 * time.Second)))
	fmt.Fprintf(conn, "POST /v1/clients HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	p := &program{conn, bufio.NewReader(conn)}
	resp, err := http.ReadResponse(p.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	p.in = bufio.NewReader(resp.Body)
	return p, resp.StatusCode
}

func (p *program) next() string {
	line, err := p.in.ReadString('\n')
	if err != nil {
		return fmt.Sprintf("end of stream (%v)", err)
	}
	return strings.TrimSpace(line)
}

// registering is a rig whose streams begin as real ones do.
func registering(t *testing.T, change func(*Server)) *rig {
	r := start(t, Config{}, 0, change)
	r.node.set(func(f *fake) { f.first = client.Notice{Event: client.NoticeState, HeartbeatMS: 100} })
	return r
}

// asked waits until the node was asked for something that begins with a text, and returns it.
func (r *rig) asked(t *testing.T, begin string) string {
	t.Helper()
	return r.askedWithin(t, begin, slow(30*time.Second))
}

func (r *rig) askedWithin(t *testing.T, begin string, limit time.Duration) string {
	t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(time.Millisecond) {
		for _, a := range r.node.last() {
			if s := fmt.Sprint(a); strings.HasPrefix(s, begin) {
				return s
			}
		}
	}
	t.Fatalf("the node never heard %q", begin)
	return ""
}

func (r *rig) stream1(i int) *Stream {
	r.node.mu.Lock()
	defer r.node.mu.Unlock()
	return r.node.streams[i]
}

func TestARegisteredProgramIsToldInOrderUntilItsStreamEnds(t *testing.T) {
	r := registering(t, nil)
	p, status := r.program(t, `{"name":"db","critical":true,"after":7}`)
	if first := p.next(); status != 200 || first != `{"api":"fenced/v1","client":1,"seq":1,"index":0,"event":"state","heartbeat_ms":100,"granted":false,"frozen":false,"unresolved":[],"unknown":[]}` {
		t.Fatalf("%d %s", status, first)
	}
	asked := r.node.last()
	if a, ok := asked[0].(ClientArgs); !ok || a.Name != "db" || a.Role != client.RoleWatch || !a.Critical || a.After != 7 || a.By.PID == 0 {
		t.Errorf("the node was asked %+v", asked)
	}
	for i := range 200 {
		if !r.stream1(0).Tell(Tale{Notice: client.Notice{Event: client.NoticeReleased, Index: uint64(i), Node: "node-3"}}) {
			t.Fatal("not taken")
		}
	}
	r.stream1(0).End()
	for i := range 200 {
		if want := fmt.Sprintf(`{"api":"fenced/v1","client":1,"seq":%d,"index":%d,"event":"released","node":"node-3"}`, i+2, i); p.next() != want {
			t.Fatalf("line %d is not %s", i, want)
		}
	}
	if end := p.next(); end != "end of stream (EOF)" {
		t.Error(end)
	}
	if why := r.asked(t, "gone "); why != "gone 1: its stream ended" {
		t.Error(why)
	}
	if r.stream1(0).Tell(Tale{Notice: client.Notice{Event: client.NoticeHeartbeat}}) {
		t.Error("a stream that is over takes a notice")
	}
}

// The end of the connection is the program's last word (S4.7): the node hears it at once.
// part of: S4.7
func TestTheNodeHearsThatAProgramIsGone(t *testing.T) {
	r := registering(t, nil)
	p, _ := r.program(t, `{"name":"db"}`)
	p.next()
	_ = p.Close()
	if why := r.asked(t, "gone "); why != "gone 1: its connection ended" {
		t.Error(why)
	}
}

// Whoever sends more than it was asked for hides its own end from the server: it is found at the next line.
func TestAProgramThatTalksIsGoneToo(t *testing.T) {
	r := registering(t, nil)
	p, _ := r.program(t, `{"name":"db"}`)
	p.next()
	fmt.Fprint(p, "noise")
	_ = p.Close()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for r.stream1(0).Tell(Tale{Notice: client.Notice{Event: client.NoticeHeartbeat}}) {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	if why := r.asked(t, "gone "); why != "gone 1: its connection ended" {
		t.Error(why)
	}
}

// A program that reads nothing is dropped, at the bound of its queue or at the deadline of a batch, whichever is met first; telling it never
// waits, and another one hears everything.
func TestAProgramThatReadsNothingIsDropped(t *testing.T) {
	for name, x := range map[string]struct {
		keep  int
		write time.Duration
		why   string
	}{
		"bound":    {20, slow(time.Minute), "gone 1: its connection ended"}, // the node has cut it, and knows why
		"deadline": {1 << 20, slow(3 * time.Second), "gone 1: it took nothing of what it was told for " + slow(3*time.Second).String()},
	} {
		t.Run(name, func(t *testing.T) {
			r := registering(t, func(s *Server) { s.times.write = x.write })
			r.node.set(func(f *fake) { f.keep = x.keep })
			p, _ := r.program(t, `{"name":"sleeper"}`)
			p.next()
			other, _ := r.program(t, `{"name":"reader"}`)
			other.next()
			gone := make(chan string, 1)
			go func() { gone <- r.askedWithin(t, "gone ", slow(time.Minute)) }()
			told, longest := 0, time.Duration(0)
			for end := time.Now().Add(slow(time.Minute)); len(gone) == 0 && time.Now().Before(end); told++ {
				began := time.Now()
				if s := r.stream1(0); !s.Tell(Tale{Notice: client.Notice{Event: client.NoticeHeartbeat}}) {
					s.Cut()
				}
				if !r.stream1(1).Tell(Tale{Notice: client.Notice{Event: client.NoticeHeartbeat}}) {
					t.Fatal("the reader's stream is full")
				}
				longest = max(longest, time.Since(began))
				if line := other.next(); !strings.Contains(line, fmt.Sprintf(`"seq":%d,`, told+2)) {
					t.Fatalf("line %d: %s", told, line)
				}
			}
			if why := <-gone; why != x.why {
				t.Errorf("%s, want %s", why, x.why)
			}
			if longest > x.write { // who waits, waits for that
				t.Errorf("telling took %s", longest)
			}
			t.Logf("%d notices, the longest took %s", told, longest)
		})
	}
}

// Clients have room of their own: neither watchers nor those who ask take it from them, and they take none from those.
func TestClientsHaveRoomOfTheirOwn(t *testing.T) {
	r := registering(t, func(s *Server) {
		s.streams, s.clients = make(chan struct{}, 1), make(chan struct{}, maxConns+10)
	})
	r.feed.Publish(client.Event{})
	r.stream(t, "?from=0")()
	programs := make([]*program, 0, maxConns+10)
	for i := range cap(programs) { // more than there may be connections of others
		p, status := r.program(t, fmt.Sprintf(`{"name":"p%d"}`, i))
		if status != 200 {
			t.Fatalf("program %d: %d %s", i, status, p.next())
		}
		p.next()
		programs = append(programs, p)
	}
	if p, status := r.program(t, `{"name":"one-more"}`); status != 503 || !strings.Contains(p.next(), `"code":75,"error":"138 clients are registered, that is all there can be"`) {
		t.Errorf("one more: %d", status)
	}
	if _, err := r.client(t).Status(t.Context()); err != nil {
		t.Errorf("a question beside them: %v", err)
	}
	r.node.last()
	_ = programs[5].Close()
	r.asked(t, "gone 6:")
	for end := time.Now().Add(slow(10 * time.Second)); ; time.Sleep(time.Millisecond) {
		if _, status := r.program(t, `{"name":"again"}`); status == 200 {
			break
		} else if time.Now().After(end) {
			t.Fatal("the room of one that is gone does not come back")
		}
	}
}

// What was decided before this node stood still is not brought after it, nor anything that follows (S5.16): the program sees its stream end.
// part of: S5.16
func TestWhatIsNotTrueAnyMoreIsNotBrought(t *testing.T) {
	r := registering(t, nil)
	p, _ := r.program(t, `{"name":"db"}`)
	p.next()
	r.node.clock.Store(1000)
	told := func(until int64, event string) {
		if !r.stream1(0).Tell(Tale{Notice: client.Notice{Event: event}, UntilMS: until}) {
			t.Fatal("not taken")
		}
	}
	told(1001, client.NoticeGranted)
	if line := p.next(); !strings.Contains(line, "granted") {
		t.Fatalf("what is true is not brought: %s", line)
	}
	told(1000, client.NoticeReleased)
	told(0, client.NoticeHeartbeat)
	if end := p.next(); !strings.HasPrefix(end, "end of stream") {
		t.Errorf("brought too late: %s", end)
	}
	if why := r.asked(t, "gone "); !strings.Contains(why, "not true any more") {
		t.Error(why)
	}
}

// The end of the server is the end of every stream.
func TestProgramsSeeTheEndOfTheServer(t *testing.T) {
	r := registering(t, nil)
	p, _ := r.program(t, `{"name":"db"}`)
	p.next()
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if end := p.next(); !strings.HasPrefix(end, "end of stream") {
		t.Error(end)
	}
}

func TestDoneReachesTheNode(t *testing.T) {
	r := registering(t, nil)
	p, _ := r.program(t, `{"name":"db"}`)
	p.next()
	status, doc := r.raw(t, "DELETE", "/v1/clients/1", "")
	if status != 200 || doc["client"] != float64(1) || doc["api"] != client.API {
		t.Errorf("%d %v", status, doc)
	}
	if end := p.next(); end != "end of stream (EOF)" {
		t.Error(end)
	}
	r.asked(t, "done 1 by uid=")
	r.node.set(func(f *fake) { f.err = client.Errorf(client.CodeNoSuch, "no such client: 9") })
	if status, doc = r.raw(t, "DELETE", "/v1/clients/9", ""); status != 404 || doc["code"] != float64(client.CodeNoSuch) {
		t.Errorf("%d %v", status, doc)
	}
	if p, status := r.program(t, `{"name":"db"}`); status != 404 { // whatever the node says is passed on, and there is no stream
		t.Errorf("a refused registration: %d %s", status, p.next())
	}
}

func FuzzRegistration(f *testing.F) {
	f.Add(`{"name":"db","role":"watch","critical":true,"after":17}`)
	f.Add(`{"name":"db","role":"report"}`)
	f.Add(`{"name":"\u001b[2J"}`)
	f.Add(`{"name":"a","role":"report","critical":true}`)
	f.Add(`{"name":"a","after":-1}`)
	f.Fuzz(func(t *testing.T, in string) {
		a, err := registration(newWriter(), newRequest(in), Caller{})
		if err != nil {
			if client.CodeOf(err) != client.CodeUsage {
				t.Fatalf("%q: %v has code %d", in, err, client.CodeOf(err))
			}
			return
		}
		if a.Name == "" || len(a.Name) > client.MaxClientName || strings.ContainsFunc(a.Name, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
			t.Fatalf("%q lets the name %q in", in, a.Name)
		}
		if a.Role != client.RoleWatch && (a.Role != client.RoleReport || a.Critical) {
			t.Fatalf("%q lets %+v in", in, a)
		}
	})
}

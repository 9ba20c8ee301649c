package redfish

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fenced-project/fenced/cmd/fenced-dev/bmc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// slow is one second, times FENCED_TEST_SLOW.
func slow() time.Duration {
	if f, err := strconv.ParseFloat(os.Getenv("FENCED_TEST_SLOW"), 64); err == nil && f > 0 {
		return time.Duration(f * float64(time.Second))
	}
	return time.Second
}

const (
	uuid     = "4c4c4544-0042-3510-8054-b7c04f595931"
	user     = "fenced"
	password = "correct horse"
)

func start(t *testing.T, change func(*Config)) (*Server, *bmc.Memory) {
	t.Helper()
	m := bmc.NewMemory(true)
	cfg := Config{
		Listen: "127.0.0.1:0", User: user, Password: password, Log: slog.New(slog.DiscardHandler),
		Systems: []System{{ID: "1", UUID: uuid, Serial: "C0FFEE9", Restore: "AlwaysOff", Power: m}},
	}
	if change != nil {
		change(&cfg)
	}
	s, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, m
}

// caller is a client that knows nothing but HTTP and trusts exactly this server's certificate.
type caller struct {
	t     *testing.T
	base  string
	http  *http.Client
	token string
}

func call(t *testing.T, s *Server) *caller {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(s.CertificatePEM()) {
		t.Fatal("no certificate")
	}
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(tr.CloseIdleConnections)
	return &caller{t: t, base: "https://" + s.Addr().String(), http: &http.Client{Transport: tr, Timeout: 10 * slow()}}
}

func (c *caller) ask(method, path, body string) (int, map[string]any, http.Header) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if c.token != "" {
		req.Header.Set("X-Auth-Token", c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	var d map[string]any
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &d); err != nil {
			c.t.Fatalf("%s %s: %v: %s", method, path, err, raw)
		}
	}
	return resp.StatusCode, d, resp.Header
}

func (c *caller) want(status int, method, path, body string) map[string]any {
	c.t.Helper()
	got, d, _ := c.ask(method, path, body)
	if got != status {
		c.t.Fatalf("%s %s gives %d %v, want %d", method, path, got, d, status)
	}
	return d
}

func (c *caller) login() (id string) {
	c.t.Helper()
	status, d, h := c.ask("POST", sessions, `{"UserName":"`+user+`","Password":"`+password+`"}`)
	if status != http.StatusCreated || h.Get("X-Auth-Token") == "" || h.Get("Location") != d["@odata.id"] {
		c.t.Fatalf("login gives %d %v %v", status, d, h)
	}
	c.token = h.Get("X-Auth-Token")
	return h.Get("Location")
}

const resetPath = systems + "/1/Actions/ComputerSystem.Reset"

// TestSessions: only who has logged in is told anything, there are few sessions, and a closed one is worth nothing.
func TestSessions(t *testing.T) {
	s, _ := start(t, func(c *Config) { c.Sessions = 2 })
	c := call(t, s)
	c.want(200, "GET", root+"/", "")
	c.want(401, "GET", systems, "")
	c.want(401, "POST", sessions, `{"UserName":"fenced","Password":"wrong"}`)
	first := c.login()
	c.want(200, "GET", systems+"/1", "")
	second := call(t, s)
	second.login()
	call(t, s).want(503, "POST", sessions, `{"UserName":"`+user+`","Password":"`+password+`"}`)
	if n := c.want(200, "GET", sessions, "")["Members@odata.count"]; n != 2.0 {
		t.Fatalf("%v sessions", n)
	}
	c.want(204, "DELETE", first, "")
	c.want(401, "GET", systems+"/1", "")
	if n := s.Counts(); n.Opened != 2 || n.Closed != 1 || n.Open != 1 || n.Denied != 1 {
		t.Fatalf("%+v", n)
	}
	second.want(404, "GET", root+"/Chassis", "")
	second.want(404, "GET", systems+"/2", "")
	second.want(400, "POST", resetPath, `{"ResetType":"GracefulShutdown"}`)
	second.want(400, "POST", resetPath, `ForceOff`)
}

// TestKnobs: what a command does, and what is said afterwards, under each knob.
func TestKnobs(t *testing.T) {
	for _, k := range []struct {
		knobs  string
		status int    // of off
		says   string // afterwards
		on     bool   // really
	}{
		{"none", 204, "Off", false},
		{"ignore", 204, "On", true},
		{"lie", 204, "Off", true},
		{"refuse", 403, "On", true},
		{"conflict", 409, "On", true},
		{"limbo", 204, "PoweringOff", true},
		{"late=60000", 204, "On", true},
		{"slow=20", 204, "Off", false},
	} {
		s, m := start(t, nil)
		knobs, err := ParseKnobs(k.knobs)
		if err != nil {
			t.Fatal(err)
		}
		s.SetKnobs(knobs)
		c := call(t, s)
		c.login()
		c.want(k.status, "POST", resetPath, `{"ResetType":"ForceOff"}`)
		if d := c.want(200, "GET", systems+"/1", ""); d["PowerState"] != k.says || d["UUID"] != uuid {
			t.Errorf("%s: afterwards it is %v", k.knobs, d)
		}
		if on, _ := m.On(t.Context()); on != k.on {
			t.Errorf("%s: the machine is on: %t", k.knobs, on)
		}
		if n := s.Counts(); n.Off != 1 || n.Status != 1 {
			t.Errorf("%s: %+v", k.knobs, n)
		}
		if k.knobs == "limbo" {
			c.want(409, "POST", resetPath, `{"ResetType":"On"}`)
		}
	}
}

// TestServiceKnobs: a service that lets nobody in, forgets, is not there, is full, or is another one.
func TestServiceKnobs(t *testing.T) {
	s, _ := start(t, nil)
	c := call(t, s)
	c.login()
	login := `{"UserName":"` + user + `","Password":"` + password + `"}`
	s.SetKnobs(Knobs{Unauthorized: true})
	c.want(401, "GET", systems, "")
	c.want(401, "POST", sessions, login)
	s.SetKnobs(Knobs{Knobs: bmc.Knobs{Auth: true}})
	c.want(200, "GET", systems, "") // it has its session
	c.want(401, "POST", sessions, login)
	if n := s.Counts(); n.Logins != 3 || n.Opened != 1 {
		t.Errorf("counts %+v", n)
	}
	s.SetKnobs(Knobs{Unavailable: true})
	c.want(503, "GET", root+"/", "")
	s.SetKnobs(Knobs{Full: true})
	c.want(503, "POST", sessions, login)
	s.SetKnobs(Knobs{Forget: true})
	lost := call(t, s)
	lost.login()
	lost.want(401, "GET", systems, "")
	s.SetKnobs(Knobs{Knobs: bmc.Knobs{WrongIdentity: true}})
	if d := c.want(200, "GET", systems+"/1", ""); d["UUID"] == uuid || len(d["UUID"].(string)) != len(uuid) || d["SerialNumber"] == "C0FFEE9" {
		t.Errorf("wrong identity is %v", d)
	}
	s.SetKnobs(Knobs{Knobs: bmc.Knobs{Hang: true}})
	c.http.Timeout = 50 * time.Millisecond
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.base+root+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := c.http.Do(req); err == nil {
		resp.Body.Close()
		t.Error("a hung service answered")
	}
}

func TestParseKnobs(t *testing.T) {
	for _, s := range []string{"none", "hang", "limbo=5", "conflict", "hang,late=1,conflict,unauthorized,forget,unavailable,full"} {
		k, err := ParseKnobs(s)
		if err != nil || k.String() != s {
			t.Errorf("%q reads as %q, %v", s, k, err)
		}
	}
	for _, s := range []string{"explode", "late", "conflict=1", "full,late=x"} {
		if _, err := ParseKnobs(s); err == nil {
			t.Errorf("%q was understood", s)
		}
	}
}

func TestControl(t *testing.T) {
	s, m := start(t, nil)
	h := s.Control()
	do := func(method, path, body string, status int) string {
		t.Helper()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		if w.Code != status {
			t.Fatalf("%s %s gives %d %s", method, path, w.Code, w.Body)
		}
		return w.Body.String()
	}
	if got := do("POST", "/knob", "conflict,slow=1", 200); got != "slow=1,conflict\n" {
		t.Errorf("knob: %q", got)
	}
	do("POST", "/knob", "explode", 400)
	_ = m.Set(t.Context(), false)
	if got := do("GET", "/power", "", 200); got != "off\n" {
		t.Errorf("power: %q", got)
	}
	var n Counts
	if err := json.Unmarshal([]byte(do("GET", "/counts", "", 200)), &n); err != nil || n != (Counts{}) {
		t.Errorf("%+v, %v", n, err)
	}
}

func TestBadConfig(t *testing.T) {
	m := bmc.NewMemory(true)
	for name, c := range map[string]Config{
		"no system":    {User: "u", Password: "p"},
		"no user":      {Password: "p", Systems: []System{{ID: "1", Power: m}}},
		"no password":  {User: "u", Systems: []System{{ID: "1", Power: m}}},
		"same id":      {User: "u", Password: "p", Systems: []System{{ID: "1", Power: m}, {ID: "1", Power: m}}},
		"id of a path": {User: "u", Password: "p", Systems: []System{{ID: "../1", Power: m}}},
		"address":      {User: "u", Password: "p", Systems: []System{{ID: "1", Power: m}}, Listen: "nowhere"},
	} {
		if c.Listen == "" {
			c.Listen = "127.0.0.1:0"
		}
		c.Log = slog.New(slog.DiscardHandler)
		if s, err := Start(c); err == nil {
			s.Close()
			t.Errorf("%s was accepted", name)
		}
	}
}

// TestFenceRedfish: Debian's fence_redfish, which knows nothing of us, finds the system, reads it and switches it.
func TestFenceRedfish(t *testing.T) {
	agent := "/usr/sbin/fence_redfish"
	if _, err := os.Stat(agent); err != nil {
		if os.Getenv("FENCED_TEST_REQUIRE") == "all" {
			t.Fatalf("may not be skipped: %v", err)
		}
		t.Skipf("SKIP %s: fence_redfish (package fence-agents) is not installed", t.Name())
	}
	s, m := start(t, nil)
	run := func(action, secret string) (int, string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), agent)
		cmd.Dir, cmd.Env = t.TempDir(), append(os.Environ(), "HOME="+filepath.Join(t.TempDir(), "none"))
		cmd.Stdin = strings.NewReader("action=" + action + "\nip=127.0.0.1\nipport=" + strconv.Itoa(s.Addr().Port) + "\nusername=" + user +
			"\npassword=" + secret + "\nssl_insecure=1\npower_wait=0\n")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		err := cmd.Run()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return cmd.ProcessState.ExitCode(), out.String()
	}
	for _, step := range []struct {
		action string
		code   int
		on     bool
	}{{"status", 0, true}, {"off", 0, false}, {"status", 2, false}, {"on", 0, true}, {"status", 0, true}} {
		code, out := run(step.action, password)
		if on, _ := m.On(t.Context()); code != step.code || on != step.on {
			t.Fatalf("%s ends with %d, the machine is on: %t\n%s", step.action, code, on, out)
		}
	}
	if code, out := run("status", "wrong"); code == 0 || code == 2 {
		t.Errorf("a wrong password ends with %d\n%s", code, out)
	}
	if n := s.Counts(); n.AppliedOff != 1 || n.AppliedOn != 1 || n.Off != 1 || n.On != 1 || n.Denied == 0 {
		t.Errorf("%+v", n)
	}
}

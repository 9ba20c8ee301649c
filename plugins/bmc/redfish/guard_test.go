package redfish

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fenced-project/fenced/cmd/fenced-dev/bmc"
	"github.com/fenced-project/fenced/cmd/fenced-dev/redfish"
	"github.com/fenced-project/fenced/plugins/sdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// slow is one second, times FENCED_TEST_SLOW.
func slow() time.Duration {
	if f, err := strconv.ParseFloat(os.Getenv("FENCED_TEST_SLOW"), 64); err == nil && f > 0 {
		return time.Duration(f * float64(time.Second))
	}
	return time.Second
}

// odd is a BMC whose answers a test changes: f sees each request, and answers it itself where it returns true.
func odd(t *testing.T, systems int, f func(w http.ResponseWriter, r *http.Request, honest http.Handler) bool) (*redfish.Server, *bmc.Memory) {
	t.Helper()
	m := bmc.NewMemory(true)
	cfg := redfish.Config{
		Listen: "127.0.0.1:0", User: "u", Password: "p", Log: slog.New(slog.DiscardHandler), Sessions: 4,
		Wrap: func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if f == nil || !f(w, r, h) {
					h.ServeHTTP(w, r)
				}
			})
		},
	}
	for i := range systems {
		power := bmc.Switch(m)
		if i > 0 {
			power = bmc.NewMemory(true)
		}
		cfg.Systems = append(cfg.Systems, redfish.System{ID: strconv.Itoa(i + 1), Power: power})
	}
	s, err := redfish.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, m
}

// with runs f with an open driver; the error is of Open or of f. Afterwards no session is open.
func with(t *testing.T, s *redfish.Server, system string, f func(ctx context.Context, d *Driver) error) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*slow())
	defer cancel()
	trust, err := ParseTrust("fingerprint "+s.Fingerprint(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var late sync.WaitGroup
	d := New(ctx, Config{
		Host: "127.0.0.1", Port: s.Addr().Port, User: "u", Password: "p", System: system, Trust: trust, Late: &late, Until: time.Now().Add(20 * slow()),
	})
	if err = d.Open(ctx); err == nil {
		err = f(ctx, d)
		_ = d.Close(ctx)
	}
	late.Wait()
	if c := s.Counts(); c.Open != 0 {
		t.Errorf("%d sessions are open", c.Open)
	}
	return err
}

func off(ctx context.Context, d *Driver) error {
	_, err := d.PowerSet(ctx, "off")
	return err
}

func read(ctx context.Context, d *Driver) error {
	_, err := d.PowerStateGet(ctx)
	return err
}

// edit answers with what the honest service says, changed by f.
func edit(w http.ResponseWriter, r *http.Request, honest http.Handler, f func(doc map[string]any)) bool {
	rec := httptest.NewRecorder()
	honest.ServeHTTP(rec, r)
	var doc map[string]any
	if rec.Code != http.StatusOK || json.Unmarshal(rec.Body.Bytes(), &doc) != nil {
		return false
	}
	f(doc)
	_ = json.NewEncoder(w).Encode(doc)
	return true
}

// system changes what system 1 says of itself.
func system(f func(doc map[string]any)) func(http.ResponseWriter, *http.Request, http.Handler) bool {
	return func(w http.ResponseWriter, r *http.Request, h http.Handler) bool {
		return r.Method == http.MethodGet && r.URL.Path == at && edit(w, r, h, f)
	}
}

// TestElsewhere: no document can send a command, or our token, to another system or another host.
func TestElsewhere(t *testing.T) {
	var strayed atomic.Int32
	other := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { strayed.Add(1) }))
	t.Cleanup(other.Close)
	host := strings.TrimPrefix(other.URL, "https://")
	for name, target := range map[string]string{
		"another system": "/redfish/v1/Systems/2/Actions/ComputerSystem.Reset", "another host": "@" + host + "/redfish/v1/Systems/1/Actions/x",
		"none": "", "an escape": "/redfish/v1/Systems/1/../2/Actions/ComputerSystem.Reset",
	} {
		s, m := odd(t, 2, system(func(doc map[string]any) {
			doc["Actions"] = map[string]any{"#ComputerSystem.Reset": map[string]any{"target": target}}
		}))
		err := with(t, s, "1", off)
		if c := sdk.ClassOf(err); c != sdk.ClassRefused && c != sdk.ClassUnsupported && c != sdk.ClassUnknown || err == nil {
			t.Errorf("%s: %v", name, err)
		}
		if on, _ := m.On(t.Context()); !on || s.Counts().Off != 0 {
			t.Errorf("%s: something was switched: %+v", name, s.Counts())
		}
	}
	for name, link := range map[string]string{"userinfo": "@" + host + "/redfish/v1/Systems", "port": "9/redfish/v1/Systems"} {
		s, _ := odd(t, 1, func(w http.ResponseWriter, r *http.Request, h http.Handler) bool {
			return r.URL.Path == "/redfish/v1/" && edit(w, r, h, func(doc map[string]any) { doc["Systems"] = map[string]any{"@odata.id": link} })
		})
		if err := with(t, s, "", read); sdk.ClassOf(err) != sdk.ClassRefused {
			t.Errorf("%s: %v", name, err)
		}
	}
	s, _ := odd(t, 1, func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if r.URL.Path == at {
			http.Redirect(w, r, other.URL+at, http.StatusTemporaryRedirect)
		}
		return r.URL.Path == at
	})
	if err := with(t, s, "", read); sdk.ClassOf(err) != sdk.ClassRefused {
		t.Errorf("redirect: %v", err)
	}
	if strayed.Load() > 0 {
		t.Errorf("%d requests reached another host", strayed.Load())
	}
}

// TestRedirects: within a BMC reading follows them, a command does not.
func TestRedirects(t *testing.T) {
	s, _ := odd(t, 1, func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if r.URL.Path == "/redfish/v1/" {
			http.Redirect(w, r, "/redfish/v1", http.StatusPermanentRedirect)
			return true
		}
		if strings.HasSuffix(r.URL.Path, "Reset") {
			http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
			return true
		}
		return false
	})
	if err := with(t, s, "", read); err != nil {
		t.Errorf("a root that moved: %v", err)
	}
	if err := with(t, s, "", off); sdk.ClassOf(err) != sdk.ClassRefused {
		t.Errorf("a command that moved: %v", err)
	}
}

// TestUnclear: what is not clearly on or off, in one document and to both readers, is neither.
func TestUnclear(t *testing.T) {
	for name, change := range map[string]func(doc map[string]any){
		"absent":        func(doc map[string]any) { doc["PowerState"], doc["Status"] = "Off", map[string]any{"State": "Absent"} },
		"turning":       func(doc map[string]any) { doc["PowerState"] = "PoweringOn" },
		"paused":        func(doc map[string]any) { doc["PowerState"] = "Paused" },
		"said twice":    func(doc map[string]any) { doc["powerState"] = "Off" },
		"other letters": func(doc map[string]any) { delete(doc, "PowerState"); doc["powerstate"] = "Off" },
		"a number":      func(doc map[string]any) { doc["PowerState"] = 0 },
		"a list":        func(doc map[string]any) { doc["PowerState"] = []string{"Off"} },
	} {
		s, _ := odd(t, 1, system(change))
		if err := with(t, s, "", read); err == nil {
			t.Errorf("%s: it has a state", name)
		}
	}
	for name, change := range map[string]func(doc map[string]any){
		"nothing": func(doc map[string]any) { delete(doc, "PowerState") },
		"null":    func(doc map[string]any) { doc["PowerState"] = nil },
		"odd":     func(doc map[string]any) { doc["PowerState"] = "off-ish" },
	} {
		s, _ := odd(t, 1, system(change))
		err := with(t, s, "", func(ctx context.Context, d *Driver) error {
			state, err := d.PowerStateGet(ctx)
			if err == nil && sdk.ParseState(state) != sdk.Unknown {
				t.Errorf("%s: it is %q", name, state)
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestUnsupported: a system that does not accept hard off, or no command at all, says so, and nothing softer is sent instead.
func TestUnsupported(t *testing.T) {
	for _, was := range []bool{true, false} {
		s, m := odd(t, 1, system(func(doc map[string]any) {
			doc["Actions"].(map[string]any)["#ComputerSystem.Reset"].(map[string]any)["ResetType@Redfish.AllowableValues"] = []string{"On", "GracefulShutdown"}
		}))
		_ = m.Set(t.Context(), was)
		if err := with(t, s, "", off); sdk.ClassOf(err) != sdk.ClassUnsupported {
			t.Errorf("no ForceOff, on %t: %v", was, err)
		}
		if err := with(t, s, "", func(ctx context.Context, d *Driver) error { return d.SendNMI(ctx) }); sdk.ClassOf(err) != sdk.ClassUnsupported {
			t.Errorf("no Nmi: %v", err)
		}
		if c := s.Counts(); c.Off != 0 || c.Diag != 0 {
			t.Errorf("%+v", c)
		}
	}
	s, _ := odd(t, 1, nil)
	if err := with(t, s, "", func(ctx context.Context, d *Driver) error { _, err := d.PowerSet(ctx, "cycle"); return err }); sdk.ClassOf(err) != sdk.ClassUnsupported {
		t.Errorf("cycle: %v", err)
	}
}

// TestSessionWithoutLocation: a session whose path stands only in the document is closed too; one that has no path or token is not used.
func TestSessionWithoutLocation(t *testing.T) {
	drop := func(headers ...string) func(http.ResponseWriter, *http.Request, http.Handler) bool {
		return func(w http.ResponseWriter, r *http.Request, h http.Handler) bool {
			if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/Sessions") {
				return false
			}
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, r)
			for k, v := range rec.Header() {
				if !slices.Contains(headers, k) {
					w.Header()[k] = v
				}
			}
			w.WriteHeader(rec.Code)
			_, _ = io.Copy(w, rec.Body)
			return true
		}
	}
	s, _ := odd(t, 1, drop("Location"))
	if err := with(t, s, "", read); err != nil {
		t.Errorf("no Location: %v", err)
	}
	s, _ = odd(t, 1, func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusCreated)
		}
		return r.Method == http.MethodPost
	})
	if err := with(t, s, "", read); sdk.ClassOf(err) != sdk.ClassRefused {
		t.Errorf("no token: %v", err)
	}
}

// TestLogoutIsRepeated: a session that could not be closed at the first try is closed at the second.
func TestLogoutIsRepeated(t *testing.T) {
	tries := 0
	s, _ := odd(t, 1, func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if r.Method == http.MethodDelete {
			tries++
		}
		if tries == 1 && r.Method == http.MethodDelete {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		return false
	})
	if err := with(t, s, "", read); err != nil || tries != 2 {
		t.Errorf("%d tries, %v", tries, err)
	}
}

// TestBounds: endless lists, endless answers and answers that are no answers end, as failures.
func TestBounds(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter, n int){
		"endless list": func(w http.ResponseWriter, n int) {
			fmt.Fprintf(w, `{"Members":[{"@odata.id":"/redfish/v1/Systems/%d"}],"Members@odata.nextLink":"/redfish/v1/Systems?skip=%d"}`, n, n)
		},
		"endless answer": func(w http.ResponseWriter, _ int) {
			for range 3 << 10 {
				if _, err := io.WriteString(w, strings.Repeat("[", 1<<10)); err != nil {
					return
				}
			}
		},
		"no JSON":  func(w http.ResponseWriter, _ int) { _, _ = io.WriteString(w, "<html>") },
		"nothing":  func(http.ResponseWriter, int) {},
		"no list":  func(w http.ResponseWriter, _ int) { _, _ = io.WriteString(w, `{"Members":[]}`) },
		"too many": func(w http.ResponseWriter, _ int) { _, _ = io.WriteString(w, `{"Members":["x"]}`) },
	} {
		n := 0
		s, _ := odd(t, 1, func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
			if r.URL.Path != "/redfish/v1/Systems" {
				return false
			}
			n++
			answer(w, n)
			return true
		})
		if err := with(t, s, "", read); sdk.ClassOf(err) != sdk.ClassRefused {
			t.Errorf("%s: %v", name, err)
		}
		if n > maxRequests {
			t.Errorf("%s: %d requests", name, n)
		}
	}
}

// TestCommandWithoutAnswer: a command that was sent and has no answer, or none that can be understood, may have been carried out. It is never
// "refused", which would say that it certainly was not.
func TestCommandWithoutAnswer(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter){
		"endless": func(w http.ResponseWriter) {
			for range 3 << 10 {
				if _, err := io.WriteString(w, strings.Repeat(" ", 1<<10)); err != nil {
					return
				}
			}
		},
		"cut off":  func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"error":    func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) },
		"gateway":  func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) },
		"conflict": func(w http.ResponseWriter) { w.WriteHeader(http.StatusConflict) },
	} {
		for _, was := range []bool{true, false} { // bmclib's provider sends the one, we the other
			s, m := odd(t, 1, func(w http.ResponseWriter, r *http.Request, honest http.Handler) bool {
				if !strings.HasSuffix(r.URL.Path, "ComputerSystem.Reset") {
					return false
				}
				if name != "conflict" {
					honest.ServeHTTP(httptest.NewRecorder(), r) // it is carried out
				}
				answer(w)
				return true
			})
			_ = m.Set(t.Context(), was)
			err := with(t, s, "", off)
			if c := sdk.ClassOf(err); c == sdk.ClassRefused || c == sdk.ClassUnsupported || c == sdk.ClassAuth {
				t.Errorf("%s, on %t: %v", name, was, err)
			}
			if err == nil && (was || name != "conflict") { // 409 by what is off already is obedience
				t.Errorf("%s, on %t: accepted", name, was)
			}
		}
	}
}

// TestPages: a system on the second page of the list is found, and one page with one system is not the whole list.
func TestPages(t *testing.T) {
	s, _ := odd(t, 3, func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if r.URL.Path != "/redfish/v1/Systems" {
			return false
		}
		if r.URL.RawQuery == "" {
			_, _ = io.WriteString(w, `{"Members":[{"@odata.id":"/redfish/v1/Systems/2"}],"Members@odata.nextLink":"/redfish/v1/Systems?skip=1"}`)
		} else {
			_, _ = io.WriteString(w, `{"Members":[{"@odata.id":"/redfish/v1/Systems/1"},{"@odata.id":"/redfish/v1/Systems/3"}]}`)
		}
		return true
	})
	for system, want := range map[string]sdk.Class{"1": "", "2": "", "3": "", "4": sdk.ClassRefused, "": sdk.ClassRefused} {
		err := with(t, s, system, func(ctx context.Context, d *Driver) error {
			if err := read(ctx, d); err != nil {
				return err
			}
			if got := idOf(d.System().Path); got != system {
				t.Errorf("asked for %s, got %s", system, got)
			}
			return nil
		})
		if sdk.ClassOf(err) != want {
			t.Errorf("system %q: %v", system, err)
		}
	}
	if err := with(t, s, "", func(_ context.Context, d *Driver) error {
		ids, err := d.Systems()
		if !slices.Equal(ids, []string{"2", "1", "3"}) {
			t.Errorf("%v", ids)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}

// TestIPv6: an address with colons, and one with a zone, which a URL writes otherwise: to bmclib's provider and to ourselves it is one host.
func TestIPv6(t *testing.T) {
	for _, host := range []string{"fe80::1", "fe80::1%eth0"} {
		s, _ := odd(t, 1, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 10*slow())
		defer cancel()
		var late sync.WaitGroup
		d := New(ctx, Config{Host: host, Port: 443, User: "u", Password: "p", Trust: Trust{insecure: true}, Late: &late, Until: time.Now().Add(10 * slow())})
		d.guard.base.(*http.Transport).DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			if address != "["+host+"]:443" {
				t.Errorf("%s: %q is dialled", host, address)
			}
			return (&net.Dialer{}).DialContext(ctx, network, s.Addr().String())
		}
		if err := d.Open(ctx); err != nil {
			t.Fatalf("%s: %v", host, err)
		}
		for range 2 { // the second is sent by us, not by bmclib's provider
			if err := off(ctx, d); err != nil {
				t.Errorf("%s: %v", host, err)
			}
		}
		_ = d.Close(ctx)
		late.Wait()
		if c := s.Counts(); c.Off != 2 || c.Open != 0 {
			t.Errorf("%s: %+v", host, c)
		}
	}
}

// TestOneConnection: a whole operation is one TLS handshake: who was believed at its start is who answers at its end.
func TestOneConnection(t *testing.T) {
	var mu sync.Mutex
	from := map[string]bool{}
	s, _ := odd(t, 1, func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		mu.Lock()
		defer mu.Unlock()
		from[r.RemoteAddr] = true
		return false
	})
	if err := with(t, s, "", func(ctx context.Context, d *Driver) error {
		if err := off(ctx, d); err != nil {
			return err
		}
		return read(ctx, d)
	}); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(from) != 1 {
		t.Errorf("%d connections", len(from))
	}
}

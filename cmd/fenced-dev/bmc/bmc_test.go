package bmc

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bougou/go-ipmi/pkg/client"
	control "github.com/bougou/go-ipmi/pkg/command/chassis"
	"github.com/bougou/go-ipmi/pkg/types"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// slow is one second, times FENCED_TEST_SLOW.
func slow() time.Duration {
	if f, err := strconv.ParseFloat(os.Getenv("FENCED_TEST_SLOW"), 64); err == nil && f > 0 {
		return time.Duration(f * float64(time.Second))
	}
	return time.Second
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func newChassis(knobs string) (*Chassis, *Memory) {
	k, err := ParseKnobs(knobs)
	if err != nil {
		panic(err)
	}
	m := NewMemory(true)
	return NewChassis(m, k, slog.New(slog.DiscardHandler)), m
}

// TestKnobs: what a command does, and what is said afterwards, under each knob.
func TestKnobs(t *testing.T) {
	for _, c := range []struct {
		knobs    string
		err      error // of off
		real     bool  // power afterwards
		says     bool  // the state read afterwards
		saysBusy bool
	}{
		{"none", nil, false, false, false},
		{"ignore", nil, true, true, false},
		{"lie", nil, true, false, false},
		{"refuse", ErrRefused, true, true, false},
		{"limbo", nil, true, false, true},
		{"limbo=60000", nil, true, false, true},
		{"late=60000", nil, true, true, false},
	} {
		d, m := newChassis(c.knobs)
		if err := d.Set(t.Context(), false); err != c.err {
			t.Errorf("%s: off gives %v", c.knobs, err)
		}
		if real, _ := m.On(t.Context()); real != c.real {
			t.Errorf("%s: after off the machine is on: %t", c.knobs, real)
		}
		says, err := d.On(t.Context())
		if (err == ErrBusy) != c.saysBusy || (err == nil && says != c.says) {
			t.Errorf("%s: after off it says %t, %v", c.knobs, says, err)
		}
		if n := d.Counts(); n.Off != 1 || n.Status != 1 || n.AppliedOff != map[bool]int{true: 0, false: 1}[c.real] {
			t.Errorf("%s: counts %+v", c.knobs, n)
		}
		d.SetKnobs(Knobs{}) // honest again
		if says, err := d.On(t.Context()); err != nil || says != c.real {
			t.Errorf("%s: honest again it says %t, %v", c.knobs, says, err)
		}
		d.Close()
	}
}

// TestLate: late and limbo really switch, later, also what was commanded differently meanwhile; a closed device does not.
func TestLate(t *testing.T) {
	for _, knobs := range []string{"late=20", "limbo=20"} {
		d, m := newChassis(knobs)
		if err := d.Set(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(5 * slow()); ; time.Sleep(time.Millisecond) {
			if on, _ := m.On(t.Context()); !on {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%s: never off", knobs)
			}
		}
		if says, err := d.On(t.Context()); err != nil || says {
			t.Errorf("%s: afterwards it says %t, %v", knobs, says, err)
		}
		d.Close()
		if err := d.Set(t.Context(), true); err != nil && err != ErrBusy {
			t.Fatal(err)
		}
		if len(d.timers) > 0 {
			t.Errorf("%s: a closed device has plans", knobs)
		}
	}
}

func TestParseKnobs(t *testing.T) {
	for _, s := range []string{"none", "auth", "hang", "ignore", "lie", "refuse", "limbo", "limbo=5", "late=250", "wrong-identity", "slow=10", "hang,late=1,slow=2"} {
		k, err := ParseKnobs(s)
		if err != nil || k.String() != s {
			t.Errorf("%q reads as %q, %v", s, k, err)
		}
	}
	if k, err := ParseKnobs(" ignore ,, slow=3 "); err != nil || k.String() != "ignore,slow=3" {
		t.Errorf("blanks: %q, %v", k, err)
	}
	for _, s := range []string{"explode", "late", "late=", "late=-1", "late=x", "slow=99999999", "hang=1", "ignore=0", "limbo=x"} {
		if _, err := ParseKnobs(s); err == nil {
			t.Errorf("%q was understood", s)
		}
	}
}

// TestCommand: the switch is a command with a bound, which never sees the password.
func TestCommand(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "switch")
	text := "#!/bin/sh\necho \"$1 ${" + passwordVariable + "-none}\" >>" + dir + "/calls\ncase $1 in status) cat " + dir + "/power;; *) echo $1 >" + dir + "/power;; esac\n"
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv(passwordVariable, "secret")
	c := Command{Command: script, Timeout: 5 * slow()}
	for _, want := range []bool{true, false, true} {
		if err := c.Set(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		if on, err := c.On(t.Context()); err != nil || on != want {
			t.Fatalf("after %t it is %t, %v", want, on, err)
		}
	}
	calls, err := os.ReadFile(dir + "/calls")
	if err != nil || strings.Contains(string(calls), "secret") || strings.Count(string(calls), "none") != 6 {
		t.Fatalf("calls: %q, %v", calls, err)
	}
	for name, bad := range map[string]Command{
		"fails":        {Command: "false;", Timeout: 5 * slow()},
		"says perhaps": {Command: "echo perhaps;:", Timeout: 5 * slow()},
		"hangs":        {Command: "sleep 300;", Timeout: 50 * time.Millisecond},
	} {
		begin := time.Now()
		if _, err := bad.On(t.Context()); err == nil || time.Since(begin) > 10*slow() {
			t.Errorf("%s: %v after %v", name, err, time.Since(begin))
		}
	}
}

func TestWire(t *testing.T) {
	const uuid = "00112233-4455-6677-8899-aabbccddeeff"
	for order, first := range map[string]byte{"rfc4122": 0x00, "smbios": 0x33, "ipmi": 0xff} {
		if g, err := Wire(uuid, order); err != nil || g[0] != first {
			t.Errorf("%s begins with %#x, %v", order, g[0], err)
		}
	}
	for _, bad := range [][2]string{{"", "smbios"}, {uuid[1:], "smbios"}, {uuid, "pdp11"}} {
		if _, err := Wire(bad[0], bad[1]); err == nil {
			t.Errorf("%v was understood", bad)
		}
	}
}

// TestOverTheWire: real IPMI, and the control side.
func TestOverTheWire(t *testing.T) {
	guid, err := Wire("4c4c4544-0042-3510-8054-b7c04f595931", "rfc4122")
	if err != nil {
		t.Fatal(err)
	}
	d, err := Start(Config{Listen: "127.0.0.1:0", User: "admin", Password: "secret", GUID: guid, Power: NewMemory(true), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	c, err := client.NewClient("127.0.0.1", d.Addr().Port, "admin", "secret")
	if err != nil {
		t.Fatal(err)
	}
	c.WithCipherSuiteID(types.CipherSuiteID17).WithTimeout(250 * time.Millisecond)
	ctx := within(t, 10*slow())
	if err := c.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	if g, err := c.GetSystemGUID(ctx); err != nil || g.GUID != guid {
		t.Fatalf("GUID %x, %v", g.GUID, err)
	}
	if _, err := c.ChassisControl(ctx, control.ChassisControlPowerDown); err != nil {
		t.Fatal(err)
	}
	if s, err := c.GetChassisStatus(ctx); err != nil || s.PowerIsOn {
		t.Fatalf("after off: %+v, %v", s, err)
	}
	h := d.Control()
	var n Counts
	if err := json.Unmarshal([]byte(ask(t, h, "GET", "/counts", "", 200)), &n); err != nil || n != (Counts{Logins: 1, Off: 1, Status: 1, AppliedOff: 1}) {
		t.Fatalf("counts %+v, %v", n, err)
	}
	if s := ask(t, h, "GET", "/power", "", 200); s != "off\n" {
		t.Fatalf("power %q", s)
	}
	ask(t, h, "POST", "/knob", "explode", 400)
	if s := ask(t, h, "POST", "/knob", "wrong-identity", 200) + ask(t, h, "GET", "/knob", "", 200); s != "wrong-identity\nwrong-identity\n" {
		t.Fatalf("knob %q", s)
	}
	if g, err := c.GetDeviceGUID(ctx); err != nil || g.GUID == guid {
		t.Fatalf("wrong identity is %x, %v", g.GUID, err)
	}
	ask(t, h, "POST", "/knob", "hang", 200)
	c.WithTimeout(20 * time.Millisecond).WithRetry(0)
	if _, err := c.GetChassisStatus(ctx); err == nil {
		t.Fatal("a hung BMC answered")
	}
	if n := d.Counts(); n.Status != 1 || n.Unheard == 0 {
		t.Fatalf("a hung BMC counts %+v, want nothing done and something unheard", n)
	}
}

func ask(t *testing.T, h http.Handler, method, path, body string, status int) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	b, err := io.ReadAll(w.Result().Body)
	if err != nil || w.Code != status {
		t.Fatalf("%s %s gives %d %s, %v; want %d", method, path, w.Code, b, err, status)
	}
	return string(b)
}

func TestBadConfig(t *testing.T) {
	for name, c := range map[string]Config{
		"long password": {Listen: "127.0.0.1:0", User: "u", Password: "123456789012345678901"},
		"long user":     {Listen: "127.0.0.1:0", User: "12345678901234567", Password: "p"},
		"address":       {Listen: "nowhere", User: "u", Password: "p"},
		"no such suite": {Listen: "127.0.0.1:0", User: "u", Password: "p", Suites: []int{99}},
	} {
		c.Power, c.Log = NewMemory(true), slog.New(slog.DiscardHandler)
		if d, err := Start(c); err == nil {
			d.Close()
			t.Errorf("%s was accepted", name)
		}
	}
}

// TestAuth: while the account has another password nobody gets in, and every try is counted once.
func TestAuth(t *testing.T) {
	for _, password := range []string{"secret", "", "12345678901234567890"} {
		d, err := Start(Config{Listen: "127.0.0.1:0", User: "admin", Password: password, Power: NewMemory(true), Knobs: Knobs{Auth: true}, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		login := func() error {
			c, err := client.NewClient("127.0.0.1", d.Addr().Port, "admin", password)
			if err != nil {
				t.Fatal(err)
			}
			c.WithCipherSuiteID(types.CipherSuiteID17)
			ctx := within(t, 10*slow())
			err = c.Connect(ctx)
			_ = c.Close(ctx)
			return err
		}
		if login() == nil {
			t.Errorf("password %q: it let somebody in", password)
		}
		d.SetKnobs(Knobs{})
		if err := login(); err != nil {
			t.Errorf("password %q, honest again: %v", password, err)
		}
		if n := d.Counts(); n.Logins < 2 {
			t.Errorf("counts %+v", n)
		}
		d.Close()
	}
}

// TestARepeatedDatagramIsOneLogin: IPMI repeats what is not answered in time.
func TestARepeatedDatagramIsOneLogin(t *testing.T) {
	c, _ := newChassis("none")
	w := &wire{chassis: c}
	rakp1 := make([]byte, 64)
	rakp1[4], rakp1[5] = rmcpPlus, payloadRAKP1
	open := append([]byte(nil), rakp1...)
	open[5] = 0x10
	for _, b := range [][]byte{open, rakp1, rakp1, rakp1[:30], nil} {
		w.count(b)
	}
	rakp1[30]++ // another random number
	w.count(rakp1)
	if n := c.Counts(); n.Logins != 2 {
		t.Errorf("%d logins, want 2", n.Logins)
	}
}

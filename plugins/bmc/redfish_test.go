package main

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/cmd/fenced-dev/bmc"
	"github.com/fenced-project/fenced/cmd/fenced-dev/redfish"
	"github.com/fenced-project/fenced/plugins/sdk"
)

const testSerial = "C0FFEE9"

// redfishBMC is a running Redfish service of one system, and the switch behind it.
type redfishBMC struct {
	*redfish.Server
	power *bmc.Memory
}

func startRedfish(t *testing.T, change func(*redfish.Config)) redfishBMC {
	t.Helper()
	m := bmc.NewMemory(true)
	cfg := redfish.Config{
		Listen: "127.0.0.1:0", User: testUser, Password: testPassword, Log: slog.New(slog.DiscardHandler),
		Systems: []redfish.System{{ID: "437XR1138R2", UUID: testUUID, Serial: testSerial, Restore: "AlwaysOff", Power: m}},
	}
	if change != nil {
		change(&cfg)
	}
	s, err := redfish.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return redfishBMC{Server: s, power: m}
}

func (b redfishBMC) on(t *testing.T) bool {
	t.Helper()
	on, err := b.power.On(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return on
}

// device is the BMC as the host would open it, trusted by its fingerprint, with options over the usual ones. When the test ends every session
// that was opened is closed: also late ones.
func (b redfishBMC) device(t *testing.T, options map[string]string) sdk.Device {
	t.Helper()
	all := map[string]string{"driver": "redfish", "tls": "fingerprint " + b.Fingerprint()}
	maps.Copy(all, options)
	d := open(t, &net.UDPAddr{Port: b.Addr().Port}, all)
	t.Cleanup(func() { d.(systems).late.Wait() })
	return d
}

// noSessions wants every session that was opened to be closed.
func (b redfishBMC) noSessions(t *testing.T, opened int) {
	t.Helper()
	if c := b.Counts(); c.Open != 0 || c.Opened != opened {
		t.Fatalf("%d sessions were opened, want %d; %d are open", c.Opened, opened, c.Open)
	}
}

// TestRedfishPower walks a machine off, off again and on: every command is sent, also the one that changes nothing (R16 b).
func TestRedfishPower(t *testing.T) {
	b := startRedfish(t, nil)
	d := b.device(t, nil)
	mustState(t, d, sdk.On)
	for i := range 2 {
		if err := d.Do(within(t, 5), "", sdk.ActionOff); err != nil {
			t.Fatal(err)
		}
		mustState(t, d, sdk.Off)
		if c := b.Counts(); c.Off != i+1 {
			t.Fatalf("off was commanded %d times, the BMC counted %+v", i+1, c)
		}
	}
	if b.on(t) {
		t.Fatal("reads off, but the machine is on")
	}
	for range 2 {
		if err := d.Do(within(t, 5), "", sdk.ActionOn); err != nil {
			t.Fatal(err)
		}
		mustState(t, d, sdk.On)
	}
	if err := d.Do(within(t, 5), "", sdk.ActionDiag); err != nil {
		t.Fatal(err)
	}
	if c := b.Counts(); c.Off != 2 || c.On != 2 || c.Diag != 1 || c.AppliedOff != 1 || c.AppliedOn != 1 {
		t.Fatalf("the BMC counted %+v", c)
	}
	b.noSessions(t, 10)
}

// TestRedfishSlotsAreFreed: a BMC has few sessions; every operation gives its own back, also one that fails.
func TestRedfishSlotsAreFreed(t *testing.T) {
	b := startRedfish(t, func(c *redfish.Config) { c.Sessions = 1 })
	d := b.device(t, nil)
	for _, k := range []redfish.Knobs{{}, {Knobs: bmc.Knobs{Refuse: true}}, {Conflict: true}} {
		b.SetKnobs(k)
		for i := range 3 {
			mustState(t, d, sdk.On)
			if err := d.Do(within(t, 5), "", sdk.ActionOff); (err != nil) != (k != redfish.Knobs{}) {
				t.Fatalf("operation %d: %v", i+1, err)
			}
			if k == (redfish.Knobs{}) {
				_ = b.power.Set(t.Context(), true)
			}
		}
	}
	b.noSessions(t, 18)
}

// TestRedfishIdentity: UUID and serial number stand in the Status, from the document that the state stood in.
func TestRedfishIdentity(t *testing.T) {
	b := startRedfish(t, nil)
	d := b.device(t, nil)
	st := mustState(t, d, sdk.On)
	if len(st.UUIDs) != 3 || st.UUIDs[0] != testUUID || st.Serial != testSerial {
		t.Errorf("identity %v %q", st.UUIDs, st.Serial)
	}
	if c := b.Counts(); c.Status != 1 || c.Opened != 1 {
		t.Errorf("a Status read %+v", c)
	}
	p, err := d.(sdk.Prober).Probe(within(t, 5), "")
	if err != nil || !p.Reachable || !slices.Equal(p.UUIDs, st.UUIDs) || p.Serial != testSerial || !strings.Contains(p.Detail, "stays off") {
		t.Errorf("probe: %+v, %v", p, err)
	}
	b.SetKnobs(redfish.Knobs{Knobs: bmc.Knobs{WrongIdentity: true}})
	if st := mustState(t, d, sdk.On); slices.Contains(st.UUIDs, testUUID) || st.Serial == testSerial {
		t.Error("another system gives this one's identity")
	}
	for _, none := range []string{"", "00000000-0000-0000-0000-000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", "unknown"} {
		b := startRedfish(t, func(c *redfish.Config) { c.Systems[0].UUID, c.Systems[0].Serial = none, "" })
		if st := mustState(t, b.device(t, nil), sdk.On); len(st.UUIDs) > 0 || st.Serial != "" {
			t.Errorf("UUID %q gives identity %v %q", none, st.UUIDs, st.Serial)
		}
	}
}

// TestRedfishSystems: of several systems the one that is named is switched, and none where none is (R16).
func TestRedfishSystems(t *testing.T) {
	blades := []*bmc.Memory{bmc.NewMemory(true), bmc.NewMemory(true), bmc.NewMemory(true)}
	b := startRedfish(t, func(c *redfish.Config) {
		c.Systems = nil
		for i, m := range blades {
			c.Systems = append(c.Systems, redfish.System{ID: "Blade" + strconv.Itoa(i+1), UUID: testUUID[:35] + strconv.Itoa(i), Power: m})
		}
	})
	d := b.device(t, nil)
	if _, err := d.Status(within(t, 5), ""); sdk.ClassOf(err) != sdk.ClassRefused || !strings.Contains(err.Error(), "Blade2") {
		t.Errorf("no target: %v", err)
	}
	if err := d.Do(within(t, 5), "", sdk.ActionOff); sdk.ClassOf(err) != sdk.ClassRefused {
		t.Errorf("off without a target: %v", err)
	}
	for _, wrong := range []string{"blade2", "Blade", "2", "..", "Blade2/../Blade1", "System"} {
		if _, err := d.Status(within(t, 5), wrong); sdk.ClassOf(err) != sdk.ClassRefused {
			t.Errorf("target %s: %v", wrong, err)
		}
	}
	for _, target := range []string{"Blade2", "/redfish/v1/Systems/Blade2"} {
		if err := d.Do(within(t, 5), target, sdk.ActionOff); err != nil {
			t.Fatal(err)
		}
		st, err := d.Status(within(t, 5), target)
		if err != nil || st.State != sdk.Off || !slices.Contains(st.UUIDs, testUUID[:35]+"1") {
			t.Fatalf("%+v %v", st, err)
		}
	}
	named := b.device(t, map[string]string{"system": "Blade3"})
	if err := named.Do(within(t, 5), "", sdk.ActionOff); err != nil {
		t.Fatal(err)
	}
	if _, err := named.Status(within(t, 5), "Blade1"); sdk.ClassOf(err) != sdk.ClassRefused {
		t.Errorf("a target beside another system: %v", err)
	}
	for i, want := range []bool{true, false, false} {
		if on, _ := blades[i].On(t.Context()); on != want {
			t.Errorf("blade %d is on: %t", i+1, on)
		}
	}
	targets, err := d.(sdk.Lister).List(within(t, 5))
	if err != nil || len(targets) != 3 || targets[1].ID != "Blade2" {
		t.Errorf("list: %v %v", targets, err)
	}
	if c := b.Counts(); c.Open != 0 {
		t.Errorf("%d sessions are open", c.Open)
	}
}

// TestRedfishKnobs: each way to misbehave has its class, comes in time, and says nothing about power.
func TestRedfishKnobs(t *testing.T) {
	for _, k := range []struct {
		knobs  string
		off    sdk.Class // of Do
		status sdk.Class // of Status after it
		state  sdk.State
	}{
		{"ignore", "", "", sdk.On},
		{"lie", "", "", sdk.Off}, // what no read-back can see
		{"refuse", sdk.ClassRefused, "", sdk.On},
		{"conflict", sdk.ClassLimbo, "", sdk.On},
		{"limbo", "", sdk.ClassLimbo, sdk.Unknown},
		{"late=60000", "", "", sdk.On},
		{"slow=30", "", "", sdk.Off},
		{"unauthorized", sdk.ClassAuth, sdk.ClassAuth, sdk.Unknown},
		{"forget", sdk.ClassLimbo, sdk.ClassLimbo, sdk.Unknown},
		{"unavailable", sdk.ClassLimbo, sdk.ClassLimbo, sdk.Unknown},
		{"full", sdk.ClassLimbo, sdk.ClassLimbo, sdk.Unknown},
	} {
		t.Run(k.knobs, func(t *testing.T) {
			knobs, err := redfish.ParseKnobs(k.knobs)
			if err != nil {
				t.Fatal(err)
			}
			b := startRedfish(t, func(c *redfish.Config) { c.Knobs = knobs })
			d := b.device(t, nil)
			if err := d.Do(within(t, 5), "", sdk.ActionOff); sdk.ClassOf(err) != k.off {
				t.Errorf("off: %v, want %q", err, k.off)
			}
			st, err := d.Status(within(t, 5), "")
			if sdk.ClassOf(err) != k.status || st.State != k.state {
				t.Errorf("status: %q %v, want %q %q", st.State, err, k.state, k.status)
			}
			if st.State == sdk.Unknown && (len(st.UUIDs) > 0 || st.Serial != "") {
				t.Errorf("a failed status says %+v", st)
			}
			if c := b.Counts(); c.Open != 0 {
				t.Errorf("%+v", c)
			}
		})
	}
}

// TestRedfishInThatState: a BMC that answers 409 or 400 to off because it is off has obeyed; where it is not off it has not.
func TestRedfishInThatState(t *testing.T) {
	b := startRedfish(t, nil)
	b.SetKnobs(redfish.Knobs{Conflict: true})
	d := b.device(t, nil)
	if err := d.Do(within(t, 5), "", sdk.ActionOff); sdk.ClassOf(err) != sdk.ClassLimbo {
		t.Fatalf("a conflict while it is on: %v", err)
	}
	_ = b.power.Set(t.Context(), false)
	if err := d.Do(within(t, 5), "", sdk.ActionOff); err != nil {
		t.Fatalf("a conflict while it is off: %v", err)
	}
	if c := b.Counts(); c.Off != 2 {
		t.Fatalf("off was commanded twice, the BMC counted %+v", c)
	}
}

// TestRedfishPassword: a wrong one is told from everything else, and is tried once.
func TestRedfishPassword(t *testing.T) {
	b := startRedfish(t, nil)
	mustFail(t, b.device(t, map[string]string{"password": "wrong"}), 5, sdk.ClassAuth)
	mustFail(t, b.device(t, map[string]string{"username": "nobody"}), 5, sdk.ClassAuth)
	if c := b.Counts(); c.Denied != 2 {
		t.Fatalf("two operations cost %d failed logins", c.Denied)
	}
}

// TestRedfishTLS: only the certificate that the administrator meant is believed, and no password is told to another.
func TestRedfishTLS(t *testing.T) {
	b := startRedfish(t, nil)
	other := startRedfish(t, nil)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, b.CertificatePEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	wrongCA := filepath.Join(t.TempDir(), "other.pem")
	if err := os.WriteFile(wrongCA, other.CertificatePEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, good := range map[string]map[string]string{
		"fingerprint": {}, "capital letters": {"tls": "fingerprint " + strings.ToUpper(b.Fingerprint())}, "insecure": {"tls": "insecure"},
		"verify": {"tls": "verify", "ca_file": ca}, "verify the name": {"tls": "verify", "ca_file": ca, "address": "localhost"},
	} {
		st, err := b.device(t, good).Status(within(t, 5), "")
		if err != nil || st.State != sdk.On || strings.Contains(st.Detail, "certificate") != (name == "insecure") {
			t.Errorf("%s: %+v %v", name, st, err)
		}
	}
	before := b.Counts()
	for name, bad := range map[string]map[string]string{
		"another fingerprint": {"tls": "fingerprint " + other.Fingerprint()}, "not signed by anybody": {"tls": "verify"},
		"signed by another": {"tls": "verify", "ca_file": wrongCA},
	} {
		st, err := b.device(t, bad).Status(within(t, 5), "")
		if sdk.ClassOf(err) != sdk.ClassRefused || st.State != sdk.Unknown {
			t.Errorf("%s: %+v %v", name, st, err)
		}
		if name == "another fingerprint" && !strings.Contains(err.Error(), b.Fingerprint()) {
			t.Errorf("%s: %v does not say which was shown", name, err)
		}
	}
	if now := b.Counts(); now != before {
		t.Errorf("a BMC that was not believed was told something: %+v, %+v", before, now)
	}
}

// TestRedfishHang: a BMC that answers nothing, from the start or in the midst, costs an operation its deadline and no more.
func TestRedfishHang(t *testing.T) {
	b := startRedfish(t, nil)
	b.SetKnobs(redfish.Knobs{Knobs: bmc.Knobs{Hang: true}})
	mustFail(t, b.device(t, nil), 1, sdk.ClassTimeout)
	begin := time.Now()
	mustFail(t, b.device(t, map[string]string{"timeout": "500ms"}), 10, sdk.ClassTimeout)
	if took := time.Since(begin); took > 3*slow() {
		t.Fatalf("a timeout of 0.5 s took %v", took)
	}
	midst := startRedfish(t, func(c *redfish.Config) {
		c.Wrap = func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.URL.Path, "/redfish/v1/Systems") {
					<-r.Context().Done()
					return
				}
				h.ServeHTTP(w, r)
			})
		}
	})
	mustFail(t, midst.device(t, nil), 1, sdk.ClassTimeout)
	midst.noSessions(t, 1)
	ctx, cancel := context.WithCancel(within(t, 30))
	time.AfterFunc(50*time.Millisecond, cancel)
	begin = time.Now()
	if _, err := midst.device(t, map[string]string{"timeout": "30s"}).Status(ctx, ""); err == nil || time.Since(begin) > 5*slow() {
		t.Fatalf("giving up took %v: %v", time.Since(begin), err)
	}
}

// TestRedfishLateLogin: the session that a slow BMC gives to an operation which is over is closed all the same.
func TestRedfishLateLogin(t *testing.T) {
	gate := make(chan struct{})
	b := startRedfish(t, func(c *redfish.Config) {
		c.Sessions = 1
		c.Wrap = func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/Sessions") {
					<-gate
				}
				h.ServeHTTP(w, r)
			})
		}
	})
	d := b.device(t, nil)
	mustFail(t, d, 1, sdk.ClassTimeout)
	close(gate)
	d.(systems).late.Wait()
	b.noSessions(t, 1)
	mustState(t, d, sdk.On) // with the one slot that there is
}

// TestRedfishUnreachable: who is not there is unreachable, and what speaks no HTTPS is no BMC.
func TestRedfishUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := startRedfish(t, nil)
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	plain := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Second}
	done := make(chan struct{})
	go func() { _ = plain.Serve(l); close(done) }()
	mustFail(t, b.device(t, map[string]string{"port": port}), 5, sdk.ClassRefused)
	_ = plain.Close()
	<-done
	mustFail(t, b.device(t, map[string]string{"port": port}), 5, sdk.ClassUnreachable)
	mustFail(t, b.device(t, map[string]string{"address": "no-such-bmc.invalid"}), 10, sdk.ClassUnreachable)
}

// TestRedfishOptions: what belongs to the other protocol is refused, and so is Redfish that does not say whom it believes.
func TestRedfishOptions(t *testing.T) {
	good := map[string]string{
		"address": "10.0.0.1", "username": "a name longer than sixteen bytes", "password": "a password longer than twenty bytes", "driver": "redfish", "tls": "verify",
	}
	try := func(change map[string]string) (sdk.Device, error) {
		values := maps.Clone(good)
		for k, v := range change {
			if values[k] = v; v == "-" {
				delete(values, k)
			}
		}
		o, err := sdk.NewOptions(plugin{}.Describe().Options, values)
		if err != nil {
			return nil, err
		}
		return plugin{}.Open(within(t, 1), "x", o)
	}
	d, err := try(nil)
	if err != nil {
		t.Fatal(err)
	}
	if dev := d.(systems); dev.port != 443 || dev.timeout != timeoutRedfish || dev.trust.Insecure() {
		t.Errorf("port %d, timeout %v", dev.port, dev.timeout)
	}
	if _, err := try(map[string]string{"system": "1", "address": "fe80::1", "port": "8443", "timeout": "1m"}); err != nil {
		t.Error(err)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]map[string]string{
		"no tls": {"tls": "-"}, "empty tls": {"tls": ""}, "odd tls": {"tls": "yes"}, "short fingerprint": {"tls": "fingerprint ab"},
		"ca_file beside insecure": {"tls": "insecure", "ca_file": empty}, "empty ca_file": {"ca_file": empty}, "no plain ca_file": {"ca_file": "/dev/null"}, "no name of a ca_file": {"ca_file": ""},
		"relative ca_file": {"ca_file": "redfish_test.go"}, "ca_file of another kind": {"ca_file": os.Args[0]},
		"no ca_file": {"ca_file": "/nowhere/ca.pem"}, "cipher": {"cipher": "17"}, "privilege": {"privilege": "operator"},
		"port": {"port": "70000"}, "path in address": {"address": "10.0.0.1/redfish"}, "user in address": {"address": "u@10.0.0.1"},
		"no password": {"password": ""}, "timeout": {"timeout": "2m"}, "tls of IPMI": {"driver": "go-ipmi", "username": "u", "password": "p"},
		"system of IPMI": {"driver": "go-ipmi", "username": "u", "password": "p", "tls": "-", "system": "1"},
	} {
		if _, err := try(bad); sdk.ClassOf(err) != sdk.ClassRefused || strings.Contains(err.Error(), good["password"]) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRedfishBesideFenceRedfish: the plugin and Debian's fence_redfish switch one machine, each sees what the other did.
func TestRedfishBesideFenceRedfish(t *testing.T) {
	const agent = "/usr/sbin/fence_redfish"
	if _, err := os.Stat(agent); err != nil {
		skip(t, "fence_redfish (package fence-agents) is not installed")
	}
	b := startRedfish(t, nil)
	d := b.device(t, nil)
	run := func(action string) int {
		t.Helper()
		cmd := exec.CommandContext(within(t, 60), agent)
		cmd.Stdin = strings.NewReader("action=" + action + "\nip=127.0.0.1\nipport=" + strconv.Itoa(b.Addr().Port) + "\nusername=" + testUser + "\npassword=" +
			testPassword + "\nssl_insecure=1\npower_wait=0\n")
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code == 0 || code == 2 {
			return code
		}
		t.Fatalf("%s: %s", action, out)
		return -1
	}
	if err := d.Do(within(t, 5), "", sdk.ActionOff); err != nil {
		t.Fatal(err)
	}
	if code := run("status"); code != 2 {
		t.Errorf("fence_redfish says %d of a machine that is off", code)
	}
	run("on")
	mustState(t, d, sdk.On)
	run("off")
	mustState(t, d, sdk.Off)
	if err := d.Do(within(t, 5), "", sdk.ActionOn); err != nil {
		t.Fatal(err)
	}
	if code := run("status"); code != 0 {
		t.Errorf("fence_redfish says %d of a machine that is on", code)
	}
}

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bougou/go-ipmi/pkg/client"
	"github.com/bougou/go-ipmi/pkg/command/chassis"
	"github.com/bougou/go-ipmi/pkg/types"

	"github.com/fenced-project/fenced/cmd/fenced-dev/machine"
)

// TestMain lets the test binary stand in for fenced-dev: its commands start each other by name.
func TestMain(m *testing.M) {
	if os.Getenv("BE_FENCED_DEV") != "" {
		os.Unsetenv("BE_FENCED_DEV")
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func limit() time.Duration {
	if f, err := strconv.ParseFloat(os.Getenv("FENCED_TEST_SLOW"), 64); err == nil && f > 0 {
		return time.Duration(f * 15 * float64(time.Second))
	}
	return 15 * time.Second
}

// fencedDev runs a command to its end.
func fencedDev(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit())
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), "BE_FENCED_DEV=1")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil || ctx.Err() != nil {
		t.Fatalf("fenced-dev %v: %v", args, err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func newNode(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{"run", "state", "root"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	b, err := json.Marshal(machine.Start{Argv: []string{"/bin/sleep", "300"}, Log: "log"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "start"), b, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fencedDev(t, "power", "--dir", dir, "off") })
	return dir
}

func status(t *testing.T, dir string) machine.Report {
	t.Helper()
	out, errs, code := fencedDev(t, "power", "--dir", dir, "status", "-o", "json")
	var r machine.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 {
		t.Fatalf("status: exit %d, %s %s, %v", code, out, errs, err)
	}
	return r
}

func TestPower(t *testing.T) {
	dir := newNode(t)
	for _, want := range []string{"on", "on", "off", "off"} {
		if out, errs, code := fencedDev(t, "power", "--dir", dir, want); code != 0 || out != want+"\n" {
			t.Fatalf("power %s: exit %d, %s%s", want, code, out, errs)
		}
		if r := status(t, dir); string(r.Power) != want || r.Running != (want == "on") {
			t.Fatalf("after %s: %+v", want, r)
		}
	}
	for _, bad := range [][]string{{"power", "--dir", dir}, {"power", "--dir", dir, "explode"}, {"power", "--nonsense"}} {
		if _, errs, code := fencedDev(t, bad...); code != exitUsage || errs == "" {
			t.Errorf("%v: exit %d, %s", bad, code, errs)
		}
	}
	if _, _, code := fencedDev(t, "power", "--dir", dir+"/none", "on"); code != exitError {
		t.Errorf("a machine that is not there: exit %d", code)
	}
}

// device is a running `fenced-dev bmc` or the like.
type device struct {
	cmd                          *exec.Cmd
	listen, control, fingerprint string
}

// startDevice starts a BMC that speaks IPMI.
func startDevice(t *testing.T, args ...string) device {
	t.Helper()
	return startAny(t, append([]string{"bmc", "--guid", "4c4c4544-0042-3510-8054-b7c04f595931"}, args...)...)
}

func startAny(t *testing.T, args ...string) device {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := device{cmd: exec.Command(os.Args[0], append(args, "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--password-file", secret)...)}
	d.cmd.Env = append(os.Environ(), "BE_FENCED_DEV=1")
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	d.cmd.Stderr = os.Stderr
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	dead := time.AfterFunc(2*limit(), func() { _ = d.cmd.Process.Kill() })
	t.Cleanup(func() {
		_ = d.cmd.Process.Signal(syscall.SIGTERM)
		if err := d.cmd.Wait(); err != nil {
			t.Errorf("%s did not end well: %v", args[0], err)
		}
		dead.Stop()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var ready struct{ Event, Listen, Control, Fingerprint string }
	if err := json.Unmarshal([]byte(line), &ready); err != nil || ready.Event != "listening" {
		t.Fatalf("%q: %v", line, err)
	}
	d.listen, d.control, d.fingerprint = ready.Listen, ready.Control, ready.Fingerprint
	return d
}

func (d device) ask(t *testing.T, method, path, body string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+d.control+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("%s %s: %d %s %v", method, path, res.StatusCode, b, err)
	}
	return string(b)
}

// TestBMCSwitchesMachine is the playground's whole way: IPMI over UDP ends and starts a real process.
func TestBMCSwitchesMachine(t *testing.T) {
	dir := newNode(t)
	t.Setenv("BE_FENCED_DEV", "1") // for the switch, which the BMC starts
	d := startDevice(t, "--initial", "on", "--on-off", "BE_FENCED_DEV=1 "+os.Args[0]+" power --dir "+dir)
	os.Unsetenv("BE_FENCED_DEV")
	_, port, err := net.SplitHostPort(d.listen)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.NewClient("127.0.0.1", n, "admin", "secret")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit())
	defer cancel()
	c.WithCipherSuiteID(types.CipherSuiteID3).WithTimeout(limit()).WithRetry(0)
	if err := c.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	control := func(what chassis.ChassisControl, on bool) machine.Report {
		t.Helper()
		if _, err := c.ChassisControl(ctx, what); err != nil {
			t.Fatal(err)
		}
		s, err := c.GetChassisStatus(ctx)
		if err != nil || s.PowerIsOn != on {
			t.Fatalf("read back %t, %v; want %t", s.PowerIsOn, err, on)
		}
		r := status(t, dir)
		if (r.Power == machine.On) != on || r.Running != on {
			t.Fatalf("the machine is %+v, want on: %t", r, on)
		}
		return r
	}
	first := status(t, dir)
	if first.Power != machine.On || !first.Running {
		t.Fatalf("--initial on: %+v", first)
	}
	control(chassis.ChassisControlPowerDown, false)
	control(chassis.ChassisControlPowerDown, false)
	if second := control(chassis.ChassisControlPowerUp, true); second.BootID == first.BootID {
		t.Fatalf("booted with the old boot id %s", second.BootID)
	}
	var counts map[string]int
	if err := json.Unmarshal([]byte(d.ask(t, "GET", "/counts", "")), &counts); err != nil || counts["off"] != 2 || counts["on"] != 1 || counts["status"] != 3 {
		t.Fatalf("counts %v, %v", counts, err)
	}
	if got := d.ask(t, "POST", "/knob", "ignore"); got != "ignore\n" {
		t.Fatalf("knob %q", got)
	}
	if _, err := c.ChassisControl(ctx, chassis.ChassisControlPowerDown); err != nil {
		t.Fatal(err)
	}
	if r := status(t, dir); r.Power != machine.On || !r.Running {
		t.Fatalf("an ignored off did something: %+v", r)
	}
}

func TestBMCFlags(t *testing.T) {
	const guid = "4c4c4544-0042-3510-8054-b7c04f595931"
	for name, args := range map[string][]string{
		"no guid":     {"bmc", "--listen", "127.0.0.1:0", "--password", "x"},
		"no password": {"bmc", "--listen", "127.0.0.1:0", "--guid", guid},
		"bad knob":    {"bmc", "--listen", "127.0.0.1:0", "--guid", guid, "--password", "x", "--knob", "explode"},
		"bad initial": {"bmc", "--listen", "127.0.0.1:0", "--guid", guid, "--password", "x", "--initial", "half"},
		"bad order":   {"bmc", "--listen", "127.0.0.1:0", "--guid", guid, "--password", "x", "--guid-order", "pdp11"},
	} {
		if _, errs, code := fencedDev(t, args...); code == 0 || errs == "" {
			t.Errorf("%s: exit %d, %s", name, code, errs)
		}
	}
}

// TestRedfish: the command serves HTTPS with the certificate whose fingerprint it printed, and switches the machine that was asked for.
func TestRedfish(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "switch")
	text := "#!/bin/sh\nf=" + dir + "/$FENCED_DEV_SYSTEM\ncase $1 in status) cat $f;; *) echo $1 >$f;; esac\n"
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	d := startAny(t, "redfish", "--system", "a,4c4c4544-0042-3510-8054-b7c04f595931,SN1", "--system", "b", "--on-off", script, "--initial", "on", "--user", "u")
	client := &http.Client{Timeout: limit(), Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
		InsecureSkipVerify: true, // the certificate is compared
		VerifyConnection: func(s tls.ConnectionState) error {
			if sum := sha256.Sum256(s.PeerCertificates[0].Raw); hex.EncodeToString(sum[:]) != d.fingerprint {
				return errors.New("another certificate than printed")
			}
			return nil
		},
	}}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+d.listen+"/redfish/v1/Systems/b/Actions/ComputerSystem.Reset",
		strings.NewReader(`{"ResetType":"ForceOff"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("u", "secret")
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	for system, want := range map[string]string{"a": "on\n", "b": "off\n"} {
		if got, err := os.ReadFile(filepath.Join(dir, system)); err != nil || string(got) != want {
			t.Errorf("system %s is %q, %v, want %q", system, got, err, want)
		}
	}
	if got := d.ask(t, "GET", "/power", ""); got != "on\n" || res.StatusCode != http.StatusNoContent {
		t.Errorf("the first is %q, the answer was %d", got, res.StatusCode)
	}
	if got := d.ask(t, "POST", "/knob", "conflict"); got != "conflict\n" {
		t.Errorf("knob: %q", got)
	}
	for _, bad := range [][]string{{"redfish"}, {"redfish", "--system", "a", "--knob", "explode", "--password", "p"}, {"redfish", "--system", "a", "--initial", "up", "--password", "p"}} {
		if _, errs, code := fencedDev(t, bad...); code == 0 || errs == "" {
			t.Errorf("%v: exit %d, %s", bad, code, errs)
		}
	}
}

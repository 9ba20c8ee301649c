package main

import (
	"fmt"
	"log/slog"
	"maps"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fenced-project/fenced/cmd/fenced-dev/pdu"
	"github.com/fenced-project/fenced/plugins/sdk"
	"github.com/fenced-project/fenced/test/harness"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func start(t *testing.T, model string, change func(*pdu.Config)) *pdu.Agent {
	t.Helper()
	m, err := pdu.ModelByName(model)
	must(t, err)
	cfg := pdu.Config{Listen: "127.0.0.1:0", Community: "private", Model: m, Outlets: 8, Labels: []string{"node-1", "node-2", "twin", "twin"}, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&cfg)
	}
	a, err := pdu.Start(cfg)
	must(t, err)
	t.Cleanup(a.Close)
	return a
}

func try(t *testing.T, values map[string]string) (sdk.Device, error) {
	t.Helper()
	o, err := plugin{}.Describe().NewOptions(values)
	if err != nil {
		return nil, err
	}
	return plugin{}.Open(harness.Within(t, 5*time.Second), "pdu-1", o)
}

// open is the device behind an agent, with options over the usual ones.
func open(t *testing.T, a *pdu.Agent, more map[string]string) sdk.Device {
	t.Helper()
	values := map[string]string{"address": "127.0.0.1", "port": strconv.Itoa(a.Addr().Port), "version": "2c", "community": "private"}
	maps.Copy(values, more)
	d, err := try(t, values)
	must(t, err)
	return d
}

func read(t *testing.T, d sdk.Device, target string) sdk.State {
	t.Helper()
	st, err := d.Status(harness.Within(t, 10*time.Second), target)
	if err != nil {
		t.Fatalf("status of %s: %v", target, err)
	}
	return st.State
}

// awaitState is for harness.Await.
func awaitState(t *testing.T, d sdk.Device, target string, want sdk.State) error {
	t.Helper()
	st, err := d.Status(harness.Within(t, 10*time.Second), target)
	if err == nil && st.State != want {
		err = fmt.Errorf("%s is %s, want %s", target, st.State, want)
	}
	return err
}

// debian runs a fence agent of Debian's against the same device: the oracle of a table. It returns its exit code.
func debian(t *testing.T, agent string, a *pdu.Agent, action, plug string) int {
	t.Helper()
	cmd := exec.CommandContext(harness.Within(t, 60*time.Second), harness.Program(t, agent, "fence-agents"))
	cmd.Stdin = strings.NewReader(fmt.Sprintf("action=%s\nip=127.0.0.1\nipport=%d\nplug=%s\nsnmp_version=2c\ncommunity=private\npower_wait=0\nstonith_status_sleep=1\n",
		action, a.Addr().Port, plug))
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatalf("%s: %v", agent, err)
	}
	if cmd.ProcessState.ExitCode() == 1 {
		t.Logf("%s %s %s: %s", agent, action, plug, out)
	}
	return cmd.ProcessState.ExitCode()
}

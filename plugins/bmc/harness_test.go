package main

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"os"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fenced-project/fenced/cmd/fenced-dev/bmc"
	"github.com/fenced-project/fenced/plugins/sdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testUUID     = "4c4c4544-0042-3510-8054-b7c04f595931"
	testUser     = "fenced"
	testPassword = "correct horse 12345" // 19 of 20 bytes
)

// slow is one second, times FENCED_TEST_SLOW.
func slow() time.Duration {
	if f, err := strconv.ParseFloat(os.Getenv("FENCED_TEST_SLOW"), 64); err == nil && f > 0 {
		return time.Duration(f * float64(time.Second))
	}
	return time.Second
}

// skip says by name why a test does not run; where nothing may be skipped it fails.
func skip(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("FENCED_TEST_REQUIRE") == "all" {
		t.Fatalf("may not be skipped: %s", reason)
	}
	t.Skipf("SKIP %s: %s", t.Name(), reason)
}

// within returns a context with a deadline of d seconds, times FENCED_TEST_SLOW.
func within(t *testing.T, d float64) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(d*float64(slow())))
	t.Cleanup(cancel)
	return ctx
}

// testBMC is a running BMC and the switch behind it.
type testBMC struct {
	*bmc.BMC
	power *bmc.Memory
}

func (b testBMC) on(t *testing.T) bool {
	t.Helper()
	on, err := b.power.On(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return on
}

func startBMC(t *testing.T, change func(*bmc.Config)) testBMC {
	t.Helper()
	guid, err := bmc.Wire(testUUID, "smbios")
	if err != nil {
		t.Fatal(err)
	}
	m := bmc.NewMemory(true)
	cfg := bmc.Config{Listen: "127.0.0.1:0", User: testUser, Password: testPassword, GUID: guid, Power: m, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&cfg)
	}
	b, err := bmc.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return testBMC{BMC: b, power: m}
}

// open is a device as the host would open it, with options over the usual ones.
func open(t *testing.T, addr net.Addr, options map[string]string) sdk.Device {
	t.Helper()
	values := map[string]string{"address": "127.0.0.1", "port": strconv.Itoa(addr.(*net.UDPAddr).Port), "username": testUser, "password": testPassword, "timeout": "30s"}
	maps.Copy(values, options)
	o, err := sdk.NewOptions(plugin{}.Describe().Options, values)
	if err != nil {
		t.Fatal(err)
	}
	d, err := plugin{}.Open(within(t, 30), "bmc-1", o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// mustState reads the state and wants this one.
func mustState(t *testing.T, d sdk.Device, want sdk.State) sdk.Status {
	t.Helper()
	st, err := d.Status(within(t, 30), "")
	if err != nil {
		t.Fatalf("status: %v", err)
	}
	if st.State != want {
		t.Fatalf("state is %q, want %q", st.State, want)
	}
	return st
}

// mustFail wants a failure of this class, no state, and that before the deadline. Best of three for the last: it is the plugin that is judged, and
// not a machine that stood still in the last moment.
func mustFail(t *testing.T, d sdk.Device, seconds float64, want sdk.Class) {
	t.Helper()
	if want == sdk.ClassAuth || want == sdk.ClassRefused || want == sdk.ClassUnreachable {
		seconds *= 10 // it is told at once, as soon as this machine comes to it
	}
	for range 3 {
		ctx := within(t, seconds)
		st, err := d.Status(ctx, "")
		late := ctx.Err() != nil
		if got := sdk.ClassOf(err); got != want {
			t.Fatalf("status fails as %q (%v), want %q", got, err, want)
		}
		if st.State != sdk.Unknown || len(st.UUIDs) > 0 {
			t.Fatalf("a failed status says %+v", st)
		}
		if !late {
			return
		}
	}
	t.Fatal("status comes after its deadline")
}

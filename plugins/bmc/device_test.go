package main

import (
	"context"
	"net"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fenced-project/fenced/cmd/fenced-dev/bmc"
	"github.com/fenced-project/fenced/plugins/bmc/goipmi"
	"github.com/fenced-project/fenced/plugins/bmc/rmcp"
	"github.com/fenced-project/fenced/plugins/sdk"
)

// TestPower walks a machine off, off again and on, with both cipher suites.
func TestPower(t *testing.T) {
	for _, cipher := range []string{"3", "17"} {
		t.Run("suite "+cipher, func(t *testing.T) {
			b := startBMC(t, nil)
			d := open(t, b.Addr(), map[string]string{"cipher": cipher})
			mustState(t, d, sdk.On)
			for range 2 { // off of what is off is commanded as well (R16 b) and no error
				if err := d.Do(within(t, 5), "", sdk.ActionOff); err != nil {
					t.Fatal(err)
				}
				mustState(t, d, sdk.Off)
			}
			if b.on(t) {
				t.Fatal("reads off, but the machine is on")
			}
			if err := d.Do(within(t, 5), "", sdk.ActionOn); err != nil {
				t.Fatal(err)
			}
			mustState(t, d, sdk.On)
			if c := b.Counts(); c.Off != 2 || c.On != 1 || c.Status != 4 {
				t.Fatalf("the BMC counted %+v", c)
			}
		})
	}
}

// TestSlotsAreFreed: a BMC has four sessions; every operation gives its own back.
func TestSlotsAreFreed(t *testing.T) {
	b := startBMC(t, nil)
	d := open(t, b.Addr(), nil)
	for i := range 12 {
		if _, err := d.Status(within(t, 5), ""); err != nil {
			t.Fatalf("operation %d: %v", i+1, err)
		}
	}
	b.SetKnobs(bmc.Knobs{Refuse: true}) // failed operations as well
	for i := range 6 {
		if err := d.Do(within(t, 5), "", sdk.ActionOff); sdk.ClassOf(err) != sdk.ClassRefused {
			t.Fatalf("refused operation %d: %v", i+1, err)
		}
	}
	mustState(t, d, sdk.On)
}

// TestNoSessionFree: a BMC whose sessions are all taken is limbo, which is tried again, and not a refusal, which is not; the first session that
// comes free is used.
func TestNoSessionFree(t *testing.T) {
	b := startBMC(t, nil)
	ctx := within(t, 20)
	var held []*goipmi.Driver
	for i := 0; ; i++ {
		h := goipmi.New(goipmi.Config{Address: b.Addr().String(), User: testUser, Password: testPassword, Suite: rmcp.Suite3})
		short, cancel := context.WithTimeout(ctx, 2*slow())
		err := h.Open(short)
		cancel()
		if err != nil {
			break
		}
		held = append(held, h)
		if i > 16 {
			t.Fatal("the test BMC gives any number of sessions")
		}
	}
	free := sync.OnceFunc(func() {
		for _, h := range held {
			_ = h.Close(ctx)
		}
	})
	defer free()
	d := open(t, b.Addr(), map[string]string{"timeout": "20s"})
	mustFail(t, d, 1, sdk.ClassLimbo)
	time.AfterFunc(100*time.Millisecond, free)
	if st, err := d.Status(within(t, 20), ""); err != nil || st.State != sdk.On {
		t.Fatalf("%+v %v", st, err)
	}
}

// TestIdentity: whatever byte order the vendor chose, the system's UUID is among the spellings.
func TestIdentity(t *testing.T) {
	for _, order := range []string{"smbios", "rfc4122", "ipmi"} {
		b := startBMC(t, func(c *bmc.Config) { c.GUID = wire(t, order) })
		d := open(t, b.Addr(), nil)
		st := mustState(t, d, sdk.On)
		if len(st.UUIDs) != 3 || !slices.Contains(st.UUIDs, testUUID) {
			t.Errorf("%s: %v lacks %s", order, st.UUIDs, testUUID)
		}
		b.SetKnobs(bmc.Knobs{WrongIdentity: true})
		if st := mustState(t, d, sdk.On); slices.Contains(st.UUIDs, testUUID) {
			t.Errorf("%s: another system gives this one's UUID", order)
		}
		p, err := d.(sdk.Prober).Probe(within(t, 5), "")
		if err != nil || !p.Reachable || len(p.UUIDs) != 3 {
			t.Errorf("probe: %+v, %v", p, err)
		}
	}
}

// TestRestorePolicy: a probe says what a machine that is held off does when the mains come back.
func TestRestorePolicy(t *testing.T) {
	for policy, want := range []string{"stays off", "as before", "goes on", ""} {
		b := startBMC(t, func(c *bmc.Config) { c.Restore = uint8(policy) })
		p, err := open(t, b.Addr(), nil).(sdk.Prober).Probe(within(t, 5), "")
		if err != nil || !p.Reachable || strings.Contains(p.Detail, "mains") != (want != "") || !strings.Contains(p.Detail, want) {
			t.Errorf("policy %d: %+v %v", policy, p, err)
		}
	}
}

// TestNoIdentity: a GUID of all zeros or all ones is none.
func TestNoIdentity(t *testing.T) {
	for _, fill := range []byte{0x00, 0xff} {
		b := startBMC(t, func(c *bmc.Config) {
			for i := range c.GUID {
				c.GUID[i] = fill
			}
		})
		if st := mustState(t, open(t, b.Addr(), nil), sdk.On); len(st.UUIDs) > 0 {
			t.Errorf("GUID of %#02x gives identity %v", fill, st.UUIDs)
		}
	}
}

func wire(t *testing.T, order string) [16]byte {
	t.Helper()
	g, err := bmc.Wire(testUUID, order)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestFailures: each way to fail has its class, comes in time, and says nothing about power.
func TestFailures(t *testing.T) {
	b := startBMC(t, nil)
	t.Run("wrong password", func(t *testing.T) {
		mustFail(t, open(t, b.Addr(), map[string]string{"password": "wrong"}), 3, sdk.ClassAuth)
	})
	t.Run("rotated password", func(t *testing.T) { // R28: a read is one login, and a refused one no more
		b := startBMC(t, nil)
		mustState(t, open(t, b.Addr(), nil), sdk.On)
		b.SetKnobs(bmc.Knobs{Auth: true})
		if _, err := open(t, b.Addr(), nil).Status(within(t, 30), ""); sdk.ClassOf(err) != sdk.ClassAuth || b.Counts().Logins != 2 {
			t.Errorf("%v, %d logins in two reads", err, b.Counts().Logins)
		}
	})
	t.Run("wrong password suite 17", func(t *testing.T) {
		mustFail(t, open(t, b.Addr(), map[string]string{"password": "wrong", "cipher": "17"}), 3, sdk.ClassAuth)
	})
	t.Run("unknown user", func(t *testing.T) {
		mustFail(t, open(t, b.Addr(), map[string]string{"username": "nobody"}), 3, sdk.ClassAuth)
	})
	t.Run("cipher suite not offered", func(t *testing.T) {
		b := startBMC(t, func(c *bmc.Config) { c.Suites = []int{17} })
		mustFail(t, open(t, b.Addr(), map[string]string{"cipher": "3"}), 3, sdk.ClassRefused)
	})
	t.Run("nobody listens", func(t *testing.T) {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		addr := c.LocalAddr()
		c.Close()
		mustFail(t, open(t, addr, nil), 1, sdk.ClassUnreachable)
	})
	t.Run("no such name", func(t *testing.T) {
		mustFail(t, open(t, b.Addr(), map[string]string{"address": "no-such-bmc.invalid"}), 5, sdk.ClassUnreachable)
	})
	t.Run("target", func(t *testing.T) {
		if _, err := open(t, b.Addr(), nil).Status(within(t, 1), "2"); sdk.ClassOf(err) != sdk.ClassRefused {
			t.Fatalf("a target: %v", err)
		}
	})
}

// TestKnobs: a BMC that hangs, is slow, busy or unwilling.
func TestKnobs(t *testing.T) {
	b := startBMC(t, nil)
	d := open(t, b.Addr(), nil)
	set := func(k bmc.Knobs) { t.Helper(); b.SetKnobs(k) }
	t.Run("hang", func(t *testing.T) {
		set(bmc.Knobs{Hang: true})
		mustFail(t, d, 1, sdk.ClassTimeout)
	})
	t.Run("own timeout", func(t *testing.T) {
		begin := time.Now()
		mustFail(t, open(t, b.Addr(), map[string]string{"timeout": "500ms"}), 10, sdk.ClassTimeout)
		if took := time.Since(begin); took > 3*slow() {
			t.Fatalf("a timeout of 0.5 s took %v", took)
		}
	})
	t.Run("slow", func(t *testing.T) {
		set(bmc.Knobs{Slow: 300 * time.Millisecond})                      // longer than the first tries wait
		patient := open(t, b.Addr(), map[string]string{"timeout": "20s"}) // ten answers of that, beside whatever else this machine does
		if st, err := patient.Status(within(t, 20), ""); err != nil || st.State != sdk.On {
			t.Fatalf("%+v %v", st, err)
		}
	})
	t.Run("limbo", func(t *testing.T) {
		set(bmc.Knobs{Limbo: true})
		if err := d.Do(within(t, 5), "", sdk.ActionOff); err != nil {
			t.Fatal(err)
		}
		mustFail(t, d, 5, sdk.ClassLimbo)
	})
	t.Run("refuse", func(t *testing.T) {
		set(bmc.Knobs{Refuse: true})
		if err := d.Do(within(t, 5), "", sdk.ActionOff); sdk.ClassOf(err) != sdk.ClassRefused {
			t.Fatalf("refused off: %v", err)
		}
		if err := d.Do(within(t, 5), "", sdk.ActionOn); err != nil {
			t.Fatalf("on of what is on, refused for that: %v", err)
		}
	})
	t.Run("ignore", func(t *testing.T) {
		set(bmc.Knobs{Ignore: true})
		if err := d.Do(within(t, 5), "", sdk.ActionOff); err != nil {
			t.Fatal(err)
		}
		mustState(t, d, sdk.On)
	})
	t.Run("diag", func(t *testing.T) {
		set(bmc.Knobs{})
		if err := d.Do(within(t, 5), "", sdk.ActionDiag); sdk.ClassOf(err) != sdk.ClassRefused {
			t.Fatalf("the test BMC knows no NMI: %v", err)
		}
	})
}

// TestHangInSession: the BMC dies after the handshake; the operation ends by its deadline.
func TestHangInSession(t *testing.T) {
	b := startBMC(t, nil)
	r := startRelay(t, b.Addr())
	r.fromBMC(func(p []byte) [][]byte {
		if inSession(p) {
			return nil
		}
		return [][]byte{p}
	})
	mustFail(t, open(t, r.addr(), nil), 1, sdk.ClassTimeout)
}

// TestSlotsAreFreedInSilence: a BMC whose answers are lost still hears the goodbye of each session, whichever driver made it. It has four.
func TestSlotsAreFreedInSilence(t *testing.T) {
	for _, driver := range []string{driverGoIPMI, driverIPMITool} {
		t.Run(driver, func(t *testing.T) {
			if _, err := exec.LookPath("ipmitool"); err != nil && driver == driverIPMITool {
				skip(t, "ipmitool is not installed")
			}
			b := startBMC(t, nil)
			r := startRelay(t, b.Addr())
			r.fromBMC(func(p []byte) [][]byte {
				if inSession(p) {
					return nil
				}
				return [][]byte{p}
			})
			d := open(t, r.addr(), map[string]string{"driver": driver})
			for range 6 {
				if _, err := d.Status(within(t, 1), ""); sdk.ClassOf(err) != sdk.ClassTimeout {
					t.Fatal(err)
				}
			}
			if n := b.Counts().Logins; n < 5 {
				t.Fatalf("%d sessions were made: this proves nothing", n)
			}
			mustState(t, open(t, b.Addr(), nil), sdk.On)
		})
	}
}

// TestSilenceIsNoIdentity: a BMC that tells its state and is silent when asked who it is gives no Status. Otherwise an attacker that loses
// datagrams could make any BMC one "without identity", for which a drill stands in (R16 a).
func TestSilenceIsNoIdentity(t *testing.T) {
	b := startBMC(t, nil)
	r := startRelay(t, b.Addr())
	answers := 0
	r.fromBMC(func(p []byte) [][]byte {
		if inSession(p) {
			if answers++; answers > 2 { // privilege level and chassis status come through
				return nil
			}
		}
		return [][]byte{p}
	})
	mustFail(t, open(t, r.addr(), nil), 1, sdk.ClassTimeout)
	if b.Counts().Status != 1 {
		t.Fatalf("the state was read %d times", b.Counts().Status)
	}
}

// TestLostDatagrams: what is lost is sent again, and a power off that is asked for twice because its answer was lost is done once.
func TestLostDatagrams(t *testing.T) {
	b := startBMC(t, nil)
	r := startRelay(t, b.Addr())
	n := 0
	r.fromBMC(func(p []byte) [][]byte {
		if n++; n == 1 { // the first answer of all is lost
			return nil
		}
		return [][]byte{p}
	})
	d := open(t, r.addr(), nil)
	mustState(t, d, sdk.On)
	lost := false
	r.toBMC(func(p []byte) [][]byte {
		if inSession(p) && !lost { // a request in the session is lost
			lost = true
			return nil
		}
		return [][]byte{p}
	})
	if err := d.Do(within(t, 5), "", sdk.ActionOff); err != nil {
		t.Fatal(err)
	}
	if c := b.Counts(); c.Off != 1 {
		t.Fatalf("the BMC was asked %d times", c.Off)
	}
}

// TestCancelled: a caller that gives up need not wait for its deadline.
func TestCancelled(t *testing.T) {
	b := startBMC(t, func(c *bmc.Config) { c.Knobs = bmc.Knobs{Hang: true} })
	d := open(t, b.Addr(), map[string]string{"timeout": "30s"})
	ctx, cancel := context.WithTimeout(context.Background(), 30*slow())
	defer cancel()
	time.AfterFunc(50*time.Millisecond, cancel)
	begin := time.Now()
	if _, err := d.Status(ctx, ""); err == nil {
		t.Fatal("a hung BMC answered")
	}
	if took := time.Since(begin); took > 5*slow() {
		t.Fatalf("giving up took %v", took)
	}
}

// TestOptions: what the schema cannot refuse is refused by Open, and no message holds the password.
func TestOptions(t *testing.T) {
	good := map[string]string{"address": "10.0.0.1", "username": "u", "password": "p"}
	for name, bad := range map[string]map[string]string{
		"port in address":   {"address": "10.0.0.1:623"},
		"port 0":            {"port": "0"},
		"long user":         {"username": "12345678901234567"},
		"long password":     {"password": "123456789012345678901"},
		"timeout too short": {"timeout": "10ms"},
		"timeout too long":  {"timeout": "2m"},
		"cipher 0":          {"cipher": "0"},
		"sessions":          {"sessions": "-1"},
		"too many sessions": {"sessions": "101"},
		"driver":            {"driver": "freeipmi"},
	} {
		values := map[string]string{}
		for k, v := range good {
			values[k] = v
		}
		for k, v := range bad {
			values[k] = v
		}
		o, err := sdk.NewOptions(plugin{}.Describe().Options, values)
		if err == nil {
			_, err = plugin{}.Open(within(t, 1), "x", o)
		}
		if sdk.ClassOf(err) != sdk.ClassRefused {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, address := range []string{"10.0.0.1", "bmc-1.example.com", "fe80::1", "[fe80::1]"} {
		good["address"] = address
		o, err := sdk.NewOptions(plugin{}.Describe().Options, good)
		if err == nil {
			_, err = plugin{}.Open(within(t, 1), "x", o)
		}
		if err != nil {
			t.Errorf("address %s: %v", address, err)
		}
	}
}

// TestDescribe: the sdk accepts the description (NewServer panics where it does not).
func TestDescribe(t *testing.T) {
	if sdk.NewServer(plugin{}) == nil {
		t.Fatal("no server")
	}
}

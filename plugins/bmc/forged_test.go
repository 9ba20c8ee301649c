package main

import (
	"context"
	"encoding/binary"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/bougou/go-ipmi/pkg/client"
	"github.com/bougou/go-ipmi/pkg/types"

	"github.com/fenced-project/fenced/cmd/fenced-dev/bmc"
	"github.com/fenced-project/fenced/plugins/sdk"
)

// consoleSession is the session id that go-ipmi always asks for; an attacker knows it.
const consoleSession = 0xa0a1a2a3

// powerIsOff is a whole IPMI message that answers Get Chassis Status number seq with "off".
func powerIsOff(seq byte) []byte {
	m := []byte{0x81, 0x01 << 2, 0, 0x20, seq << 2, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0}
	m[2] = -(m[0] + m[1])
	for _, b := range m[3 : len(m)-1] {
		m[len(m)-1] -= b
	}
	return m
}

// plus wraps a payload in RMCP+ with these flags.
func plus(flags byte, session, sequence uint32, payload []byte) []byte {
	p := []byte{0x06, 0x00, 0xff, 0x07, 0x06, flags}
	p = binary.LittleEndian.AppendUint32(p, session)
	p = binary.LittleEndian.AppendUint32(p, sequence)
	p = binary.LittleEndian.AppendUint16(p, uint16(len(payload)))
	return append(p, payload...)
}

// forgeries are the ways to say "power is off" without the key, each for every message number that the client may wait for.
var forgeries = map[string]func(genuine []byte) [][]byte{
	"plaintext":           each(func(m []byte) []byte { return plus(0, consoleSession, 1000, m) }),
	"plaintext session 0": each(func(m []byte) []byte { return plus(0, 0, 0, m) }),
	"IPMI 1.5": each(func(m []byte) []byte {
		p := append([]byte{0x06, 0x00, 0xff, 0x07, 0x00}, make([]byte, 8)...)
		return append(append(p, byte(len(m))), m...)
	}),
	"authenticated flag without a code": each(func(m []byte) []byte { return plus(0x40, consoleSession, 1000, m) }),
	"authenticated plaintext, code of zeros": each(func(m []byte) []byte {
		p := plus(0x40, consoleSession, 1000, m)
		return append(append(p, 0xff, 0xff, 0x02, 0x07), make([]byte, 16)...)
	}),
	"wrong code": func(genuine []byte) [][]byte {
		p := clone(genuine)
		p[len(p)-1] ^= 1
		binary.LittleEndian.PutUint32(p[10:14], 1000)
		return [][]byte{p}
	},
	"changed payload": func(genuine []byte) [][]byte {
		p := clone(genuine)
		p[20] ^= 0xff
		return [][]byte{p}
	},
	"stripped of its code": func(genuine []byte) [][]byte {
		p := clone(genuine)
		p[5] &^= 0x40
		n := int(binary.LittleEndian.Uint16(p[14:16]))
		return [][]byte{p[:16+n]}
	},
	"other session id": func(genuine []byte) [][]byte {
		p := clone(genuine)
		p[6] ^= 0xff
		return [][]byte{p}
	},
	"truncated": func(genuine []byte) [][]byte {
		var out [][]byte
		for n := range len(genuine) {
			out = append(out, clone(genuine[:n]))
		}
		return out
	},
}

func each(f func(message []byte) []byte) func([]byte) [][]byte {
	return func([]byte) [][]byte {
		var out [][]byte
		for seq := range byte(64) {
			out = append(out, f(powerIsOff(seq)))
		}
		return out
	}
}

func clone(b []byte) []byte { return append([]byte(nil), b...) }

// TestForgedOffIsNeverBelieved: an attacker answers before the BMC does, then instead of it. The machine is on, and no Status says off.
func TestForgedOffIsNeverBelieved(t *testing.T) {
	for _, driver := range []string{driverGoIPMI, driverIPMITool} {
		for _, cipher := range []string{"3", "17"} {
			for name, forge := range forgeries {
				t.Run(driver+" suite "+cipher+" "+name, func(t *testing.T) {
					t.Parallel()
					neverBelieved(t, map[string]string{"cipher": cipher, "driver": driver}, forge)
				})
			}
		}
	}
}

func neverBelieved(t *testing.T, options map[string]string, forge func([]byte) [][]byte) {
	if _, err := exec.LookPath("ipmitool"); err != nil && options["driver"] == driverIPMITool {
		skip(t, "ipmitool is not installed")
	}
	b := startBMC(t, nil)
	r := startRelay(t, b.Addr())
	d := open(t, r.addr(), options)
	attack := func(then func(forged [][]byte, genuine []byte) [][]byte) {
		r.fromBMC(func(p []byte) [][]byte {
			if !inSession(p) {
				return [][]byte{p}
			}
			out := forge(p)
			for _, f := range out { // the attacker reads along and knows the session's id
				if len(f) > 10 && f[4] == 6 && binary.LittleEndian.Uint32(f[6:10]) == consoleSession {
					copy(f[6:10], p[6:10])
				}
			}
			return then(out, p)
		})
	}
	attack(func(forged [][]byte, genuine []byte) [][]byte { return append(forged, genuine) })
	mustState(t, d, sdk.On) // the truth comes through nevertheless
	attack(func(forged [][]byte, _ []byte) [][]byte { return forged })
	mustFail(t, d, 0.7, sdk.ClassTimeout)
}

// TestReplayedOffIsNeverBelieved: an attacker recorded a true "off" and plays it again, in its own session and in a later one.
func TestReplayedOffIsNeverBelieved(t *testing.T) {
	b := startBMC(t, nil)
	r := startRelay(t, b.Addr())
	d := open(t, r.addr(), nil)
	var recorded [][]byte
	r.fromBMC(func(p []byte) [][]byte {
		if inSession(p) {
			recorded = append(recorded, clone(p))
		}
		return [][]byte{p}
	})
	if err := b.power.Set(context.Background(), false); err != nil {
		t.Fatal(err)
	}
	mustState(t, d, sdk.Off)
	if err := b.power.Set(context.Background(), true); err != nil {
		t.Fatal(err)
	}
	r.fromBMC(func(p []byte) [][]byte {
		if !inSession(p) {
			return [][]byte{p}
		}
		return recorded
	})
	mustFail(t, d, 0.7, sdk.ClassTimeout)

	// In one session: the answer to the first command instead of the answer to each later one.
	var first []byte
	r.fromBMC(func(p []byte) [][]byte {
		switch {
		case !inSession(p):
			return [][]byte{p}
		case first == nil:
			first = clone(p)
			return [][]byte{p}
		}
		return [][]byte{first}
	})
	mustFail(t, d, 0.7, sdk.ClassTimeout)
}

// TestForgedHandshake: refusals and downgrades that anybody can send do not keep the true BMC out.
func TestForgedHandshake(t *testing.T) {
	b := startBMC(t, nil)
	r := startRelay(t, b.Addr())
	d := open(t, r.addr(), nil)
	for name, forgery := range map[string]struct {
		kind   byte // of the handshake message that is forged
		change func(p []byte)
	}{
		"open refused: no resources":  {0x11, func(p []byte) { p[17] = 0x01 }},
		"no integrity, no encryption": {0x11, func(p []byte) { p[40], p[48] = 0, 0 }},
		"other session":               {0x11, func(p []byte) { p[20] ^= 0xff }},
		"refused: unauthorized name":  {0x13, func(p []byte) { p[17] = 0x0d }},
		"other random number":         {0x13, func(p []byte) { p[30] ^= 0xff }},
		"other code of RAKP 2":        {0x13, func(p []byte) { p[len(p)-1] ^= 0xff }},
		"other code of RAKP 4":        {0x15, func(p []byte) { p[len(p)-1] ^= 0xff }},
		"refused: bad check value":    {0x15, func(p []byte) { p[17] = 0x0f }},
	} {
		t.Run(name, func(t *testing.T) {
			forged := 0
			r.fromBMC(func(p []byte) [][]byte {
				if p[4] != 6 || p[5] != forgery.kind {
					return [][]byte{p}
				}
				forged++
				f := clone(p)
				forgery.change(f)
				return [][]byte{f, p}
			})
			mustState(t, d, sdk.On)
			r.fromBMC(func(p []byte) [][]byte { return [][]byte{p} })
			if forged == 0 {
				t.Fatal("nothing was forged")
			}
		})
	}
	r.fromBMC(func(p []byte) [][]byte { // instead of the true one: refused, whatever else
		if p[4] == 6 && p[5] == 0x11 {
			p[32], p[40], p[48] = 0, 0, 0 // no authentication, no integrity, no encryption
		}
		return [][]byte{p}
	})
	mustFail(t, d, 3, sdk.ClassRefused)
}

// bare is a go-ipmi client without the guard, behind the relay.
func bare(t *testing.T, r *relay) *client.Client {
	t.Helper()
	c, err := client.NewClient("127.0.0.1", r.addr().(*net.UDPAddr).Port, testUser, testPassword)
	if err != nil {
		t.Fatal(err)
	}
	return c.WithInterface(client.InterfaceLanplus).WithCipherSuiteID(types.CipherSuiteID3).WithTimeout(250 * time.Millisecond).WithRetry(0)
}

// TestBareLibraryBelieves shows that the forgeries are worth their name: without the guard go-ipmi takes the plaintext for the truth. When
// it fails, go-ipmi has learned to check, and the guard is a second check.
func TestBareLibraryBelieves(t *testing.T) {
	b := startBMC(t, nil)
	r := startRelay(t, b.Addr())
	c := bare(t, r)
	if err := c.Connect(within(t, 5)); err != nil {
		t.Fatal(err)
	}
	defer c.Close(within(t, 5))
	r.fromBMC(func(p []byte) [][]byte { return append(forgeries["plaintext"](p), p) })
	st, err := c.GetChassisStatus(within(t, 5))
	if err != nil {
		t.Fatal(err)
	}
	if st.PowerIsOn {
		t.Fatal("go-ipmi without the guard no longer believes a forged answer")
	}
}

// TestBareLibraryChecksHandshake: go-ipmi itself checks the codes of RAKP messages 2 and 4; the guard does it again, because its keys
// depend on them.
func TestBareLibraryChecksHandshake(t *testing.T) {
	b := startBMC(t, nil)
	for _, kind := range []byte{0x13, 0x15} {
		r := startRelay(t, b.Addr())
		r.fromBMC(func(p []byte) [][]byte {
			if p[4] == 6 && p[5] == kind {
				p[len(p)-1] ^= 1
			}
			return [][]byte{p}
		})
		c := bare(t, r)
		err := c.Connect(within(t, 5))
		over, cancel := context.WithCancel(context.Background())
		cancel()
		_ = c.Close(over) // a failed Connect needs it
		if err == nil || !strings.Contains(err.Error(), client.ErrRAKPAuthentication.Error()) {
			t.Errorf("a wrong code in message %#02x gives %v", kind, err)
		}
	}
}

// TestIPMITool walks a machine off and on with the other driver. It gives no identity.
func TestIPMITool(t *testing.T) {
	if _, err := exec.LookPath("ipmitool"); err != nil {
		skip(t, "ipmitool is not installed")
	}
	b := startBMC(t, nil)
	d := open(t, b.Addr(), map[string]string{"driver": driverIPMITool})
	if st := mustState(t, d, sdk.On); len(st.UUIDs) > 0 {
		t.Fatalf("identity out of nowhere: %v", st.UUIDs)
	}
	for range 2 {
		if err := d.Do(within(t, 5), "", sdk.ActionOff); err != nil {
			t.Fatal(err)
		}
	}
	if c := b.Counts(); c.Off != 2 { // R16 b: commanded although it read off
		t.Fatalf("the BMC was asked for off %d times", c.Off)
	}
	mustState(t, d, sdk.Off)
	if err := d.Do(within(t, 5), "", sdk.ActionOn); err != nil {
		t.Fatal(err)
	}
	mustState(t, d, sdk.On)
	b.SetKnobs(bmc.Knobs{Limbo: true})
	if err := d.Do(within(t, 5), "", sdk.ActionOff); err != nil {
		t.Fatal(err)
	}
	mustFail(t, d, 5, sdk.ClassLimbo)
	b.SetKnobs(bmc.Knobs{Hang: true})
	mustFail(t, d, 1, sdk.ClassTimeout)
	b.SetKnobs(bmc.Knobs{})
	mustFail(t, open(t, b.Addr(), map[string]string{"driver": driverIPMITool, "password": "wrong"}), 5, sdk.ClassAuth)
	mustFail(t, open(t, &net.UDPAddr{Port: 1}, map[string]string{"driver": driverIPMITool}), 5, sdk.ClassUnreachable)
}

// TestIPMIToolHidesThePassword: it comes through a pipe, and is neither in the arguments nor in the environment of the program (V19).
func TestIPMIToolHidesThePassword(t *testing.T) {
	dir := t.TempDir()
	fake := "#!/bin/sh\necho \"$@\" >>" + dir + "/argv\n/usr/bin/env >>" + dir + "/argv\n/bin/cat /dev/fd/3 >" + dir + "/password\necho \"Chassis Power Control: Down/Off\"\n"
	if err := os.WriteFile(dir+"/ipmitool", []byte(fake), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	d := open(t, &net.UDPAddr{Port: 623}, map[string]string{"driver": driverIPMITool})
	if err := d.Do(within(t, 5), "", sdk.ActionOff); err != nil {
		t.Fatal(err)
	}
	argv, err := os.ReadFile(dir + "/argv")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(argv), testPassword) || !strings.Contains(string(argv), "chassis power off") {
		t.Fatalf("arguments and environment: %s", argv)
	}
	if got, err := os.ReadFile(dir + "/password"); err != nil || string(got) != testPassword+"\n" {
		t.Fatalf("the pipe does not hold the password: %d bytes, %v", len(got), err)
	}
}

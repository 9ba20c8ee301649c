package main

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/plugins/sdk"
	"github.com/fenced-project/fenced/test/harness"
)

// snmpd is net-snmp's agent with one outlet of an APC rack PDU, whose state is a file: an SNMP implementation that is nobody's here.
type snmpd struct {
	port int
	file string
}

// v3Users are its users of version 3 by protocols, as the plugin calls them; all have the passwords of v3.
var v3Users = map[string]map[string]string{
	"fenced":       {"auth_protocol": "sha", "priv_protocol": "aes"},
	"old":          {"auth_protocol": "md5", "priv_protocol": "des"},
	"sha256-aes":   {"auth_protocol": "sha256", "priv_protocol": "aes"},
	"sha512-aes":   {"auth_protocol": "sha512", "priv_protocol": "aes"},
	"sha256-aes25": {"auth_protocol": "sha256", "priv_protocol": "aes256"},
}

// createUser is a line of snmpd.conf, in its words.
func createUser(name string, of map[string]string) string {
	words := map[string]string{"md5": "MD5", "sha": "SHA", "sha256": "SHA-256", "sha512": "SHA-512", "des": "DES", "aes": "AES", "aes256": "AES-256"}
	return fmt.Sprintf("createUser %[1]s %[2]s \"correct horse\" %[3]s \"battery staple\"\nrwuser %[1]s priv\n", name, words[of["auth_protocol"]], words[of["priv_protocol"]])
}

// outletScript answers for one outlet, as snmpd.conf's pass_persist wants it: file, and the columns of names, states and commands. (What `pass` says
// snmpd itself remembers for half a minute.)
const outletScript = `#!/bin/sh
while read -r what; do
	[ -n "$what" ] || continue # an empty line follows each set
	[ "$what" = PING ] && { echo PONG; continue; }
	read -r at
	case "$what $at" in
	"getnext %[2]s" | "getnext %[3]s") at=$at.1 ;;
	getnext*) at= ;;
	set*) read -r type value; echo "$value" >%[1]s; echo DONE; continue ;;
	esac
	case $at in
	%[2]s.1) echo "$at"; echo string; echo node-1 ;;
	%[3]s.1 | %[4]s.1) echo "$at"; echo integer; cat %[1]s ;;
	*) echo NONE ;;
	esac
done
`

// startSNMPD runs one until the test ends. It tells nobody when it listens: see harness.Await.
func startSNMPD(t *testing.T) snmpd {
	t.Helper()
	path := harness.Program(t, "snmpd", "snmpd")
	dir := t.TempDir()
	file := filepath.Join(dir, "outlet")
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	port := c.LocalAddr().(*net.UDPAddr).Port
	must(t, c.Close())
	const outlets = ".1.3.6.1.4.1.318.1.1.12"
	const state, control, name = outlets + ".3.5.1.1.4", outlets + ".3.3.1.1.4", outlets + ".3.5.1.1.2"
	script := filepath.Join(dir, "pass")
	users := ""
	for who, of := range v3Users {
		users += createUser(who, of)
	}
	for file, text := range map[string]string{
		"outlet": "1\n",
		"pass":   fmt.Sprintf(outletScript, file, name, state, control),
		"snmpd.conf": fmt.Sprintf("agentaddress udp:127.0.0.1:%d\nsysobjectid .1.3.6.1.4.1.318.1.3.4.5\n%srwcommunity private 127.0.0.1\n", port, users) +
			fmt.Sprintf("pass_persist %[1]s /bin/sh %[2]s\npass_persist %[3]s /bin/sh %[2]s\npass_persist %[4]s /bin/sh %[2]s\n", state, script, control, name),
	} {
		must(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600))
	}
	cmd := exec.Command(path, "-f", "-Lo", "-C", "-c", filepath.Join(dir, "snmpd.conf"), "-p", filepath.Join(dir, "pid"))
	cmd.Env = []string{"SNMP_PERSISTENT_DIR=" + dir, "SNMPCONFPATH=" + dir, "MIBS=", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	harness.Start(t, cmd)
	s := snmpd{port, file}
	d := s.open(t, nil)
	harness.Await(t, func() error { _, err := d.Status(harness.Within(t, 3*time.Second), "1"); return err })
	return s
}

// options are those of a device that works, by version 3.
func (s snmpd) options() map[string]string {
	return map[string]string{"address": "127.0.0.1", "port": strconv.Itoa(s.port), "version": "3", "username": "fenced", "timeout": "3s"}
}

// v3 are the passwords of every user.
var v3 = map[string]string{"auth_password": "correct horse", "priv_password": "battery staple"}

// open is a device of it, with options over the usual ones.
func (s snmpd) open(t *testing.T, more map[string]string) sdk.Device {
	t.Helper()
	values := s.options()
	maps.Copy(values, v3)
	maps.Copy(values, more)
	d, err := try(t, values)
	must(t, err)
	return d
}

// reads is what the script has: 1 is on, 2 is off.
func (s snmpd) reads(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(s.file)
	must(t, err)
	return strings.TrimSpace(string(b))
}

// TestSNMPD switches an outlet of net-snmp's own agent by every version, authenticated and encrypted by 3, with each pair of protocols.
func TestSNMPD(t *testing.T) {
	t.Parallel()
	s := startSNMPD(t)
	ways := map[string]map[string]string{}
	for who, of := range v3Users {
		ways[who] = map[string]string{"username": who}
		maps.Copy(ways[who], of)
	}
	for _, version := range []string{"1", "2c"} {
		ways[version] = map[string]string{"version": version, "community": "private"}
	}
	for name, way := range ways {
		d := s.open(t, way)
		for action, want := range map[sdk.Action]string{sdk.ActionOff: "2", sdk.ActionOn: "1"} {
			if err := d.Do(harness.Within(t, 10*time.Second), "node-1", action); err != nil {
				t.Errorf("%s: %s: %v", name, action, err)
				continue
			}
			if got := s.reads(t); got != want || read(t, d, "1") != map[string]sdk.State{"1": sdk.On, "2": sdk.Off}[want] {
				t.Errorf("%s: after %s the script has %s, and we read %s", name, action, got, read(t, d, "1"))
			}
		}
		if _, err := d.Status(harness.Within(t, 10*time.Second), "2"); !errors.Is(err, sdk.ClassRefused) {
			t.Errorf("%s: an outlet that is not there: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		more  map[string]string
		class sdk.Class
	}{
		"wrong key": {map[string]string{"auth_password": "incorrect horse"}, sdk.ClassAuth}, "nobody": {map[string]string{"username": "nobody"}, sdk.ClassAuth},
		"wrong privacy":   {map[string]string{"priv_password": "battery stapler"}, sdk.ClassTimeout}, // it is not answered
		"wrong community": {map[string]string{"version": "2c", "community": "public"}, sdk.ClassTimeout},
	} {
		if _, err := s.open(t, c.more).Status(harness.Within(t, 10*time.Second), "1"); !errors.Is(err, c.class) {
			t.Errorf("%s: %v, want %s", name, err, c.class)
		}
	}
}

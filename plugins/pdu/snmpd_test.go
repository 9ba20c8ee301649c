package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/fenced-project/fenced/plugins/sdk"
	"github.com/fenced-project/fenced/test/harness"
)

// startSNMPD runs net-snmp's agent with one user of version 3 and one outlet of an APC rack PDU, whose state is a file. It returns how to
// open devices on it.
func startSNMPD(t *testing.T) (open func(map[string]string) sdk.Device, file string) {
	t.Helper()
	path := harness.Program(t, "snmpd", "snmpd")
	dir := t.TempDir()
	file = filepath.Join(dir, "outlet")
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	port := c.LocalAddr().(*net.UDPAddr).Port
	must(t, c.Close())
	const state, control = ".1.3.6.1.4.1.318.1.1.12.3.5.1.1.4.1", ".1.3.6.1.4.1.318.1.1.12.3.3.1.1.4.1"
	script := filepath.Join(dir, "pass")
	for name, text := range map[string]string{
		"outlet": "1\n",
		"pass":   fmt.Sprintf("#!/bin/sh\ncase $1 in -g) echo $2; echo integer; cat %[1]s ;; -s) echo $4 >%[1]s ;; esac\n", file),
		"snmpd.conf": fmt.Sprintf("agentaddress udp:127.0.0.1:%d\nsysobjectid .1.3.6.1.4.1.318.1.3.4.5\ncreateUser fenced SHA \"correct horse\" AES \"battery staple\"\n"+
			"rwuser fenced priv\npass %s /bin/sh %s\npass %s /bin/sh %s\n", port, state, script, control, script),
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	cmd := exec.Command(path, "-f", "-Lo", "-C", "-c", filepath.Join(dir, "snmpd.conf"), "-p", filepath.Join(dir, "pid"))
	cmd.Env = []string{"SNMP_PERSISTENT_DIR=" + dir, "SNMPCONFPATH=" + dir, "MIBS=", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	harness.Start(t, cmd)
	return func(more map[string]string) sdk.Device {
		values := map[string]string{"address": "127.0.0.1", "port": strconv.Itoa(port), "version": "3", "username": "fenced", "timeout": "3s"}
		for k, v := range more {
			values[k] = v
		}
		d, err := try(t, values)
		must(t, err)
		return d
	}, file
}

package systemd

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/test/product"
)

// unitPath is what is tested: the file that is shipped.
const unitPath = "../../configs/systemd/fenced.service"

// base are the files of every machine: a target that starts the journal and nothing else.
func base() map[string]file {
	return map[string]file{
		"etc/systemd/system/test.target": {text: "[Unit]\nDescription=Nothing but a journal\nDefaultDependencies=no\nRequires=systemd-journald.service\n"},
		// Its audit socket and the kernel's log are the whole kernel's; a rate limit would lose what a test looks for.
		"etc/systemd/journald.conf.d/test.conf": {text: "[Journal]\nStorage=volatile\nAudit=no\nReadKMsg=no\nRateLimitIntervalSec=0\n"},
		"etc/machine-id":                        {text: "0123456789abcdef0123456789abcdef\n"},
		"etc/hostname":                          {text: "node-1\n"},
	}
}

// shipped reads the unit file.
func shipped(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(unitPath)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// dropIn is what a test changes in the shipped unit: no reset may be reached, the system is a simulated one, and the watchdog is quick.
func dropIn(t *testing.T, unit string) string {
	t.Helper()
	const real = "--system-root /\n"
	var start string
	for line := range strings.Lines(unit) {
		if strings.HasPrefix(line, "ExecStart=") {
			start += line
		}
	}
	if strings.Count(start, "\n") != 1 || !strings.HasSuffix(start, real) || !strings.Contains(unit, "\nEnvironment=FENCED_ALLOW_RESET=1\n") {
		t.Fatalf("the unit starts something else than this test is made for: %q", start)
	}
	start = strings.TrimSuffix(start, real) + "--system-root /simulated/node-1\n"
	return "[Service]\nEnvironment=\nExecStart=\n" + start + "WatchdogSec=2s\nReadWritePaths=/simulated\n"
}

// peer is a plain daemon of the same cluster, no part of what is tested.
const peer = `[Unit]
Description=Peer node-%i
DefaultDependencies=no
[Service]
ExecStart=/usr/sbin/fenced run --config /etc/fenced/fenced.yaml --node node-%i --system-root /simulated/node-%i --state-dir /simulated/node-%i/state --run-dir /run/peer-%i
`

// workload is a program that uses shared state, as the unit tells such programs to be written.
const workload = `[Unit]
Description=Uses shared state
DefaultDependencies=no
Requires=fenced.service
After=fenced.service
[Service]
ExecStart=/bin/sleep infinity
`

// cluster are the files of a machine with the unit as node-1 and two peers.
func cluster(t *testing.T) map[string]file {
	t.Helper()
	build, err := product.Dir()
	if err != nil {
		t.Fatal(err)
	}
	unit := shipped(t)
	files := base()
	files["usr/lib/systemd/system/fenced.service"] = file{text: unit}
	files["etc/systemd/system/fenced.service.d/test.conf"] = file{text: dropIn(t, unit)}
	files["etc/systemd/system/fenced-peer@.service"] = file{text: peer}
	files["etc/systemd/system/workload.service"] = file{text: workload}
	files["usr/sbin/fenced"] = file{from: filepath.Join(build, "fenced")}
	files["usr/libexec/fenced/plugins/fenced-plugin-dummy"] = file{from: filepath.Join(build, "plugins", "fenced-plugin-dummy")}
	files["etc/fenced/authkey"] = file{text: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"}
	files["etc/fenced/fenced.yaml"] = file{text: config()}
	for i := 1; i <= 3; i++ {
		simulated(files, i)
	}
	return files
}

// simulated are the files of the fake system of node i, and of its power.
func simulated(files map[string]file, i int) {
	uuid := fmt.Sprintf("00000000-0000-4000-8000-%012d", i)
	for path, text := range map[string]string{
		"sys/class/dmi/id/product_uuid":  uuid,
		"sys/class/dmi/id/sys_vendor":    "fenced",
		"sys/class/dmi/id/product_name":  "test machine",
		"proc/sys/kernel/random/boot_id": fmt.Sprintf("b0070000-0000-4000-8000-%012d", i),
		"proc/sys/kernel/hostname":       fmt.Sprintf("node-%d", i),
	} {
		files[fmt.Sprintf("simulated/node-%d/%s", i, path)] = file{text: text + "\n"}
	}
	for _, dir := range []string{"sys/kernel/dlm", "sys/fs/gfs2", "dev", "state"} {
		files[fmt.Sprintf("simulated/node-%d/%s/", i, dir)] = file{}
	}
	files[fmt.Sprintf("simulated/power/node-%d", i)] = file{text: "on"}
	files[fmt.Sprintf("simulated/power/node-%d.uuid", i)] = file{text: uuid}
}

func config() string {
	var b strings.Builder
	b.WriteString("cluster: unit\nmembership: {provider: embedded}\napi: {group: root}\n" +
		"timings: {failure_timeout: 1s, ping_interval: 100ms, lease: 2s, post_join_delay: 2s, stagger: 200ms}\nnodes:\n")
	for i := 1; i <= 3; i++ {
		fmt.Fprintf(&b, "  node-%d: {id: %d, address: 127.0.0.%d, levels: [{device: power, target: node-%d}]}\n", i, i, i, i)
	}
	b.WriteString("devices:\n  power: {plugin: dummy, dir: /simulated/power}\n")
	return b.String()
}

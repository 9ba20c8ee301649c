package secrets

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fenced-project/fenced/test/harness"
	"github.com/fenced-project/fenced/test/product"
)

// bare is a command as root without any privilege: the kernel then judges it by its user and by whether the other process may be read.
func bare(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "setpriv", append([]string{"--bounding-set=-all", "--inh-caps=-all", "--"}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// look reads a file of /proc as the same user, without privileges.
func look(ctx context.Context, pid int, file string) (string, error) {
	out, err := bare(ctx, "head", "-c", "64", fmt.Sprintf("/proc/%d/%s", pid, file)).CombinedOutput()
	return string(out), err
}

// A running daemon can be read by nobody else of its user, and neither it nor what it starts leaves a core. (The plugins' own test is in
// plugins/sdk.) The same look finds what it looks for in a process that hides nothing.
func TestDaemonIsConcealed(t *testing.T) {
	needsRoot(t)
	if _, err := exec.LookPath("setpriv"); err != nil {
		skip(t, "setpriv is not installed")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience(20*time.Second))
	defer cancel()
	open := bare(ctx, "sleep", "60")
	harness.Start(t, open)
	until(ctx, t, "a process that hides nothing to be read", func() bool {
		_, err := look(ctx, open.Process.Pid, "environ")
		args := read(fmt.Sprintf("/proc/%d/cmdline", open.Process.Pid))
		return err == nil && strings.HasPrefix(args, "sleep\x00") // it is setpriv no more
	})
	text, err := look(ctx, open.Process.Pid, "maps")
	if err != nil || text == "" {
		t.Fatalf("the look finds nothing where nothing is hidden: %q, %v", text, err)
	}

	pid := aloneDaemon(ctx, t)
	for _, file := range []string{"environ", "mem", "maps", "auxv"} {
		if text, err := look(ctx, pid, file); err == nil || !strings.Contains(text, "Permission denied") {
			t.Errorf("%s of the daemon can be read by its own user: %q, %v", file, text, err)
		}
	}
	for line := range strings.Lines(read(fmt.Sprintf("/proc/%d/limits", pid))) {
		if rest, ok := strings.CutPrefix(line, "Max core file size"); ok && strings.Join(strings.Fields(rest), " ") != "0 0 bytes" {
			t.Errorf("the daemon may leave a core: %s", line)
		}
	}
}

// aloneDaemon starts a daemon that belongs to no domain, and returns when it answers.
func aloneDaemon(ctx context.Context, t *testing.T) int {
	t.Helper()
	build, err := product.Dir()
	must(t, err)
	dir, err := os.MkdirTemp("", "fs") // short: sockets are made in it
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(text), 0o600))
	}
	write("authkey", base64.StdEncoding.EncodeToString(make([]byte, 32)))
	write("password", canary(18))
	write("root/proc/sys/kernel/random/boot_id", "c8a9a4c8-8d2c-4c3e-9d6e-1d3b5a7c9e0f\n")
	write("root/sys/class/dmi/id/product_uuid", "11111111-2222-4333-8444-555555555555\n")
	port, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, port.Close())
	var nodes, devices strings.Builder
	for i := 1; i <= 3; i++ {
		fmt.Fprintf(&nodes, "  n%d: {id: %d, address: \"127.0.0.1:%d\", levels: [b%d]}\n", i, i, 1+i, i)
		fmt.Fprintf(&devices, "  b%d: {plugin: bmc, address: 127.0.0.%d, username: a, password_file: password}\n", i, i)
	}
	write("fenced.yaml", "cluster: alone\nnode: n1\nmembership: {provider: embedded, listen: \""+port.Addr().String()+"\"}\nnodes:\n"+nodes.String()+"devices:\n"+devices.String())
	cmd := bare(ctx, filepath.Join(build, "fenced"), "run", "--config", filepath.Join(dir, "fenced.yaml"), "--system-root", filepath.Join(dir, "root"),
		"--state-dir", filepath.Join(dir, "state"), "--run-dir", filepath.Join(dir, "run"), "--plugin-dir", filepath.Join(build, "plugins"))
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	log, err := os.Create(filepath.Join(dir, "log"))
	must(t, err)
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	until(ctx, t, "the daemon to make its socket", func() bool {
		_, err := os.Stat(filepath.Join(dir, "run", "fenced.sock"))
		if err != nil && ctx.Err() != nil {
			t.Log(read(filepath.Join(dir, "log")))
		}
		return err == nil
	})
	return cmd.Process.Pid
}

// until waits for something that has no event.
func until(ctx context.Context, t *testing.T, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			_ = cond()
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

package corosync

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fenced-project/fenced/test/product"
)

// libraries are corosync's, as the loader looks for them.
var libraries = []string{"libcpg.so.4", "libquorum.so.5", "libvotequorum.so.8", "libcmap.so.4", "libcfg.so.7"}

// withoutLibraries is a command in a mount namespace in which corosync's libraries are empty files.
func withoutLibraries(ctx context.Context, t *testing.T, argv ...string) *exec.Cmd {
	t.Helper()
	var hide []string
	for _, dir := range []string{"/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib"} {
		for _, l := range libraries {
			for _, pattern := range []string{filepath.Join(dir, l), filepath.Join(dir, "*", l)} {
				found, err := filepath.Glob(pattern)
				must(t, err)
				hide = append(hide, found...)
			}
		}
	}
	var script strings.Builder
	script.WriteString("ip link set lo up && ")
	for _, f := range hide {
		fmt.Fprintf(&script, "mount --bind /dev/null %s && ", f)
	}
	cmd := exec.CommandContext(ctx, "unshare", append([]string{"-m", "-n", "sh", "-c", script.String() + `exec "$@"`, "sh"}, argv...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = time.Second
	cmd.Env = append(os.Environ(), "FENCED_NODE=n1")
	return cmd
}

// A machine without corosync's packages: the daemon starts with embedded membership, and with corosync it says which package to install (78).
func TestTheDaemonWithoutCorosyncsLibraries(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skipf("SKIP %s: needs root", t.Name())
	}
	build, err := product.Dir()
	must(t, err)
	dir := t.TempDir()
	short, err := os.MkdirTemp("", "f") // sockets have short paths
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(short) })
	nodes := "nodes:\n"
	for i := 1; i <= 3; i++ {
		nodes += fmt.Sprintf("  n%d: {id: %d, address: \"127.0.0.1:%d\", levels: [{ask: human}]}\n", i, i, 7811+i)
	}
	for _, d := range []string{"root/sys/class/dmi/id", "root/proc/sys/kernel/random", "plugins", "state"} {
		must(t, os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	must(t, os.WriteFile(filepath.Join(dir, "root/sys/class/dmi/id/product_uuid"), []byte("11111111-2222-4333-8444-555555555555\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "root/proc/sys/kernel/random/boot_id"), []byte("66666666-2222-4333-8444-555555555555\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "authkey"), []byte("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n"), 0o600))
	run := func(ctx context.Context, provider string) *exec.Cmd {
		file := filepath.Join(dir, provider+".yaml")
		text := "cluster: c\nauthkey: authkey\nmembership: {provider: " + provider + "}\n" + nodes
		must(t, os.WriteFile(file, []byte(text), 0o600))
		return withoutLibraries(ctx, t, filepath.Join(build, "fenced"), "run", "--config", file, "--system-root", filepath.Join(dir, "root"),
			"--state-dir", filepath.Join(dir, "state"), "--run-dir", short, "--plugin-dir", filepath.Join(dir, "plugins"))
	}
	ctx, cancel := context.WithTimeout(t.Context(), Slow(30*time.Second))
	defer cancel()
	out, err := run(ctx, "corosync").CombinedOutput()
	exit, ok := err.(*exec.ExitError) //nolint:errorlint // CombinedOutput returns it bare
	if !ok || exit.ExitCode() != 78 || !bytes.Contains(out, []byte("Debian package lib")) {
		t.Errorf("with corosync: %v, %s", err, out)
	}

	cmd := run(ctx, "embedded")
	var log bytes.Buffer
	cmd.Stderr = &log
	must(t, cmd.Start())
	socket := filepath.Join(short, "fenced.sock")
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for _, err = os.Stat(socket); err != nil && ctx.Err() == nil; _, err = os.Stat(socket) {
		<-tick.C
	}
	_ = cmd.Process.Signal(syscall.SIGTERM) // one that has ended is told by Wait
	if werr := cmd.Wait(); err != nil || werr != nil {
		t.Errorf("with embedded: %v, %v\n%s", err, werr, log.String())
	}
}

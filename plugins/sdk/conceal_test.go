package sdk_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fenced-project/fenced/plugins/proto"
)

// nobody is whom the plugin and whoever is curious run as, where the tests run as root: root may look everywhere.
const nobody = 65534

func asNobody(cmd *exec.Cmd) *exec.Cmd {
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	return cmd
}

// look reads a file of /proc as the same user, without privileges, and says what came of it.
func look(pid int, file string) (string, error) {
	out, err := asNobody(exec.Command("head", "-c", "4096", fmt.Sprintf("/proc/%d/%s", pid, file))).CombinedOutput()
	return string(out), err
}

// A running plugin can be read by nobody else of its user, and leaves no core. The same look finds what it looks for in a process that
// hides nothing.
func TestPluginProcessIsConcealed(t *testing.T) {
	open := asNobody(exec.Command("sleep", "60"))
	open.Env = []string{"SECRET=in-the-open"}
	if err := open.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = open.Process.Kill(); _ = open.Wait() }()
	deadline := time.Now().Add(5 * time.Second)
	for { // between fork and exec it is still this process
		text, err := look(open.Process.Pid, "environ")
		if err == nil && strings.Contains(text, "in-the-open") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the look finds nothing in a process that hides nothing: %q, %v", text, err)
		}
	}

	pid := servingPlugin(t)
	for _, file := range []string{"environ", "mem", "maps", "auxv"} {
		text, err := look(pid, file)
		if err == nil || !strings.Contains(text, "Permission denied") {
			t.Errorf("%s of a plugin can be read by its own user: %q, %v", file, text, err)
		}
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(limits)) {
		if rest, ok := strings.CutPrefix(line, "Max core file size"); ok && strings.Join(strings.Fields(rest), " ") != "0 0 bytes" {
			t.Errorf("a plugin may leave a core: %s", line)
		}
	}
}

// servingPlugin starts the dummy plugin as a host would and returns when it serves.
func servingPlugin(t *testing.T) int {
	t.Helper()
	dir, err := os.MkdirTemp("", "sdk-conceal-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "fenced-plugin-dummy")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", path, "../dummy")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build the dummy plugin: %v: %s", err, out)
	}
	socks := filepath.Join(dir, "socks")
	if err := errors.Join(os.Mkdir(socks, 0o777), os.Chmod(socks, 0o777), os.Chmod(dir, 0o755), os.Chmod(path, 0o755)); err != nil {
		t.Fatal(err)
	}
	cmd := asNobody(exec.Command(path))
	cmd.Env = []string{
		proto.Handshake.MagicCookieKey + "=" + proto.Handshake.MagicCookieValue, fmt.Sprintf("PLUGIN_PROTOCOL_VERSIONS=%d", proto.ProtocolVersion),
		"TMPDIR=" + socks, "PLUGIN_UNIX_SOCKET_DIR=" + socks,
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	stop := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
	defer stop.Stop()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the plugin does not serve: %q, %v", line, err)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process
	return cmd.Process.Pid
}

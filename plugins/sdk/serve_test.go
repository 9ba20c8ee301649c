package sdk

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/fenced-project/fenced/plugins/proto"
)

// dummy is the path of the real dummy plugin.
var dummy string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "fs")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	dummy = filepath.Join(dir, "fenced-plugin-dummy")
	build := exec.Command("go", "build", "-o", dummy, "../dummy")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "cannot build the dummy: %v\n%s", err, out)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(dir)
		os.Exit(code)
	}))
}

func TestByHand(t *testing.T) {
	out, err := exec.Command(dummy, "--describe").Output()
	if err != nil || !strings.Contains(string(out), "dir") || !strings.Contains(string(out), "required, mapping") || !strings.Contains(string(out), "secret") {
		t.Errorf("--describe gives %v:\n%s", err, out)
	}
	out, err = exec.Command(dummy, "--describe=json").Output()
	var d struct {
		API, Name, Kind string
		Effect          int64 `json:"effect_ms"`
		Options         []struct {
			Name    string
			Mapping bool
		}
	}
	if err == nil {
		err = json.Unmarshal(out, &d)
	}
	if err != nil || d.API != "fenced/v1" || d.Name != "dummy" || d.Kind != "power" || d.Effect != 1000 || len(d.Options) != 5 || !d.Options[0].Mapping {
		t.Errorf("--describe=json gives %v, %+v", err, d)
	}
	for _, args := range [][]string{{}, {"--help"}, {"serve"}} {
		cmd := exec.Command(dummy, args...)
		cmd.Env = []string{}
		err := cmd.Run()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != exitUsage {
			t.Errorf("with the arguments %q it ends with %v", args, err)
		}
	}
}

// A plugin whose parent is killed ends by itself, even where the kernel was not asked to end it.
func TestDiesWithItsParent(t *testing.T) {
	sh := exec.Command("/bin/sh", "-c", `"$0" >/dev/null 2>&1 & echo $!; wait`, dummy)
	sh.Env = []string{proto.Handshake.MagicCookieKey + "=" + proto.Handshake.MagicCookieValue, "PLUGIN_PROTOCOL_VERSIONS=1", "TMPDIR=" + t.TempDir()}
	out, err := sh.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := sh.Start(); err != nil {
		t.Fatal(err)
	}
	text, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	serving := func() bool { // it listens: it has long begun to watch its parent
		sockets, _ := filepath.Glob(strings.TrimPrefix(sh.Env[2], "TMPDIR=") + "/plugin*")
		return len(sockets) == 1
	}
	for end := time.Now().Add(10 * time.Second); !serving(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the plugin does not serve")
		}
	}
	if err := sh.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = sh.Wait() // killed
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 10_000)
	if err != nil || n != 1 {
		_ = unix.Kill(pid, unix.SIGKILL)
		t.Fatalf("the plugin outlives its parent: %d, %v", n, err)
	}
}

package host

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// plugins is the directory of the plugins that the tests run: the real dummy, and one that misbehaves as its options say.
var plugins string

func TestMain(m *testing.M) {
	if run := os.Getenv("HOST_TEST_ORPHAN"); run != "" {
		orphan(run)
		return
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "fp")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return 1, err
	}
	for name, pkg := range map[string]string{"dummy": "../dummy", "bad": "../plugintest/badplugin"} {
		cmd := exec.Command("go", "build", "-o", filepath.Join(dir, "fenced-plugin-"+name), pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return 1, fmt.Errorf("cannot build %s: %w\n%s", pkg, err, out)
		}
	}
	for _, mode := range []string{"garbage", "silent", "exit", "elsewhere", "version", "mute", "name", "wire", "both"} {
		if err := os.Link(filepath.Join(dir, "fenced-plugin-bad"), filepath.Join(dir, "fenced-plugin-bad-"+mode)); err != nil {
			return 1, err
		}
	}
	plugins = dir
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			return 1, err
		}
	}
	return code, nil
}

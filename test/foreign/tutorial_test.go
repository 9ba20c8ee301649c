package foreign

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fenced-project/fenced/test/harness"
)

var (
	shellBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```\n")
	goBlock    = regexp.MustCompile("(?ms)^```go\n(.*?)^```\n")
)

// goEnv asks go for one of its settings: HOME is another one where the page is followed.
func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return name + "=" + strings.TrimSpace(string(out))
}

// TestTutorialIsFollowed does what docs/tutorial/write-a-plugin.md says, to the letter: its shell commands one after the other, outside of the tree,
// with its Go code as main.go. Nothing is fetched from the network.
func TestTutorialIsFollowed(t *testing.T) {
	t.Parallel()
	ctx := harness.Within(t, 8*time.Minute)
	page, err := os.ReadFile("../../docs/tutorial/write-a-plugin.md")
	if err != nil {
		t.Fatal(err)
	}
	code, commands := goBlock.FindAllStringSubmatch(string(page), -1), shellBlock.FindAllStringSubmatch(string(page), -1)
	if len(code) != 1 || len(commands) < 3 {
		t.Fatalf("the page has %d pieces of Go and %d of shell", len(code), len(commands))
	}
	home, bin := t.TempDir(), t.TempDir()
	tree, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(home, "src"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(tree, filepath.Join(home, "src", "fenced")); err != nil {
		t.Fatal(err)
	}
	command(t, ctx, "go", "build", "-o", filepath.Join(bin, "fenced"), "../../cmd/fenced")
	script := "set -eux\n" + commands[0][1] + "cat >main.go <<'END-OF-PAGE'\n" + code[0][1] + "END-OF-PAGE\n"
	for _, c := range commands[1:] {
		script += c[1]
	}
	sh := exec.CommandContext(ctx, "bash", "-c", script)
	sh.Dir = t.TempDir()
	sh.Env = []string{
		"HOME=" + home, "PATH=" + bin + ":" + os.Getenv("PATH"), goEnv(t, "GOCACHE"), goEnv(t, "GOMODCACHE"), goEnv(t, "GOROOT"), "GOPROXY=off", "GOFLAGS=", "TMPDIR=" + os.TempDir(),
		"GOTOOLCHAIN=local", "FENCED_TEST_SLOW=" + os.Getenv("FENCED_TEST_SLOW"),
	}
	sh.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	sh.Cancel = func() error { return syscall.Kill(-sh.Process.Pid, syscall.SIGKILL) }
	sh.WaitDelay = 10 * time.Second
	out, err := sh.CombinedOutput()
	if err != nil {
		t.Fatalf("following the page: %v\n%s", err, out)
	}
	for _, want := range []string{"ok  \texample.com/fenced-plugin-strip", "strip 0.1.0", "./fenced-plugin-strip: conforms"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("it never says %q", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
	// The skeleton of another name compiles with its test and is as gofmt wants it.
	if out, err := exec.CommandContext(ctx, filepath.Join(bin, "fenced"), "plugin", "new", "acme-2", "--sdk", tree, "--dir", filepath.Join(sh.Dir, "acme")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	vet := exec.CommandContext(ctx, "bash", "-c", "go vet . && test -z \"$(gofmt -l .)\"")
	vet.Dir, vet.Env = filepath.Join(sh.Dir, "acme"), sh.Env
	if out, err := vet.CombinedOutput(); err != nil {
		t.Errorf("the skeleton of another name: %v\n%s", err, out)
	}
}

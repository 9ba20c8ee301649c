package foreign

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/fenced-project/fenced/plugins/host"
	"github.com/fenced-project/fenced/plugins/plugintest"
	"github.com/fenced-project/fenced/test/harness"
)

// interpreter is how much longer than a Go program's the start of Python with its gRPC may take on a machine that tests other things at the same
// time: how fast an interpreter starts is not what is proven here.
const interpreter = 6

func command(t *testing.T, ctx context.Context, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

// build makes one executable file of the script and of what protoc makes of the proto.
func build(t *testing.T, ctx context.Context) string {
	t.Helper()
	if err := exec.CommandContext(ctx, "/usr/bin/python3", "-c", "import grpc, google.protobuf, cryptography").Run(); err != nil {
		harness.Skip(t, "python3-grpcio, python3-protobuf or python3-cryptography is not installed")
	}
	protoc := harness.Program(t, "protoc", "protobuf-compiler")
	source, file := t.TempDir(), filepath.Join(t.TempDir(), "fenced-plugin-paper")
	script, err := os.ReadFile("plugin.py")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(source, "__main__.py"), script, 0o600); err != nil {
		t.Fatal(err)
	}
	command(t, ctx, protoc, "-I../../plugins/proto", "--python_out="+source, "plugin.proto")
	command(t, ctx, "/usr/bin/python3", "-m", "zipapp", source, "-p", "/usr/bin/python3", "-o", file)
	if err := os.Chmod(file, 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	return file
}

// TestPythonPluginConforms: nothing is skipped but what its devices do not have.
func TestPythonPluginConforms(t *testing.T) {
	t.Parallel()
	ctx := harness.Within(t, 5*time.Minute)
	file, dir := build(t, ctx), t.TempDir()
	set := func(_ context.Context, state string) error {
		return os.WriteFile(filepath.Join(dir, "n1"), []byte(state), 0o600)
	}
	if err := set(ctx, "on"); err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := plugintest.Run(ctx, plugintest.Options{
		Path: file, Device: map[string]string{"dir": dir}, Target: "n1", AllowPower: true, SetState: set, Slow: interpreter * harness.Slow(time.Second).Seconds(),
		Secrets: map[string]host.Secret{"password": host.NewSecret("correct-horse")},
		Knobs: map[string]map[string]string{
			"limbo": {"knob": "limbo"}, "timeout": {"knob": "hang"}, "auth": {"knob": "auth"}, "refused": {"knob": "fail"}, "lie": {"knob": "lie"},
		},
	}, func(c plugintest.Case) {
		n++
		t.Logf("%-4s %-20s %5d ms %s", c.Outcome, c.Name, c.Took.Milliseconds(), c.Text)
		if c.Outcome == plugintest.Fail || c.Outcome == plugintest.Skip && c.Name != "identity" {
			t.Errorf("%s: %s %s", c.Name, c.Outcome, c.Text)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if n < 15 {
		t.Errorf("only %d cases ran", n)
	}
}

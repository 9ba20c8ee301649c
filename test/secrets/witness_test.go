package secrets

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/test/product"
)

// export is what a witness's file is made from, in a directory of its own.
type export struct {
	t            *testing.T
	ctx          context.Context
	fenced, dir  string
	key, witness string // the key in base64; the file that was made
	password     string
	hay          *haystack
}

// The one file of a witness holds the cluster's key and no device's secret; neither the command that writes it nor the process that runs from
// it, nor what is said of a spoilt one, shows the key anywhere else.
func TestWitnessKeepsTheKey(t *testing.T) {
	needsRoot(t)
	build, err := product.Dir()
	must(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), patience(60*time.Second))
	defer cancel()
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	e := &export{t: t, ctx: ctx, fenced: filepath.Join(build, "fenced"), dir: t.TempDir(), key: base64.StdEncoding.EncodeToString(key), password: canary(18)}
	e.hay = &haystack{needles: append(needles("the cluster's key", key), needles("a password", []byte(e.password))...)}
	e.witness = filepath.Join(e.dir, "w.yaml")
	e.write()
	s := startSampler(e.hay.needles)
	defer s.stop()
	order := []string{"witness", "export", "w", e.witness, "--config", filepath.Join(e.dir, "fenced.yaml")}
	e.run(client.CodeOK, order...)
	e.run(client.CodeError, order...) // it is there
	own := append(e.spoil(), e.witness, filepath.Join(e.dir, "authkey"), filepath.Join(e.dir, "password"))
	e.live()
	s.stop()
	must(t, e.hay.tree(e.dir, own...))
	for _, f := range append(e.hay.findings, s.hay.findings...) {
		t.Errorf("leaked: %s", f)
	}
	if !s.ran["fenced"] {
		t.Error("the sampler never saw fenced")
	}
}

// write makes a node's configuration with a witness.
func (e *export) write() {
	for name, text := range map[string]string{
		"authkey": e.key + "\n", "password": e.password + "\n", "root/sys/.here": "",
		"root/proc/sys/kernel/random/boot_id": "b0070000-0000-4000-8000-000000000003\n",
		"fenced.yaml": `cluster: c
membership: {provider: embedded}
nodes:
  a: {id: 1, address: "127.0.0.1:1", levels: [bmc]}
  b: {id: 2, address: "127.0.0.1:2", levels: [{ask: human}]}
  w: {id: 3, address: "127.0.0.1:17399", role: witness}
devices:
  bmc: {plugin: bmc, address: 127.0.0.1, username: x, password_file: password}
`,
	} {
		path := filepath.Join(e.dir, name)
		must(e.t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(e.t, os.WriteFile(path, []byte(text), 0o600))
	}
}

// run runs a command, and looks at what it prints.
func (e *export) run(want client.Code, args ...string) {
	e.t.Helper()
	cmd := exec.CommandContext(e.ctx, e.fenced, append(args, "--system-root", filepath.Join(e.dir, "root"))...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != int(want) || len(out) == 0 {
		e.t.Errorf("fenced %v: exit %d, want %d, %v: %s", args, got, want, err, out)
	}
	e.hay.search(fmt.Sprintf("the output of fenced %v", args), out)
}

// spoil makes wrong files of the right one, and tries to run from each. It returns the files that hold the key.
func (e *export) spoil() []string {
	info, err := os.Stat(e.witness)
	must(e.t, err)
	made, err := os.ReadFile(e.witness)
	must(e.t, err)
	if info.Mode().Perm() != 0o600 || !strings.Contains(string(made), e.key) || strings.Contains(string(made), e.password) {
		e.t.Fatalf("the file has mode %v, the key %v, a password %v", info.Mode(), strings.Contains(string(made), e.key), strings.Contains(string(made), e.password))
	}
	line := `key: "` + e.key + `"`
	var own []string
	for name, m := range map[string]struct {
		old, new string
		mode     os.FileMode
	}{
		"list": {line, "key: [" + e.key + "]", 0o600}, "name": {line, e.key + ": 1", 0o600}, "map": {line, `key: {"` + e.key + `": 1}`, 0o600},
		"open": {`key: "`, `key: ["`, 0o600}, "cluster": {`cluster: "c"`, "cluster: " + e.key, 0o600}, "short": {e.key, e.key[:40], 0o600},
		"node": {`"a": {`, `"` + e.key + `": {`, 0o600}, "readable": {"", "", 0o640},
	} {
		path := filepath.Join(e.dir, name+".yaml")
		must(e.t, os.WriteFile(path, bytes.Replace(made, []byte(m.old), []byte(m.new), 1), 0o600))
		must(e.t, os.Chmod(path, m.mode))
		own = append(own, path)
		e.run(client.CodeConfig, "witness", "run", "--config", path, "--run-dir", e.dir, "--state-dir", e.dir)
		if name != "name" { // without its key it is no witness's file any more, and a node's would not hold one
			e.run(client.CodeConfig, "run", "--config", path, "--run-dir", e.dir, "--state-dir", e.dir)
		}
	}
	return own
}

// live runs the witness, asks it what it has to say, and makes it write its stacks. Its output goes to a file.
func (e *export) live() {
	t := e.t
	log, err := os.Create(filepath.Join(e.dir, "log"))
	must(t, err)
	defer log.Close()
	cmd := exec.CommandContext(e.ctx, e.fenced, "witness", "run", "--config", e.witness, "--log-level", "debug", "--system-root", filepath.Join(e.dir, "root"),
		"--state-dir", filepath.Join(e.dir, "state"), "--run-dir", filepath.Join(e.dir, "run"))
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	cmd.Stdout, cmd.Stderr = log, log
	must(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	c := client.New(filepath.Join(e.dir, "run", "fenced.sock"), "test")
	defer c.Close()
	for {
		s, err := c.Status(e.ctx)
		if err == nil {
			e.hay.search("the status of the witness", fmt.Appendf(nil, "%+v", s))
			break
		}
		select {
		case <-e.ctx.Done():
			t.Fatalf("the witness never answered: %v: %s", err, read(log.Name()))
		case <-time.After(20 * time.Millisecond):
		}
	}
	must(t, cmd.Process.Signal(syscall.SIGQUIT))
	_ = cmd.Wait()
	if !strings.Contains(read(log.Name()), "goroutine ") {
		t.Error("the witness wrote no stacks")
	}
}

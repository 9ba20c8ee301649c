package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/internal/config"
	"github.com/fenced-project/fenced/plugins/host"
	"github.com/fenced-project/fenced/test/harness"
)

// around is a configuration without devices: what stands behind it is a sample.
const around = `cluster: c
authkey: authkey
membership: {provider: embedded}
nodes:
  n1: {id: 1, address: 10.0.0.1, levels: [{ask: human}]}
  n2: {id: 2, address: 10.0.0.2, levels: [{ask: human}]}
  n3: {id: 3, address: 10.0.0.3, levels: [{ask: human}]}
`

// TestSamplesAreAConfiguration: what `fenced plugin agents NAME` prints is accepted where it stands in a file, by the check that the daemon makes before
// it starts, with what the plugin itself says of its options.
func TestSamplesAreAConfiguration(t *testing.T) {
	harness.Program(t, "fence_ipmilan", "fence-agents")
	dir := t.TempDir()
	for name, text := range map[string]string{"authkey": base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef")) + "\n", "secret": "s\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h := served(t)
	about, err := h.Describe(harness.Within(t, time.Minute), "agent")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range everyAgent(t) {
		if slices.Contains(notAgents, f.Name) || f.Error != "" {
			continue
		}
		sample := strings.ReplaceAll(f.Sample, "/etc/fenced/secrets/"+strings.TrimPrefix(f.Name, "fence_"), filepath.Join(dir, "secret"))
		file := filepath.Join(dir, "fenced.yaml")
		if err := os.WriteFile(file, []byte(around+sample), 0o640); err != nil { //nolint:gosec // a configuration
			t.Fatal(err)
		}
		_, problems := config.Load(config.Options{
			Path: file, SystemRoot: dir, Node: "n1", Describe: func(string) (host.Description, error) { return about, nil },
		})
		if problems.Fatal() {
			t.Errorf("%s: its sample is refused:\n%s%s", f.Name, fmt.Sprint(problems), sample)
		}
		n++
	}
	if n < 60 {
		t.Errorf("%d samples were looked at", n)
	}
}

package secrets

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The scanner finds what is leaked on purpose, in every form, wherever it stands.
func TestScannerFindsWhatIsLeaked(t *testing.T) {
	secret := canary(18)
	binary := []byte("\x00\x01\xfe\xff\"\\\n" + canary(25))
	embed := func(s string) string { return "some" + s + "thing" }
	list := func(b []byte) string {
		var numbers []int
		for _, c := range b {
			numbers = append(numbers, int(c))
		}
		text, _ := json.Marshal(numbers)
		return string(text)
	}
	for _, value := range []string{secret, string(binary)} {
		leaks := map[string]string{
			"clear": embed(value), "hex": fmt.Sprintf("%x", embed(value)), "HEX": fmt.Sprintf("%X", embed(value)),
			"dump": hex.EncodeToString([]byte(value)), "numbers": fmt.Sprint([]byte(embed(value))), "JSON numbers": list([]byte(value)),
			"quoted": fmt.Sprintf("%q", embed(value)),
		}
		for i := range 7 { // every alignment, with and without something behind it
			before := "12345678"[:i]
			leaks[fmt.Sprint("base64 ", i)] = base64.StdEncoding.EncodeToString([]byte(before + value))
			leaks[fmt.Sprint("base64 and more ", i)] = base64.StdEncoding.EncodeToString([]byte(before + embed(value)))
			leaks[fmt.Sprint("base64url ", i)] = base64.RawURLEncoding.EncodeToString([]byte(before + embed(value)))
		}
		for how, text := range leaks {
			h := haystack{needles: needles("it", []byte(value))}
			h.search(how, []byte(text))
			if len(h.findings) != 1 {
				t.Errorf("a leak as %s is found %d times", how, len(h.findings))
			}
		}
	}
	h := haystack{needles: needles("it", []byte(secret))}
	h.search("nothing", []byte(canary(4096)))
	if len(h.findings) != 0 {
		t.Errorf("found where nothing is: %v", h.findings)
	}
}

// The tree is searched to its leaves, names of files included, exceptions excluded.
func TestScannerReadsFiles(t *testing.T) {
	secret, dir := canary(18), t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	write("a/b/c", "x"+secret)
	write("named-"+secret, "")
	own := write("own", secret)
	h := haystack{needles: needles("it", []byte(secret))}
	must(t, h.tree(dir, own))
	if len(h.findings) != 2 {
		t.Errorf("two leaks give %v", h.findings)
	}
}

// A process with a secret in its arguments, and one with it in its environment, are found by the sampler that watches the cluster.
func TestSamplerFindsProcesses(t *testing.T) {
	needsRoot(t)
	inArgs, inEnv := canary(18), canary(18)
	s := startSampler(append(needles("arguments", []byte(inArgs)), needles("environment", []byte(inEnv))...))
	defer s.stop()
	// As short as ipmitool is at a BMC that answers at once.
	fake := exec.Command("/bin/sh", "-c", "sleep 0.1; exit 0", "fenced-fake", "-P", inArgs)
	must(t, fake.Run())
	fake = exec.Command("/bin/sh", "-c", "sleep 0.1; exit 0")
	fake.Env = []string{"PATH=/usr/bin:/bin", "IPMI_PASSWORD=" + inEnv}
	must(t, fake.Run())
	s.stop()
	found := map[string]bool{}
	for _, f := range s.hay.findings {
		found[f.secret] = true
	}
	if !found["arguments"] || !found["environment"] {
		t.Errorf("in %d passes over /proc the sampler found %v", s.passes, s.hay.findings)
	}
}

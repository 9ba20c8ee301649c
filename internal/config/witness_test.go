package config

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"testing"
)

// exported is a node's configuration with a witness, and the file of that witness.
func exported(t *testing.T) (room, *Config, string) {
	t.Helper()
	r := newRoom(t)
	c, ps := r.load(change(t, "    levels: [[{device: pdu, target: \"3\"}], {ask: human}]\n", "    role: witness\n") + "timings: {failure_timeout: 30s, lease: 31s, post_join_delay: 60s}\n")
	if len(ps) != 0 {
		t.Fatal(ps)
	}
	text, err := WitnessFile(c, "n3")
	if err != nil {
		t.Fatal(err)
	}
	return r, c, text.Reveal()
}

func (r room) witness(text string) (*Config, Problems) {
	r.t.Helper()
	r.write("witness.yaml", text, 0o600)
	return LoadWitness(Options{Path: r.path("witness.yaml"), SystemRoot: r.path("root"), Strict: true})
}

// The one file is enough: what a witness reads of it is what the nodes' roster says of membership, and nothing more.
func TestWitnessFileIsEnough(t *testing.T) {
	r, node, text := exported(t)
	w, ps := r.witness(text)
	if len(ps) != 0 {
		t.Fatal(ps)
	}
	if !w.Witness || w.SelfName != "n3" || w.Self != 3 || w.Listen != "10.0.0.3:7811" || w.Provider != "embedded" || w.Key.Reveal() != node.Key.Reveal() {
		t.Errorf("%+v", w)
	}
	if got, want := w.Roster.ForWitness().Hash(), node.Roster.ForWitness().Hash(); got != want {
		t.Errorf("its roster has the hash %s, the nodes' %s", got, want)
	}
	if len(w.Devices) != 0 || len(w.Roster.Devices) != 0 || len(w.Roster.Nodes[0].Levels) != 0 || strings.Contains(text, "hunter2") || strings.Contains(text, "10.0.9.") {
		t.Errorf("a witness's file knows devices: %s", text)
	}
	if w.StateDir != WitnessStateDir || w.Socket != WitnessRunDir+"/fenced.sock" {
		t.Errorf("it shares its directories with a node: %s %s", w.StateDir, w.Socket)
	}
	if w.Roster.Timing.FailureTimeoutMS != 30_000 || w.Roster.Timing.LeaseMS != 31_000 {
		t.Errorf("timings %+v", w.Roster.Timing)
	}
}

func TestWitnessFileIsOfAWitness(t *testing.T) {
	_, c, _ := exported(t)
	for name, words := range map[string]string{"n1": "n1 is no witness", "n9": "no such node"} {
		if _, err := WitnessFile(c, name); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c.Key = Secret{}
	if _, err := WitnessFile(c, "n3"); err == nil {
		t.Error("a file without the key was made")
	}
}

// The file is the key of the cluster: nobody else may be able to read it (V19).
func TestWitnessFileOfOthersIsRefused(t *testing.T) {
	r, _, text := exported(t)
	for _, c := range []struct {
		mode   int
		inside bool // given by systemd
		fine   bool
	}{
		{mode: 0o600, fine: true},
		{mode: 0o400, fine: true},
		{mode: 0o640},
		{mode: 0o604},
		{mode: 0o620},
		{mode: 0o610},
		{mode: 0o440, inside: true, fine: true},
		{mode: 0o444, inside: true},
		{mode: 0o460, inside: true},
		{mode: 0o440},
	} {
		r.write("witness.yaml", text, os.FileMode(c.mode))
		o := Options{Path: r.path("witness.yaml"), SystemRoot: r.path("root")}
		if c.inside {
			o.Env = []string{"CREDENTIALS_DIRECTORY=" + r.dir}
		}
		got, ps := LoadWitness(o)
		if (got != nil) != c.fine {
			t.Errorf("mode %04o, given by systemd %t: %v", c.mode, c.inside, ps)
		}
		if !c.fine && !strings.Contains(ps.Error(), "chmod 0600") {
			t.Errorf("mode %04o: no remedy in %s", c.mode, ps)
		}
	}
}

// Whatever is wrong with the file is said with line and remedy, and nothing that is said holds the key.
func TestWitnessFileMistakes(t *testing.T) {
	r, c, text := exported(t)
	key := base64.StdEncoding.EncodeToString([]byte(c.Key.Reveal()))
	for name, m := range map[string]struct{ old, new, say string }{
		"no key":         {"key: \"" + key + "\"\n", "", "key of the cluster is missing"},
		"half a key":     {key, key[:20], ":5:6: key does not hold 32 bytes"},
		"key as a name":  {"key: \"" + key + "\"", "\"" + key + "\": 1", "no field \"***\""},
		"broken yaml":    {"key: \"", "key: [\"", ":"},
		"key in a list":  {"key: \"" + key + "\"", "key: [" + key + "]", "key does not hold"},
		"twice":          {"witness: \"n3\"\n", "witness: n3\n? \"" + key + "\"\n: 1\n\"" + key + "\": 2\n", "***"},
		"not a witness":  {"witness: \"n3\"", "witness: n1", ":3:10: \"n1\" is not a witness"},
		"nobody":         {"witness: \"n3\"\n", "", "does not say which witness"},
		"two voters":     {"votes: 1, role: witness", "votes: 0, role: witness", "two voters and no witness"},
		"one id twice":   {"id: 2", "id: 1", "same id 1"},
		"levels":         {"votes: 1, role", "levels: [], role", "no field \"levels\""},
		"timings":        {"lease: 31000ms", "lease: 1s", "impossible timings"},
		"another timing": {"lease:", "stagger: 1s, lease:", "no field \"stagger\""},
		"address":        {"10.0.0.2:7000", "10.0.0.2:0", "cannot be"},
	} {
		if strings.Count(text, m.old) == 0 {
			t.Fatalf("%s: %q is not in the file", name, m.old)
		}
		got, ps := r.witness(strings.Replace(text, m.old, m.new, 1))
		if got != nil || !strings.Contains(ps.Error(), m.say) {
			t.Errorf("%s: %v", name, ps)
		}
		for _, p := range ps {
			if p.Remedy == "" || p.File == "" {
				t.Errorf("%s: without a place or a remedy: %s", name, p)
			}
		}
		if all := fmt.Sprintf("%v %+v %#v", ps, ps, got); strings.Contains(all, key[:43]) || strings.Contains(all, c.Key.Reveal()) {
			t.Errorf("%s: the key is shown: %s", name, all)
		}
	}
	if _, ps := LoadWitness(Options{Path: r.path("none.yaml")}); !strings.Contains(ps.Error(), "fenced witness export") {
		t.Errorf("no file: %s", ps)
	}
	if _, ps := LoadWitness(Options{Path: r.path("witness.yaml"), Strict: true, Env: []string{"FENCED_NODES=x"}}); !strings.Contains(ps.Error(), "FENCED_NODES") {
		t.Errorf("an unknown variable: %s", ps)
	}
}

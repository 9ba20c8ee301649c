package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

const editable = `# ours
cluster: test
membership: {provider: embedded}
policy:
  even_split: node n3
nodes:
  n1:
    id: 1
    address: 10.0.0.1
    levels: [bmc-1]
  # the one in the other rack
  "n3":
    id: 3
    address: 10.0.0.3   # moved twice

    levels:
      - bmc-3
      - {device: pdu, target: "3"}

  n2: {id: 2, address: 10.0.0.2, levels: [{device: pdu, target: "2"}]}
  n4: {id: 4, address: 10.0.0.4, levels: [{device: pdu, target: "4"}]}
devices:
  bmc-1: {plugin: dummy, x: "1"}
  bmc-3: {plugin: dummy, x: "3"}
  pdu: {plugin: pdu, address: 10.0.9.1}
`

func editFixture(t *testing.T) (Options, string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "fenced.yaml"), []byte(editable), 0o640); err != nil {
		t.Fatal(err)
	}
	return Options{Path: filepath.Join(dir, "fenced.yaml"), NoSecrets: true, AnyNode: true, SystemRoot: dir}, dir
}

// loaded checks that an edit gives a whole configuration, and writes it for the next.
func loaded(t *testing.T, o Options, e Edit, err error) fence.Roster {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	o.Overlay = e.Files
	c, ps := Load(o)
	if ps.Fatal() {
		t.Fatalf("%v\n%v", ps, e.Words)
	}
	for path, text := range e.Files {
		if text == nil {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	o.Overlay = nil
	if again, _ := Load(o); again == nil || again.Roster.Hash() != c.Roster.Hash() {
		t.Fatal("written, it says something else than what was shown")
	}
	return c.Roster
}

func TestANodeIsAddedAndRemovedAgainWithoutATrace(t *testing.T) {
	o, dir := editFixture(t)
	before, _ := Load(o)
	e, err := AddNode(o, NewNode{
		Name: "n5", ID: 5, Address: "10.0.0.5", Machine: "11111111-2222-4333-8444-555555555555",
		Levels: []string{"bmc-5", "pdu[5]+pdu[6]", "ask:human"}, Devices: []string{"bmc-5,plugin=bmc,address=10.0.9.5,username=f,password_file=secrets/bmc-5"},
	})
	r := loaded(t, o, e, err)
	n, ok := r.ByName("n5")
	if !ok || n.ID != 5 || len(n.Levels) != 3 || len(n.Levels[1].Steps) != 2 || n.Levels[2].Steps[0].Ask != "human" || n.Machine == nil {
		t.Fatalf("%+v", n)
	}
	if text := string(e.Files[filepath.Join(dir, "conf.d", "node-n5.yaml")]); !strings.Contains(text, filepath.Join(dir, "secrets/bmc-5")) {
		t.Errorf("a secret's path is relative to conf.d:\n%s", text)
	}
	if _, err := AddNode(o, NewNode{Name: "n5", ID: 6, Address: "x"}); err == nil {
		t.Error("a file is overwritten")
	}
	e, err = RemoveNode(o, "n5")
	if r = loaded(t, o, e, err); r.Hash() != before.Roster.Hash() {
		t.Errorf("%v", fence.Changes(before.Roster, r))
	}
	if _, err := os.Stat(filepath.Join(dir, "conf.d", "node-n5.yaml")); !os.IsNotExist(err) {
		t.Errorf("an empty file stays: %v", err)
	}
}

func TestANodeIsRenamedAndMovedWhereItStands(t *testing.T) {
	o, dir := editFixture(t)
	e, err := RenameNode(o, "n3", "web-3", "10.0.7.3:7999")
	r := loaded(t, o, e, err)
	n, ok := r.ByName("web-3")
	if !ok || n.ID != 3 || n.Address != "10.0.7.3:7999" || r.Policy.EvenSplit != "node web-3" {
		t.Fatalf("%+v %s", n, r.Policy.EvenSplit)
	}
	text, _ := os.ReadFile(filepath.Join(dir, "fenced.yaml"))
	for _, want := range []string{`  "web-3":`, "address: 10.0.7.3:7999   # moved twice", "# the one in the other rack", "# ours"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestANodeIsRemovedWithWhatOnlyItUsed(t *testing.T) {
	o, dir := editFixture(t)
	e, err := RenameNode(o, "n3", "x3", "")
	loaded(t, o, e, err)
	e, err = RemoveNode(o, "n1")
	r := loaded(t, o, e, err)
	if _, ok := r.ByName("n1"); ok || len(r.Nodes) != 3 {
		t.Fatalf("%+v", r.Nodes)
	}
	if _, ok := r.Device("bmc-1"); ok {
		t.Error("its BMC stays")
	}
	if _, ok := r.Device("pdu"); !ok {
		t.Error("what the others use went with it")
	}
	text, _ := os.ReadFile(filepath.Join(dir, "fenced.yaml"))
	if !strings.Contains(string(text), "# the one in the other rack") {
		t.Errorf("%s", text)
	}
}

func TestWhatAnEditDoesNotUnderstandItLeaves(t *testing.T) {
	o, dir := editFixture(t)
	if _, err := RemoveNode(o, "n9"); err == nil || !strings.Contains(err.Error(), `"n9"`) {
		t.Errorf("%v", err)
	}
	flow := "cluster: c\nmembership: {provider: embedded}\nnodes: {a: {id: 1, address: 1.1.1.1, levels: [ask: human]}, b: {id: 2, address: 1.1.1.2}}\n"
	if err := os.WriteFile(filepath.Join(dir, "fenced.yaml"), []byte(flow), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := RemoveNode(o, "a"); err == nil || !strings.Contains(err.Error(), "by hand") {
		t.Errorf("%v", err)
	}
	for _, bad := range []NewNode{{Name: "a b", ID: 1}, {Name: "c", Levels: []string{"x]"}}, {Name: "c", Devices: []string{"x"}}, {Name: "c", Devices: []string{"x,y"}}} {
		if _, err := AddNode(o, bad); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

func TestARunningDaemonKnowsWhoItIsUnderANewName(t *testing.T) {
	o, dir := editFixture(t)
	o.AnyNode, o.Node, o.SelfID = false, "n3", 3
	e, err := RenameNode(o, "n3", "web-3", "")
	if err != nil {
		t.Fatal(err)
	}
	o.Overlay = e.Files
	c, ps := Load(o)
	if c == nil || c.SelfName != "web-3" || len(ps.Warnings()) != 2 || !strings.Contains(ps.Error(), "is called web-3 now") || !strings.Contains(ps.Error(), `even_split "node web-3"`) {
		t.Fatalf("%+v %v", c, ps)
	}
	o.SelfID = 0
	if c, _ := Load(o); c != nil {
		t.Error("a start with a name that is not there")
	}
	_ = dir
}

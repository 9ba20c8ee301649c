package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/residual"
)

func TestGood(t *testing.T) {
	r := newRoom(t)
	c, ps := r.load(good)
	if len(ps) != 0 {
		t.Fatalf("problems in a good file:\n%s", ps)
	}
	if c.Self != 1 || c.SelfName != "n1" || c.Provider != "embedded" || c.Listen != "10.0.0.1:7811" {
		t.Errorf("self %d %q, provider %q, listen %q", c.Self, c.SelfName, c.Provider, c.Listen)
	}
	if !c.Simulated || c.Socket != "/run/fenced/fenced.sock" || c.StateDir != "/var/lib/fenced" {
		t.Errorf("simulated %t, socket %q, state %q", c.Simulated, c.Socket, c.StateDir)
	}
	if c.Key.Reveal() != "0123456789abcdef0123456789abcdef" {
		t.Error("the key is not the file's 32 bytes")
	}
	wantLevels := []fence.Level{{Steps: []fence.Step{{Device: "pdu", Target: "3"}}}, {Steps: []fence.Step{{Ask: "human"}}}}
	n3, _ := c.Roster.ByName("n3")
	if !reflect.DeepEqual(n3.Levels, wantLevels) {
		t.Errorf("levels of n3: %v", n3.Levels)
	}
	n1, _ := c.Roster.ByName("n1")
	if n1.Levels[0].Steps[0].Device != "bmc@n1" || n1.Action != fence.ActionReboot || n1.Votes != 1 {
		t.Errorf("n1: %+v", n1)
	}
	if errs := fence.CheckTiming(c.Roster.Timing); errs != nil {
		t.Errorf("default timings: %v", errs)
	}
	if c.Roster.Policy.OnResidual != fence.ResidualSelfFence || c.Roster.Policy.EvenSplit != "freeze" || c.Roster.Policy.MaxConcurrent != 64 {
		t.Errorf("policy: %+v", c.Roster.Policy)
	}
}

func TestCoreProcesses(t *testing.T) {
	c, problems := newRoom(t).load(good + "core_processes:\n  dlm.service: {}\n  corosync.service: {policy: restart, limit: 2, within: 1m, back: 5s}\n  b@1.service: {policy: restart}\n  /run/sanlock/sanlock.pid: {policy: freeze}\n  /run/x.pid: {policy: ignore, process: other}\n")
	if len(problems) != 0 {
		t.Fatal(problems)
	}
	want := []Core{
		{Core: member.Core{Name: "/run/sanlock/sanlock.pid", Policy: member.CoreFreeze}, Process: "sanlock"},
		{Core: member.Core{Name: "/run/x.pid", Policy: member.CoreIgnore}, Process: "other"},
		{Core: member.Core{Name: "b@1.service", Policy: member.CoreRestart, Limit: 3, WithinMS: 600_000, BackMS: 30_000}},
		{Core: member.Core{Name: "corosync.service", Policy: member.CoreRestart, Limit: 2, WithinMS: 60_000, BackMS: 5000}},
		{Core: member.Core{Name: "dlm.service", Policy: member.CoreReset}},
	}
	if !reflect.DeepEqual(c.Cores, want) || len(c.MemberCores()) != len(want) {
		t.Errorf("%+v", c.Cores)
	}
}

func TestSelfFence(t *testing.T) {
	c, problems := newRoom(t).load(good + "self_fence:\n  - {plugin: acme, timeout: 3s, options: {card: 2}}\n  - {plugin: selffence}\n")
	if problems.Fatal() {
		t.Fatal(problems)
	}
	want := []SelfFencer{{Plugin: "acme", TimeoutMS: 3000, Options: map[string]string{"card": "2"}}, {Plugin: "selffence", TimeoutMS: 5000, Options: map[string]string{}}}
	if !reflect.DeepEqual(c.SelfFence, want) {
		t.Errorf("%+v", c.SelfFence)
	}
}

func TestResidual(t *testing.T) {
	c, problems := newRoom(t).load(good + `residual:
  devices: [/dev/disk/by-id/wwn-1]
  directories: [/run/mine]
  commands:
    - {run: [/usr/local/sbin/leases, --all], reset: true}
    - run: [/usr/local/sbin/other]
  probe_timeout: 1s
  scan_timeout: 3s
  on_withdraw: self-fence
`)
	if problems.Fatal() {
		t.Fatal(problems)
	}
	want := Residual{
		Devices: []string{"/dev/disk/by-id/wwn-1"}, Directories: []string{"/run/mine"}, ProbeMS: 1000, TotalMS: 3000, OnWithdraw: WithdrawSelfFence,
		Commands: []residual.Command{{Argv: []string{"/usr/local/sbin/leases", "--all"}, Reset: true}, {Argv: []string{"/usr/local/sbin/other"}}},
	}
	if !reflect.DeepEqual(c.Residual, want) {
		t.Errorf("%+v", c.Residual)
	}
}

func TestDeviceDefaults(t *testing.T) {
	r := newRoom(t)
	c, ps := r.load(good + "  other: {plugin: acme, kind: power, attempts: 5, settle: 3s, x: \"1\"}\n")
	if ps.Fatal() {
		t.Fatal(ps)
	}
	want := map[string]fence.Device{
		"bmc@n1": {SettleMS: 100, HoldUpMS: 0, AttemptMS: 20000, Attempts: 2, PollMS: 100, EffectMS: 90000, Limit: 1},
		"pdu":    {SettleMS: 1000, HoldUpMS: 5000, AttemptMS: 20000, Attempts: 2, PollMS: 100, EffectMS: 90000, Limit: 4},
		"other":  {SettleMS: 3000, HoldUpMS: 5000, AttemptMS: 20000, Attempts: 5, PollMS: 100, EffectMS: 90000, Limit: 4},
	}
	for name, w := range want {
		d, ok := c.Roster.Device(name)
		if !ok {
			t.Fatalf("no device %s", name)
		}
		w.Name, w.Plugin, w.Kind, w.Mapping = d.Name, d.Plugin, fence.KindPower, d.Mapping
		if d != w {
			t.Errorf("%s: %+v, want %+v", name, d, w)
		}
	}
	other, _ := c.Device("other")
	if !reflect.DeepEqual(other.Options, map[string]string{"x": "1"}) {
		t.Errorf("fenced's own fields leak into the plugin's options: %v", other.Options)
	}
}

// V6, R16: whatever may change the machine that a command reaches changes the mapping, and a secret does not.
func TestMapping(t *testing.T) {
	r := newRoom(t)
	mapping := func(text string) string {
		t.Helper()
		c, ps := r.load(text)
		if ps.Fatal() {
			t.Fatal(ps)
		}
		d, _ := c.Roster.Device("pdu")
		return d.Mapping
	}
	first := mapping(good)
	if len(first) != 64 {
		t.Fatalf("mapping %q", first)
	}
	if got := mapping(change(t, "    address: 10.0.9.100\n", "    address: 10.0.9.101\n")); got == first {
		t.Error("another address, the same mapping")
	}
	if got := mapping(change(t, "    address: 10.0.9.100\n", "    settle: 2s\n    address: 10.0.9.100\n")); got != first {
		t.Error("another settling time voids a drill")
	}
	c, ps := r.load(good)
	alone, _ := r.load(change(t, "    address: 10.0.9.100\n", "    isolate: true\n    address: 10.0.9.100\n"))
	if ps.Fatal() || c.Roster.Hash() != alone.Roster.Hash() {
		t.Error("a process of its own is local, the roster does not know it")
	}
	shared, _ := c.Device("pdu")
	if own, _ := alone.Device("pdu"); shared.Isolate || !own.Isolate || shared.Equal(own) {
		t.Errorf("isolate is %t, was %t", own.Isolate, shared.Isolate)
	}
	r.write("secret", "another\n", 0o600)
	if got := mapping(good); got != first {
		t.Error("a rotated secret changes the mapping, so it shows in the roster")
	}
	if mappingHash("a", map[string]string{"b": "c,1:d"}) == mappingHash("a", map[string]string{"b": "c", "1:d": ""}) {
		t.Error("two option lists read alike")
	}
}

// R16, V6: a secret that may decide what is reached is in the mapping, so that an exchanged one voids what was proven. V19: by a digest that nobody can
// hold guesses against without the cluster's key, or that is too short to tell one guess from the others where there is no key.
func TestMappingOfASecretKey(t *testing.T) {
	device := func(name, value string) Device {
		return Device{Plugin: "agent", Options: map[string]string{"agent": "fence_scsi"}, Secrets: map[string]Secret{name: NewSecret(value)}}
	}
	one, other, none := NewSecret("one"), NewSecret("other"), Secret{}
	if mappingOf(device("key", "abc1"), one) == mappingOf(device("key", "abc2"), one) || mappingOf(device("key", "abc1"), none) == mappingOf(device("key", "abc2"), none) {
		t.Error("another key, the same mapping")
	}
	if mappingOf(device("key", "abc1"), one) == mappingOf(device("nodename", "abc1"), one) {
		t.Error("a secret of another name, the same mapping")
	}
	if mappingOf(device("key", "abc1"), one) == mappingOf(device("key", "abc1"), other) {
		t.Error("who does not have the cluster's key can hold guesses against the mapping")
	}
	for _, login := range []string{"password", "snmp-priv-Passwd", "auth_password", "passwd", "secret_key"} {
		if mappingOf(device(login, "a"), one) != mappingOf(device(login, "b"), one) {
			t.Errorf("a rotated %s voids a drill", login)
		}
	}
	unread := device("key", "")
	if mappingOf(unread, none) != mappingHash("agent", unread.Options) {
		t.Error("a secret that was not read is in the mapping")
	}
	alike := map[string]bool{} // without a key there are fewer mappings than guesses
	const guesses = 3000
	for i := range guesses {
		alike[mappingOf(device("key", strconv.Itoa(i)), none)] = true
	}
	if len(alike) == guesses {
		t.Errorf("%d guesses have %d mappings: each can be told from the others", guesses, len(alike))
	}
}

// The file's key is the one that is used, and the roster has what it makes.
func TestMappingIsUnderTheClustersKey(t *testing.T) {
	r := newRoom(t)
	text := change(t, "    community_file: secret\n", "    community_file: secret\n    secrets: {outlet-key: key}\n")
	mapping := func(key string) string {
		t.Helper()
		r.write("key", key, 0o600)
		c, ps := r.load(text)
		if ps.Fatal() {
			t.Fatal(ps)
		}
		d, _ := c.Roster.Device("pdu")
		dev, _ := c.Device("pdu")
		if d.Mapping != mappingOf(dev, c.Key) || d.Mapping == mappingOf(dev, Secret{}) {
			t.Error("the mapping is not under the cluster's key")
		}
		return d.Mapping
	}
	if mapping("a") == mapping("b") {
		t.Error("another key, the same mapping in the roster")
	}
}

// V19: a secret is in no output of any kind, and not in the roster.
func TestSecretsPrintNothing(t *testing.T) {
	r := newRoom(t)
	c, ps := r.load(good)
	if ps.Fatal() {
		t.Fatal(ps)
	}
	d, _ := c.Device("bmc@n1")
	if d.Secrets["password"].Reveal() != "hunter2" || d.All()["password"] != "hunter2" || d.All()["username"] != "u" {
		t.Fatalf("the secret was not read")
	}
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "secret", d.Secrets["password"], "device", d, "key", c.Key)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "secret", d.Secrets["password"], "device", d, "config", c)
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(b)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&out, verb, d)
		fmt.Fprintf(&out, verb, d.Secrets["password"])
		fmt.Fprintf(&out, verb, c.Key)
	}
	for _, clear := range []string{"hunter2", "68756e74657232", "104 117 110", "0123456789abcdef", "48 49 50"} {
		if strings.Contains(out.String(), clear) {
			t.Errorf("%q is in the output: %s", clear, out.String())
		}
	}
	if !strings.Contains(out.String(), "***") {
		t.Error("the secret was not printed at all, so nothing was proven")
	}
}

func TestConfDir(t *testing.T) {
	r := newRoom(t)
	r.write("conf.d/20-b.yaml", "nodes:\n  n4: {id: 4, address: 10.0.0.4, levels: [{ask: human}]}\n", 0o640)
	r.write("conf.d/10-a.yaml", "log: {level: debug}\nmembership: {listen: \":9000\"}\n", 0o640)
	r.write("conf.d/.hidden.yaml", "no: sense\n", 0o640)
	r.write("conf.d/README", "no: sense\n", 0o640)
	c, ps := r.load(good)
	if len(ps) != 0 {
		t.Fatal(ps)
	}
	if len(c.Roster.Nodes) != 4 || c.LogLevel != slog.LevelDebug || c.Listen != "0.0.0.0:9000" {
		t.Errorf("%d nodes, level %s, listen %s", len(c.Roster.Nodes), c.LogLevel, c.Listen)
	}
	want := []string{r.path("fenced.yaml"), r.path("conf.d/10-a.yaml"), r.path("conf.d/20-b.yaml")}
	if !reflect.DeepEqual(c.Files, want) {
		t.Errorf("files %v", c.Files)
	}
}

// R5: the roster's hash depends on what the files say and not on how it is spread over them.
func TestRosterHashIsOfContent(t *testing.T) {
	r := newRoom(t)
	one, ps := r.load(good + "timings: {lease: 7s}\n")
	if ps.Fatal() {
		t.Fatal(ps)
	}
	r.write("conf.d/a.yaml", "timings:\n  lease: 7000ms\n", 0o640)
	two, ps := r.load(good)
	if ps.Fatal() {
		t.Fatal(ps)
	}
	if one.Roster.Hash() != two.Roster.Hash() || one.Roster.Timing.LeaseMS != 7000 {
		t.Errorf("hash %s and %s, lease %d", one.Roster.Hash(), two.Roster.Hash(), one.Roster.Timing.LeaseMS)
	}
}

// Names keep their case, all the way (S: viper merges Node1 with node1 without a word).
func TestNamesKeepTheirCase(t *testing.T) {
	r := newRoom(t)
	text := strings.ReplaceAll(strings.ReplaceAll(good, "  n2:", "  N1:"), "  pdu:", "  PDU:")
	text = strings.ReplaceAll(text, "device: pdu", "device: PDU")
	c, ps := r.load(text)
	if ps.Fatal() {
		t.Fatal(ps)
	}
	upper, ok := c.Roster.ByName("N1")
	if !ok || upper.ID != 2 || upper.Levels[0].Steps[0].Device != "PDU" {
		t.Errorf("N1: %+v", upper)
	}
	if len(ps) != 1 || !ps[0].Warning || !strings.Contains(ps[0].Text, "differ in case only") {
		t.Errorf("problems: %s", ps)
	}
}

// What the embedded membership cannot do is not promised: of two even halves none goes on (0069).
func TestEvenSplitsFreeze(t *testing.T) {
	for policy, warned := range map[string]bool{"freeze": false, "lowest-id": true, "node n1": true} {
		c, ps := newRoom(t).load(good + "policy: {even_split: " + policy + "}\n")
		if c == nil || ps.Fatal() {
			t.Fatalf("%s: %s", policy, ps)
		}
		if found := len(ps) == 1 && ps[0].Warning && ps[0].Line > 0 && ps[0].Remedy != "" && strings.Contains(ps[0].Text, "even_split"); found != warned || len(ps) > 1 {
			t.Errorf("%s: %s", policy, ps)
		}
	}
}

func TestSelf(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	short, _, _ := strings.Cut(host, ".")
	r := newRoom(t)
	r.write("fenced.yaml", change(t, "  n2:", "  "+short+":"), 0o640)
	o := r.options()
	o.Node = ""
	c, ps := Load(o)
	if ps.Fatal() || c.SelfName != short {
		t.Fatalf("by hostname: %v %s", c, ps)
	}
	r.write("conf.d/me.yaml", "node: n3\n", 0o640)
	if c, ps := Load(o); ps.Fatal() || c.SelfName != "n3" {
		t.Fatalf("by the file: %v %s", c, ps)
	}
	o.Node = "n1"
	if c, ps := Load(o); ps.Fatal() || c.SelfName != "n1" {
		t.Fatalf("by FENCED_NODE: %v %s", c, ps)
	}
	o.Node = "elsewhere"
	if _, ps := Load(o); !ps.Fatal() {
		t.Fatal("a stranger was let in")
	}
	o.AnyNode = true
	if c, ps := Load(o); ps.Fatal() || c.Self != 0 {
		t.Fatalf("checking a file on another machine: %s", ps)
	}
}

func TestCredentialsDirectory(t *testing.T) {
	r := newRoom(t)
	r.write("creds/bmc", "from systemd", 0o400)
	r.write("fenced.yaml", change(t, "username: u, password_file: secret", "username: u, password_file: \"${CREDENTIALS_DIRECTORY}/bmc\""), 0o640)
	o := r.options()
	o.Env = []string{"CREDENTIALS_DIRECTORY=" + r.path("creds")}
	c, ps := Load(o)
	if ps.Fatal() {
		t.Fatal(ps)
	}
	if d, _ := c.Device("bmc@n1"); d.Secrets["password"].Reveal() != "from systemd" {
		t.Error("the credential was not read")
	}
}

func TestNoSecretsReadsNone(t *testing.T) {
	r := newRoom(t)
	with, _ := r.load(good)
	for _, f := range []string{"secret", "authkey"} {
		if err := os.Remove(r.path(f)); err != nil {
			t.Fatal(err)
		}
	}
	o := r.options()
	o.NoSecrets = true
	c, ps := Load(o)
	if ps.Fatal() {
		t.Fatal(ps)
	}
	if d, _ := c.Device("bmc@n1"); !d.Secrets["password"].Empty() || !c.Key.Empty() {
		t.Error("a secret came from nowhere")
	}
	if c.Roster.Hash() != with.Roster.Hash() {
		t.Error("the roster's hash depends on secrets")
	}
}

// The sample is a configuration that works: it loads without a problem or a warning, once its secrets exist.
func TestSample(t *testing.T) {
	r := newRoom(t)
	b, err := os.ReadFile(filepath.Join("..", "..", "configs", "fenced.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(b), "/etc/fenced/secrets/", r.path("")+"/")
	text = strings.ReplaceAll(text, "/etc/fenced/authkey", r.path("authkey"))
	for _, s := range []string{"bmc", "pdu"} {
		r.write(s, "x\n", 0o600)
	}
	r.write("fenced.yaml", text, 0o640)
	o := r.options()
	o.Node = "node-1"
	c, ps := Load(o)
	if len(ps) != 0 {
		t.Fatalf("the sample has problems:\n%s", r.text(ps))
	}
	// What it shows as defaults are the defaults.
	r.write("fenced.yaml", good, 0o640)
	o.Node = "n1"
	def, ps := Load(o)
	if ps.Fatal() {
		t.Fatal(ps)
	}
	if c.Roster.Timing != def.Roster.Timing || c.Roster.Policy != def.Roster.Policy || c.API != def.API || c.LogLevel != def.LogLevel || c.LogFormat != def.LogFormat {
		t.Errorf("the sample's defaults are not the defaults:\n%+v\n%+v", c.Roster, def.Roster)
	}
	// Its commented lines are good too.
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if u := strings.TrimLeft(l, " "); strings.HasPrefix(u, "#") && !strings.HasPrefix(u, "# ") && u != "#" {
			lines[i] = strings.Replace(l, "#", "", 1)
		}
	}
	r.write("fenced.yaml", strings.Join(lines, "\n"), 0o640)
	o.Node = ""
	if _, ps := Load(o); len(ps) != 0 {
		t.Errorf("the sample's commented lines have problems:\n%s", r.text(ps))
	}
}

// A named pipe where a configuration file belongs is an error at once, not a daemon that waits for a writer.
func TestPipeIsNoFile(t *testing.T) {
	r := newRoom(t)
	r.write("fenced.yaml", good, 0o640)
	if err := os.Mkdir(r.path("conf.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(r.path("conf.d/x.yaml"), 0o600); err != nil {
		t.Fatal(err)
	}
	// A writer that comes in the end lets an open that blocks go on, so that the test fails and does not hang.
	rescue := time.AfterFunc(5*time.Second, func() {
		if f, err := os.OpenFile(r.path("conf.d/x.yaml"), os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
			_ = f.Close()
		}
	})
	_, ps := Load(r.options())
	if !rescue.Stop() {
		t.Error("it waited for a writer")
	}
	if got := r.text(ps); !strings.Contains(got, "conf.d/x.yaml") || !strings.Contains(got, "not a plain file") {
		t.Errorf("problems: %s", got)
	}
}

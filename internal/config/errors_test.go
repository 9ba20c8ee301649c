package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/membership/corosync"
	"github.com/fenced-project/fenced/plugins/host"
)

// mistake is one wrong configuration; its problems are in testdata/errors.golden.
type mistake struct {
	name string
	text string
	conf map[string]string
	prep func(r room)
	opt  func(o *Options)
}

func mistakes(t *testing.T) []mistake {
	t.Helper()
	ch := func(old, new string) string { t.Helper(); return change(t, old, new) }
	const pdu = "devices:\n  pdu:\n    plugin: pdu\n    address: 10.0.9.100\n    community_file: secret\n"
	const fabrics = "  fc-a: {plugin: acme, kind: storage, accept_mapping: true, address: 10.0.9.7}\n  fc-b: {plugin: acme, kind: storage, accept_mapping: true, address: 10.0.9.8}\n"
	return []mistake{
		{name: "unknown field at the top", text: good + "timing: {lease: 5s}\n"},
		{name: "unknown field in a node", text: ch("    id: 2\n", "    id: 2\n    adress: x\n")},
		{name: "unknown field in timings", text: good + "timings: {fail_timeout: 2s, qqqqqq: 1}\n"},
		{name: "duplicate key", text: good + "cluster: d\n"},
		{name: "duplicate node", text: ch("  n2:\n", "  n1:\n")},
		{name: "duplicate key in flow style", text: ch("username: u,", "username: u, username: v,")},
		{name: "same key in two files", text: good, conf: map[string]string{"a.yaml": "nodes: {n1: {id: 7}}\n", "b.yaml": "membership: {provider: embedded}\n"}},
		{name: "list continued in another file", text: good, conf: map[string]string{"a.yaml": "nodes: {n1: {levels: [{ask: human}]}}\n"}},
		{name: "duplicate id", text: ch("id: 2", "id: 1")},
		{name: "duplicate id in another file", text: good, conf: map[string]string{"a.yaml": "nodes: {n4: {id: 3, address: 10.0.0.3, levels: [{device: pdu, target: \"3\"}]}}\n"}},
		{name: "no id", text: ch("    id: 2\n", "")},
		{name: "id zero", text: ch("id: 2", "id: 0")},
		{name: "id no number", text: ch("id: 2", "id: two")},
		{name: "duplicate address", text: ch("address: 10.0.0.2:7000", "address: 10.0.0.1:7811")},
		{name: "duplicate address in two spellings", text: ch("address: 10.0.0.2:7000", `address: "[::ffff:10.0.0.3]:7811"`)},
		{name: "no address", text: ch("    address: 10.0.0.2:7000\n", "")},
		{name: "address with a wrong port", text: ch("10.0.0.2:7000", "10.0.0.2:70000")},
		{name: "address that nobody reaches", text: ch("10.0.0.2:7000", "0.0.0.0:7000")},
		{name: "address of nonsense", text: ch("10.0.0.2:7000", "a b")},
		{name: "duplicate machine", text: strings.Replace(ch("    id: 2\n", "    id: 2\n    machine: {uuid: 4C4C4544-0042-3510-8058-B7C04F4E3131}\n"), "    id: 3\n", "    id: 3\n    machine: {uuid: 4c4c4544004235108058b7c04f4e3131}\n", 1)},
		{name: "machine of zeros", text: ch("    id: 2\n", "    id: 2\n    machine: {uuid: 00000000-0000-0000-0000-000000000000}\n")},
		{name: "machine without uuid", text: ch("    id: 2\n", "    id: 2\n    machine: {serial: x}\n")},
		{name: "node name of nonsense", text: ch("  n2:", "  \"n 2\":")},
		{name: "no nodes", text: good[:strings.Index(good, "nodes:")] + pdu},
		{name: "no cluster", text: ch("cluster: c\n", "")},
		{name: "cluster of nonsense", text: ch("cluster: c\n", "cluster: a/b\n")},
		{name: "this node is not listed", text: good, opt: func(o *Options) { o.Node = "N1" }},
		{name: "this node is not listed by the file", text: good + "node: elsewhere\n", opt: func(o *Options) { o.Node = "" }},
		{name: "no levels", text: ch("    levels: [bmc]\n", "")},
		{name: "empty levels", text: ch("levels: [bmc]", "levels: []")},
		{name: "empty level", text: ch("levels: [bmc]", "levels: [bmc, []]")},
		{name: "levels no list", text: ch("levels: [bmc]", "levels: bmc")},
		{name: "unknown device", text: ch("levels: [bmc]", "levels: [bcm, nothing-like-it, \"pdu[2]\"]")},
		{name: "another node's own device", text: ch(`levels: [{device: pdu, target: "2"}]`, `levels: [bmc]`)},
		{name: "unknown step", text: ch("levels: [bmc]", "levels: [bmc, {wait: tomorrow}, {ask: computer}, {devise: bmc}]")},
		{name: "two steps in one", text: ch("levels: [bmc]", "levels: [{device: bmc, ask: human}, {ask: human, target: x}]")},
		{name: "ask beside a device", text: ch("levels: [bmc]", "levels: [[bmc, {ask: human}]]")},
		{name: "a step twice", text: ch("levels: [bmc]", "levels: [[bmc, bmc]]")},
		{name: "two nodes on one outlet", text: ch(`levels: [{device: pdu, target: "2"}]`, `levels: [{device: pdu, target: "3"}]`)},
		{name: "two nodes on one of two outlets", text: ch(`levels: [{device: pdu, target: "2"}]`, `levels: [{device: pdu, target: "2, 3"}]`)},
		{name: "two nodes on one of two plugs by another spelling", text: onPlugs(t, `plugin: agent, agent: fence_x, ip: 10.0.9.9, plug-separator: ";"`, "3", "2;3")},
		{name: "two nodes on one outlet by another number", text: ch(`levels: [{device: pdu, target: "2"}]`, `levels: [{device: pdu, target: "2, 03"}]`)},
		{name: "two nodes on outlets by name and by number", text: ch(`levels: [{device: pdu, target: "2"}]`, `levels: [{device: pdu, target: "web,2"}]`)},
		{name: "two nodes on one key that is a secret", text: onPlugs(t, `plugin: agent, agent: fence_scsi, kind: storage, devices: /dev/sda, secrets: {key: secret}`, "n2", "n3")},
		{name: "an agent of a class that is not the device's kind", text: onPlugs(t, `plugin: agent, agent: fence_x, ip: 10.0.9.9, class: delay`, "2", "3")},
		{name: "two nodes on one key whatever the target", text: onPlugs(t, `plugin: agent, agent: fence_scsi, kind: storage, devices: /dev/sda, key: abc1`, "n2", "n3")},
		{name: "two nodes on one machine whatever the target", text: onPlugs(t, `plugin: agent, agent: fence_virsh, ip: 10.0.9.9, uuid: 0b3f`, "n2", "n3")},
		{name: "two nodes on one system", text: ch(`    levels: [{device: pdu, target: "2"}]`, "    levels: [ipmi]\n    devices: {ipmi: {plugin: bmc, address: \"10.0.9.1:623\", username: other, password_file: secret}}")},
		{name: "two nodes on one system by two protocols", text: ch(`    levels: [{device: pdu, target: "2"}]`, "    levels: [r]\n    devices: {r: {plugin: bmc, address: \"https://10.0.9.1\", password_file: secret}}")},
		{name: "system without an id beside one with", text: ch(`    levels: [{device: pdu, target: "2"}]`, "    levels: [r]\n    devices: {r: {plugin: bmc, address: 10.0.9.1, system: blade-2, password_file: secret}}")},
		{name: "two names for one outlet", text: ch(`    levels: [{device: pdu, target: "2"}]`, "    levels: [{device: same, target: \"3\"}]\n    devices: {same: {plugin: pdu, address: 10.0.9.100, community_file: secret}}")},
		{name: "two names for one device without address", text: strings.Replace(ch(`    levels: [{device: pdu, target: "2"}]`, "    levels: [d]\n    devices: {d: {plugin: dummy, state: /x}}"), `    levels: [[{device: pdu, target: "3"}], {ask: human}]`, "    levels: [e]\n    devices: {e: {plugin: dummy, state: /x}}", 1)},
		{name: "unused device", text: good + "  spare: {plugin: pdu, address: 10.0.9.5, community_file: secret, typo_limit: 3}\n"},
		{name: "device without plugin", text: good + "  d: {address: 1.2.3.4}\n"},
		{name: "device of an unknown plugin without kind", text: good + "  d: {plugin: acme}\n"},
		{name: "device that only waits", text: ch("levels: [bmc]", "levels: [bmc, sleep]") + "  sleep: {plugin: acme, kind: delay}\n"},
		{name: "device that cuts storage", text: ch("levels: [bmc]", "levels: [bmc, san]") + "  san: {plugin: acme, kind: storage}\n"},
		{name: "a cut and nothing shared", text: ch("levels: [bmc]", "levels: [bmc, san]") + "  san: {plugin: acme, kind: storage, accept_mapping: true}\n"},
		{name: "a cut beside power", text: ch("levels: [bmc]", "levels: [[bmc, san], [san, {wait: watchdog}]]") + "  san: {plugin: acme, kind: storage, accept_mapping: true}\nshared: {lun: {cut_by: [san]}}\n"},
		{name: "a cut of one path of two", text: ch("levels: [bmc]", "levels: [{device: fc-a, target: \"1\"}, {device: fc-b, target: \"1\"}, [{device: fc-a, target: \"1\"}, {device: fc-b, target: \"1\"}]]") + fabrics + "shared: {lun: {cut_by: [[fc-a, fc-b]]}}\n"},
		{name: "a cut of a node's own", text: ch("      bmc: {plugin: bmc,", "      san: {plugin: acme, kind: storage, accept_mapping: true}\n      bmc: {plugin: bmc,") + "shared: {lun: {cut_by: [san, pdu, []]}, \"a b\": {cut_by: x}, nothing: {}, one: {cut: pdu}, two: {cut_by: [[fc-a, fc-a, {a: b}]]}}\n"},
		{name: "too much is shared", text: good + fabrics + "shared:\n" + many(65, "  lun-%d: {cut_by: [fc-a]}\n")},
		{name: "what a node shares", text: strings.Replace(ch("    id: 2\n", "    id: 2\n    shared: [lum, lun, lun]\n"), "    id: 3\n", "    id: 3\n    shared: []\n", 1) + fabrics + "shared: {lun: {cut_by: [fc-a]}, spare: {cut_by: [fc-b]}}\n"},
		{name: "a mapping of power that is vouched for", text: ch("    plugin: pdu\n", "    plugin: pdu\n    accept_mapping: true\n")},
		{name: "who switches power registers itself", text: ch("    plugin: pdu\n", "    plugin: pdu\n    on_target: true\n")},
		{name: "nobody says who registers the nodes", text: good + "  d: {plugin: agent, agent: /usr/sbin/fence_scsi, kind: storage, devices: /dev/x}\n  e: {plugin: agent, agent: fence_mpath, kind: storage, devices: /dev/x, on_target: false}\n"},
		{name: "selffence as a device", text: good + "  d: {plugin: selffence}\n"},
		{name: "device timings", text: ch("    plugin: pdu\n", "    plugin: pdu\n    attempt_timeout: 6s\n    poll: 0s\n    limit: 0\n    attempts: many\n    settle: 1us\n")},
		{name: "option of a plugin that is a map", text: ch("    plugin: pdu\n", "    plugin: pdu\n    extra: {a: b}\n")},
		{name: "secret in clear", text: ch("password_file: secret", "password: hunter2")},
		{name: "old name of a secret in clear", text: ch("password_file: secret", "passwd: hunter2")},
		{name: "prefixed secret in clear", text: ch("password_file: secret", "snmp_priv_passwd: hunter2, access_key: hunter3")},
		{name: "secret in place of its file", text: ch("password_file: secret", "password_file: hunter2/and/more")},
		{name: "authkey in place of its file", text: ch("authkey: authkey", "authkey: hunter2/and/more=")},
		{name: "secret missing", text: good, prep: func(r room) { _ = os.Remove(r.path("secret")) }},
		{name: "secret open to all", text: good, prep: func(r room) { _ = os.Chmod(r.path("secret"), 0o644) }},
		{name: "secret empty", text: good, prep: func(r room) { r.write("secret", "\n", 0o600) }},
		{name: "secret too long", text: good, prep: func(r room) { r.write("secret", strings.Repeat("x", 5000), 0o600) }},
		{name: "secret is a directory", text: ch("password_file: secret", "password_file: root")},
		{name: "secret twice", text: ch("password_file: secret", "password_file: secret, secrets: {password: secret}")},
		{name: "credentials without systemd", text: ch("password_file: secret", "password_file: \"${CREDENTIALS_DIRECTORY}/x\"")},
		{name: "unknown variable in a path", text: ch("password_file: secret", "password_file: \"${HOME}/x\"")},
		{name: "authkey missing", text: ch("authkey: authkey", "authkey: nowhere")},
		{name: "authkey of nonsense", text: ch("authkey: authkey", "authkey: secret")},
		{name: "authkey open to all", text: good, prep: func(r room) { _ = os.Chmod(r.path("authkey"), 0o640) }},
		{name: "no provider", text: ch("  provider: embedded\n", "  listen: \":1\"\n")},
		{name: "no membership", text: ch("membership:\n  provider: embedded\n", "")},
		{name: "unknown provider", text: ch("provider: embedded", "provider: memory")},
		{name: "corosync without its nodelist", text: inRing},
		{name: "corosync that does not answer", text: inRing, opt: answers(nil, errors.New("corosync does not run on this node"))},
		{name: "corosync with other nodes", text: inRing, opt: answers(&corosync.Settings{Nodes: []corosync.Listed{{ID: 1, Name: "n1", Votes: 1}, {ID: 9, Name: "m2", Votes: 1}}}, nil)},
		{name: "corosync with other ids and votes", text: ch("provider: embedded", "provider: corosync"), opt: answers(ringOf(func(s *corosync.Settings) {
			s.Nodes[0].ID, s.Nodes[1].Votes = 7, 3
		}), nil)},
		{name: "corosync without a quorum provider", text: inRing, opt: answers(ringOf(func(s *corosync.Settings) { s.Provider = "" }), nil)},
		{name: "corosync with settings that hurt", text: inRing, opt: answers(ringOf(func(s *corosync.Settings) {
			s.Token, s.Written, s.Consensus, s.Encrypted, s.TwoNode = 900*time.Millisecond, 300*time.Millisecond, 5*time.Second, false, true
		}), nil)},
		{name: "corosync says that this is another node", text: inRing, opt: answers(ringOf(func(s *corosync.Settings) { s.Local = 2 }), nil)},
		{name: "corosync and what is embedded's", text: strings.Replace(ch("provider: embedded", "provider: corosync\n  listen: \":1\"\n  allow_two_memberships: true"),
			"    id: 3\n", "    id: 3\n    role: witness\n", 1), opt: answers(ringOf(nil), nil)},
		{name: "corosync and no nodes", text: inRing[:strings.Index(inRing, "nodes:")] + "nodes:\n", opt: answers(ringOf(nil), nil)},
		{name: "listen of nonsense", text: ch("  provider: embedded\n", "  provider: embedded\n  listen: here\n")},
		{name: "two voters", text: strings.Replace(ch("    id: 3\n", "    id: 3\n    votes: 0\n"), "id: 2", "id: 2", 1)},
		{name: "one voter", text: strings.Replace(ch("    id: 3\n", "    id: 3\n    votes: 0\n"), "    id: 2\n", "    id: 2\n    votes: 0\n", 1)},
		{name: "two votes", text: ch("    id: 3\n", "    id: 3\n    votes: 2\n")},
		{name: "embedded beside dlm", text: good, prep: func(r room) { r.write("root/sys/module/dlm/x", "", 0o644) }},
		{name: "embedded beside corosync", text: good, prep: func(r room) { r.write("root/etc/corosync/corosync.conf", "", 0o644) }},
		{name: "impossible timings", text: good + "timings:\n  ping_interval: 1s\n  lease: 1s\n  post_join_delay: 500ms\n  stagger: 0s\n"},
		{name: "impossible default", text: good + "timings: {failure_timeout: 60s}\n"},
		{name: "delays without an end", text: good + "timings: {post_join_delay: -1, post_fail_delay: -1s}\n"},
		{name: "durations", text: good + "timings: {lease: 5, stagger: -1s, ping_interval: soon, post_join_delay: 48h}\n"},
		{name: "policy", text: good + "policy: {on_residual: ignore, max_concurrent: 0, watchdog_while_paused: \"true\", accept_softdog: yes, idle_stateless: 1}\n"},
		{name: "self_fence", text: good + "self_fence:\n  - {}\n  - selffence\n  - {plugin: A/B, timeout: 16s}\n  - {plugin: selffence, timeout: 1ms, options: {system_root: /}}\n"},
		{name: "self_fence options", text: good + "self_fence: [{plugin: acme, options: {password: x, list: [1]}, typo: 1}]\n"},
		{name: "self_fence no list", text: good + "self_fence: {plugin: selffence}\n"},
		{name: "core_processes", text: good + "core_processes:\n  corosync: {}\n  -x.service: {}\n  fenced.service: {policy: ignore}\n  a.service: {policy: reboot, process: a}\n  b.service: {policy: freeze, limit: 3}\n  c.service: {policy: restart, limit: 101, within: 48h, back: soon, typo: 1}\n  /run/d.pid: {policy: restart}\n  /run/e.pid: {process: \"\"}\n  f.service: reset\n"},
		{name: "residual", text: good + "residual:\n  devices: [sdb, [x]]\n  directories: /run/x\n  commands: [{run: []}, {run: [prog]}, {run: [[x]]}, {reset: maybe, run: [/bin/x]}, run]\n  probe_timeout: 9s\n  scan_timeout: 50ms\n  device: x\n"},
		{name: "even split", text: good + "policy: {even_split: \"node N2\"}\n"},
		{name: "even split by a witness that is none", text: good + "policy: {even_split: witness}\n"},
		{name: "two voters and no witness", text: ch("    id: 3\n", "    id: 3\n    votes: 0\n")},
		{name: "a witness with levels", text: ch("    id: 3\n", "    id: 3\n    role: witness\n")},
		{name: "a witness with devices and a machine", text: ch("    levels: [[{device: pdu, target: \"3\"}], {ask: human}]\n", "    role: witness\n    action: off\n    devices: {}\n    machine: {uuid: 4c4c4544-0042-3510-8058-b7c04f4e3131}\n")},
		{name: "a witness without a vote", text: good + "  n4:\n    id: 4\n", prep: func(r room) {
			r.write("fenced.yaml", strings.Replace(good, "devices:\n  pdu", "  n4: {id: 4, address: 10.0.0.4, role: witness, votes: 0}\ndevices:\n  pdu", 1), 0o640)
		}},
		{name: "two witnesses and one node", text: ch("    levels: [{device: pdu, target: \"2\"}]\n", "    role: witness\n"), prep: func(r room) {
			b, _ := os.ReadFile(r.path("fenced.yaml"))
			r.write("fenced.yaml", strings.Replace(string(b), "    levels: [[{device: pdu, target: \"3\"}], {ask: human}]\n", "    role: witness\n", 1), 0o640)
		}},
		{name: "role and witness contradict", text: ch("    id: 3\n", "    id: 3\n    role: node\n    witness: true\n")},
		{name: "a role that is none", text: ch("    id: 3\n", "    id: 3\n    role: arbiter\n")},
		{name: "this machine is a witness", text: ch("    levels: [[{device: pdu, target: \"3\"}], {ask: human}]\n", "    role: witness\n"), opt: func(o *Options) { o.Node, o.AsNode = "n3", true }},
		{name: "the file of a witness", text: "witness: w\nkey: abc\n"},
		{name: "even split of nonsense", text: good + "policy: {even_split: dice}\n"},
		{name: "history", text: good + "history: {keep: -1}\n"},
		{name: "plugins", text: good + "plugins: {bmc: {sha256: abc, isolate: maybe, start_timeout: 31s}, pdu: {start_timeout: 999ms}, \"a b\": {}}\n"},
		{name: "options against the plugin's schema", text: ch("    plugin: pdu\n", "    plugin: pdu\n    adress: 10.0.9.2\n    port: many\n    driver: none\n    pin: \"1234\"\n    secrets: {passwrd: secret}\n    token_file: secret\n    hunter2-hunter2: 1\n"), opt: describe},
		{name: "options of a self-fence plugin against its schema", text: good + "self_fence: [{plugin: pdu, options: {adress: x, outlets: \"2\"}}, {plugin: acme, options: {a: b}}]\n", opt: describe},
		{name: "options that a plugin judges itself", text: ch("    plugin: pdu\n", "    plugin: agent\n    anything: 1\n"), opt: describe},
		{name: "a plugin that does nothing on the node itself", text: good + "  d: {plugin: pdu, kind: storage, on_target: true, address: 10.0.9.9, outlets: \"2\"}\n", opt: describe},
		{name: "options that an agent refuses", opt: agents, text: ch("    plugin: pdu\n", "    plugin: agent\n    agent: fence_x\n    username: u\n    usernam: u\n    kind: storage\n")},
		{name: "a secret that an agent refuses", opt: agents, text: ch("    plugin: pdu\n", "    plugin: agent\n    agent: fence_x\n    secrets: {snmp_pin: secret}\n")},
		{name: "an agent of another kind", opt: agents, text: ch("    plugin: pdu\n", "    plugin: agent\n    agent: fence_x\n")},
		{name: "an agent that is not here", opt: agents, text: ch("    plugin: pdu\n", "    plugin: agent\n    agent: fence_absent\n") + "cluster: again\n"},
		{name: "isolate of a device", text: ch("  pdu:\n", "  pdu:\n    isolate: perhaps\n")},
		{name: "log and api", text: good + "log: {level: loud, format: xml}\napi: {group: , users: x}\n"},
		{name: "log by flags", text: good, opt: func(o *Options) { o.LogLevel, o.LogFormat = "loud", "xml" }},
		{name: "values of the wrong kind", text: good + "timings: 5\npolicy: [a]\nhistory: {keep: {a: b}}\n"},
		{name: "unknown variables at run", text: good, opt: func(o *Options) {
			o.Strict = true
			o.Env = []string{"FENCED_CONFG=x", "FENCED_DEBUG=1", "FENCED_TEST_SLOW=3", "FENCED_SEED=1", "FENCED_UPDATE=1", "FENCED_NODE=n1", "OTHER=1"}
		}},
		{name: "unknown variables elsewhere", text: good, opt: func(o *Options) { o.Env = []string{"FENCED_CONFG=x"} }},
		{name: "no file", text: good, prep: func(r room) { _ = os.Remove(r.path("fenced.yaml")) }},
		{name: "file that everybody writes", text: good, prep: func(r room) { _ = os.Chmod(r.path("fenced.yaml"), 0o666) }},
		{name: "conf.d is a file", text: good, prep: func(r room) { r.write("conf.d", "", 0o644) }},
		{name: "syntax", text: "cluster: c\nnodes:\n  n1: [1, 2\n  n2: 3\n"},
		{name: "syntax in one of two files", text: good, conf: map[string]string{"a.yaml": "a: 'b\n"}},
		{name: "tab", text: "cluster: c\nnodes:\n\tn1: {}\n"},
		{name: "not UTF-8", text: "cluster: \xff\n"},
		{name: "zero byte", text: "cluster: a\x00\n"},
		{name: "long line", text: "cluster: " + strings.Repeat("x", 5000) + "\n"},
		{name: "too many lines", text: strings.Repeat("\n", 20_001)},
		{name: "deep brackets", text: "cluster: " + strings.Repeat("[", 100) + "\n"},
		{name: "deep blocks", text: "cluster:\n" + deep(30)},
		{name: "anchor and alias", text: ch("cluster: c", "cluster: &a c") + "node: *a\n"},
		{name: "merge key", text: ch("    id: 2\n", "    id: 2\n    <<: {votes: 1}\n")},
		{name: "tag", text: ch("cluster: c", "cluster: !!str c")},
		{name: "two documents", text: good + "---\ncluster: d\n"},
		{name: "a list", text: "- cluster\n"},
		{name: "a word", text: "cluster\n"},
		{name: "empty", text: "\n# nothing\n"},
		{name: "everything at once", text: "clustr: c\nmembership: {provider: raft}\nnodes:\n  n1: {address: 10.0.0.1, levels: [x]}\n  n2: {id: 2, address: 10.0.0.1, levels: []}\ntimings: {lease: 1}\n"},
	}
}

// many repeats a line with its number.
func many(n int, line string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, line, i)
	}
	return b.String()
}

func deep(n int) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

// Every mistake has its own words, its place and its remedy (UX.md); all are told at once. The golden file is read by people at review.
func TestMistakes(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Log("as root, permission to read is never refused; modes are judged all the same")
	}
	var out strings.Builder
	for _, m := range mistakes(t) {
		r := newRoom(t)
		r.write("fenced.yaml", m.text, 0o640)
		for name, text := range m.conf {
			r.write("conf.d/"+name, text, 0o640)
		}
		if m.prep != nil {
			m.prep(r)
		}
		o := r.options()
		if m.opt != nil {
			m.opt(&o)
		}
		c, ps := Load(o)
		if (c == nil) != ps.Fatal() {
			t.Errorf("%s: a configuration is there: %t, fatal: %t", m.name, c != nil, ps.Fatal())
		}
		if len(ps) == 0 {
			t.Errorf("%s: nothing was found", m.name)
		}
		for _, p := range ps {
			if p.Remedy == "" || strings.Contains(p.String(), "\n") {
				t.Errorf("%s: no remedy, or not one line: %s", m.name, p)
			}
		}
		out.WriteString("== " + m.name + "\n" + r.text(ps) + "\n\n")
	}
	golden(t, "errors.golden", out.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("FENCED_UPDATE") == "1" {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(g), len(w)) {
		a, b := "", ""
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			t.Fatalf("%s:%d (FENCED_UPDATE=1 writes it anew)\n got: %s\nwant: %s", path, i+1, a, b)
		}
	}
}

// onPlugs is the good file with n2 and n3 on two targets of one agent.
func onPlugs(t *testing.T, agent, n2, n3 string) string {
	t.Helper()
	text := change(t, `levels: [{device: pdu, target: "2"}]`, `levels: [{device: x, target: "`+n2+`"}]`)
	text = strings.Replace(text, `[[{device: pdu, target: "3"}], {ask: human}]`, `[{device: x, target: "`+n3+`"}]`, 1)
	return strings.Replace(text, "devices:\n  pdu:", "devices:\n  x: {"+agent+"}\n  pdu:", 1)
}

// describe stands for plugins that can be asked; bmc is not installed.
func describe(o *Options) {
	o.Describe = func(plugin string) (host.Description, error) {
		switch plugin {
		case "pdu":
			return host.Description{Options: []host.Option{
				{Name: "address", Type: "string", Required: true, Help: "host or host:port"},
				{Name: "port", Type: "int", Help: "UDP port"},
				{Name: "outlets", Type: "string", Required: true, Help: "how many it has"},
				{Name: "model", Type: "string", Required: true, Default: "auto"},
				{Name: "driver", Type: "enum", Values: []string{"a", "b"}, Help: "a for the old ones"},
				{Name: "community", Type: "string", Secret: true},
				{Name: "pin", Type: "string", Secret: true},
				{Name: "password", Type: "string", Secret: true},
			}}, nil
		case "agent":
			return host.Description{ExtraOptions: true, Actions: []string{"off", "on", "on-target"}, Options: []host.Option{{Name: "agent", Type: "string", Required: true, Help: "its name"}}}, nil
		}
		return host.Description{}, errors.New("it is not installed")
	}
}

// agents stands for installed agents that judge their parameters.
func agents(o *Options) {
	describe(o)
	o.Open = func(devices []host.DeviceConfig) (map[string]error, error) {
		wrong := map[string]error{}
		for _, d := range devices {
			refuse := func(text string) { wrong[d.Name] = &host.CallError{Class: host.ClassRefused, Text: text} }
			_, pin := d.Secrets["snmp_pin"]
			switch _, misspelt := d.Options["usernam"]; {
			case d.Options["agent"] == "fence_absent":
				wrong[d.Name] = &host.CallError{Class: host.ClassUnsupported, Text: "cannot use agent fence_absent: there is none"}
			case misspelt:
				refuse(`option "usernam" is unknown to fence_x, did you mean username?`)
			case pin:
				refuse("option snmp_pin: it is ***, it must be a whole number")
			case d.Kind == "power":
				refuse("it is of kind storage")
			}
		}
		return wrong, nil
	}
}

package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/fenced-project/fenced/fence"
)

// The paths of a witness in production. They are its own, so that a machine may be a node of one cluster and the witness of another.
const (
	WitnessPath     = "/etc/fenced/witness.yaml"
	WitnessStateDir = "/var/lib/fenced-witness"
	WitnessRunDir   = "/run/fenced-witness"
)

var witnessFields = []string{"witness", "cluster", "key", "listen", "timings", "nodes"}

// WitnessFile writes the one file that the witness of this name runs from: the cluster's key, who is in the cluster, how presence is measured.
// It holds no device and no secret of one. Whoever has it can join the cluster as any node: it is made for mode 0600 (INTERFACES.md, authkey).
func WitnessFile(c *Config, name string) (Secret, error) {
	n, ok := c.Roster.ByName(name)
	switch {
	case !ok:
		return Secret{}, fmt.Errorf("%w: %s", fence.ErrNoSuchNode, name)
	case !n.Witness:
		return Secret{}, fmt.Errorf("%s is no witness: give it `role: witness`, without levels and devices", name)
	case c.Key.Empty():
		return Secret{}, errors.New("the cluster's key was not read")
	}
	r := c.Roster.ForWitness()
	var b strings.Builder
	w := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	w("# The witness %s of the cluster %s, made by `fenced witness export`. Copy it to that machine as %s, mode 0600, owner root, by a", name, r.Cluster, WitnessPath)
	w("# way that keeps it secret: it holds the key of the cluster.")
	w("witness: %q", name)
	w("cluster: %q", r.Cluster)
	w("key: %q", base64.StdEncoding.EncodeToString([]byte(c.Key.Reveal())))
	w("timings: {failure_timeout: %dms, ping_interval: %dms, lease: %dms}", r.Timing.FailureTimeoutMS, r.Timing.PingMS, r.Timing.LeaseMS)
	w("# The committed roster counts once the witness is in the cluster; these are for its way there.")
	w("nodes:")
	for _, n := range r.Nodes {
		role := ""
		if n.Witness {
			role = ", role: " + roleWitness
		}
		w("  %q: {id: %d, address: %q, votes: %d%s}", n.Name, n.ID, n.Address, n.Votes, role)
	}
	return NewSecret(b.String()), nil
}

// LoadWitness reads the file of a witness. What Load says of problems holds; plugins, levels, devices, policies and the API's groups do not
// exist here. Options that are empty mean the paths above.
func LoadWitness(o Options) (*Config, Problems) {
	o.Path = orDefault(o.Path, WitnessPath)
	rep := &report{order: map[string]int{o.Path: 0}}
	checkEnv(o, rep)
	text, err := readWitnessFile(o)
	if err != nil {
		rep.add(Problem{File: o.Path, Text: "cannot read it: " + cause(err), Remedy: witnessRemedy(err, o.Path)})
		return nil, rep.sorted()
	}
	root := parse(o.Path, text, rep)
	if root == nil {
		return nil, masked(rep.sorted())
	}
	l := &loader{o: o, rep: rep, root: root}
	c := l.witness()
	c.Files = []string{o.Path}
	ps := masked(rep.sorted())
	if ps.Fatal() {
		return nil, ps
	}
	return c, ps
}

// keyShape is how a key of 32 bytes looks in base64.
var keyShape = regexp.MustCompile(`[A-Za-z0-9+/]{43}=?`)

// masked hides what looks like the key: in a file that was spoilt it may stand where a name belongs, and messages quote names (V19).
func masked(ps Problems) Problems {
	for i := range ps {
		ps[i].Text, ps[i].Remedy = keyShape.ReplaceAllString(ps[i].Text, hidden), keyShape.ReplaceAllString(ps[i].Remedy, hidden)
	}
	return ps
}

// readWitnessFile refuses a file that others may read: it is a key. systemd gives a credential to a unit's own user by an access list, which
// shows as a permission of the group.
func readWitnessFile(o Options) ([]byte, error) {
	info, err := os.Stat(o.Path)
	if err != nil {
		return nil, err
	}
	mask := os.FileMode(0o077)
	if dir := lookup(o.Env, "CREDENTIALS_DIRECTORY"); dir != "" && strings.HasPrefix(o.Path, strings.TrimSuffix(dir, "/")+"/") {
		mask = 0o037
	}
	if info.Mode().IsRegular() && info.Mode().Perm()&mask != 0 {
		return nil, fmt.Errorf("%w (mode %04o), and it holds the key of the cluster", errOpenSecret, info.Mode().Perm())
	}
	return readFile(o.Path)
}

func witnessRemedy(err error, path string) string {
	switch {
	case errors.Is(err, errOpenSecret), errors.Is(err, errOpenFile):
		return "chmod 0600 " + path + "; if somebody may have read it, make a new key (`fenced keygen`) for all nodes"
	case errors.Is(err, os.ErrNotExist):
		return "write it on a node with `fenced witness export NAME`, and copy it here"
	case errors.Is(err, os.ErrPermission):
		return "run as its owner, or give it by LoadCredential= as fenced-witness.service does"
	}
	return "repair or remove it"
}

// witness reads what a witness's file may hold.
func (l *loader) witness() *Config {
	o := l.o
	l.cfg = &Config{
		StateDir: orDefault(o.StateDir, WitnessStateDir), RunDir: orDefault(o.RunDir, WitnessRunDir), SystemRoot: orDefault(o.SystemRoot, "/"),
		Provider: providerEmbedded, Witness: true,
	}
	c := l.cfg
	c.Simulated = c.SystemRoot != "/"
	c.Socket = orDefault(o.Socket, c.RunDir+"/fenced.sock")
	top := mapAt(l.root, "", l.rep, witnessFields...)
	c.Roster.Cluster = l.cluster(top)
	c.Roster.Timing = l.pace()
	for _, f := range mapAt(l.root.get("nodes"), "nodes", l.rep).n.fields {
		l.peer(f)
	}
	if len(l.nodes) == 0 {
		l.rep.at(l.root.key("nodes"), "write the file again with `fenced witness export`", "there are no nodes")
	}
	l.itself(top)
	c.Listen = l.listen(top)
	l.checkVoters()
	l.checkWitnesses()
	l.checkNodes()
	c.Key = l.key(top)
	l.log()
	for _, n := range sortedNodes(l.nodes) {
		c.Roster.Nodes = append(c.Roster.Nodes, n.RosterNode)
	}
	c.Roster = c.Roster.ForWitness()
	c.Roster.Policy.HistoryKeep = witnessHistory
	return c
}

// pace reads the timings by which presence is measured; the others are the roster's.
func (l *loader) pace() fence.Timing {
	r := mapAt(l.root.get("timings"), "timings", l.rep, "failure_timeout", "ping_interval", "lease")
	t := fence.Timing{
		FailureTimeoutMS: r.duration("failure_timeout", defaultFailureTimeout, longest),
		PingMS:           r.duration("ping_interval", defaultPing, longest),
		LeaseMS:          r.duration("lease", defaultLease, longest),
	}
	if t.PingMS <= 0 || t.FailureTimeoutMS < 4*t.PingMS || t.LeaseMS < t.FailureTimeoutMS {
		l.rep.at(l.root.key("timings"), "write the file again with `fenced witness export`", "impossible timings: failure_timeout is at least four times ping_interval, and lease not shorter")
	}
	return t
}

// itself finds this witness among the nodes.
func (l *loader) itself(top reader) {
	name, ok := top.text("witness")
	if !ok {
		if !top.has("witness") {
			l.rep.at(l.root, "write the file again with `fenced witness export`", "the file does not say which witness this is")
		}
		return
	}
	for _, n := range l.nodes {
		if n.Name == name && n.Witness {
			l.cfg.Self, l.cfg.SelfName = n.ID, n.Name
			return
		}
	}
	l.rep.at(top.n.get("witness"), "write the file again with `fenced witness export`", "%s is not a witness among the nodes", quote(name))
}

// witnessHistory is how many operations a witness remembers: what is asked is asked on a node.
const witnessHistory = 100

// peer reads one node, as far as a witness needs to know it.
func (l *loader) peer(f field) {
	name := f.key.value
	if !goodName(name) {
		l.rep.at(f.key, nameRemedy, "%s cannot be the name of a node", quote(name))
	}
	r := mapAt(f.value, "nodes."+name, l.rep, "id", "address", "votes", "role")
	n := nodeEntry{at: r.n, by: f.key}
	n.Name, n.ID, n.Address = name, l.nodeID(r, f.key, nil), l.address(r, f.key, nil)
	n.Votes, n.Witness = r.number("votes", 1, 0, 100), l.role(r)
	l.nodes = append(l.nodes, n)
}

// key reads the key that stands in the file itself. Nothing of it is ever shown.
func (l *loader) key(top reader) Secret {
	at := top.n.get("key")
	if at == nil {
		l.rep.at(l.root, "write the file again with `fenced witness export`", "the key of the cluster is missing")
		return Secret{}
	}
	key, err := base64.StdEncoding.DecodeString(at.value)
	if err != nil || len(key) != keyBytes {
		l.rep.at(at, "write the file again with `fenced witness export`", "key does not hold %d bytes in base64", keyBytes)
		return Secret{}
	}
	return NewSecret(string(key))
}

// refuseWitnessFile says what a witness's file is, where a node's belongs; its fields one by one would only confuse.
func refuseWitnessFile(root *node, rep *report) bool {
	if root.get("witness") == nil || root.get("key") == nil {
		return false
	}
	rep.at(root.key("witness"), "run it with `fenced witness run`", "this is the file of a witness, not of a node")
	return true
}

// notAsWitness: the file of the nodes names devices and secrets that a witness must not have.
func (l *loader) notAsWitness() {
	if !l.o.AsNode || !l.cfg.Witness {
		return
	}
	name := l.cfg.SelfName
	for _, n := range l.nodes {
		if n.Name == name {
			l.rep.at(n.by, "write its own file on a node with `fenced witness export "+name+"`, copy it here, and start fenced-witness.service",
				"this machine, %s, is a witness: it is not run from the configuration of the nodes", quote(name))
		}
	}
}

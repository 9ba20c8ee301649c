package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership/corosync"
	"github.com/fenced-project/fenced/plugins/host"
)

// The paths of production (INTERFACES.md, Files).
const (
	DefaultPath      = "/etc/fenced/fenced.yaml"
	DefaultStateDir  = "/var/lib/fenced"
	DefaultRunDir    = "/run/fenced"
	DefaultPluginDir = "/usr/libexec/fenced/plugins"
	DefaultGroup     = "fenced"
	// DefaultPort is the membership's port, TCP and UDP, where an address names none.
	DefaultPort = "7811"
)

// Options say where to read and what flags and environment decide; Find fills them. Empty strings mean the defaults above, or the file's word.
type Options struct {
	Path    string // the main file
	ConfDir string // default: conf.d beside the main file

	SystemRoot string
	StateDir   string
	RunDir     string
	PluginDir  string
	Socket     string
	Node       string // this node's name, before the file's `node` and the hostname
	LogLevel   string
	LogFormat  string
	AllowReset bool

	// Env is the environment as KEY=VALUE: for ${CREDENTIALS_DIRECTORY} and for the check of unknown FENCED_* variables.
	Env []string
	// Strict makes an unknown FENCED_* an error (`fenced run`); otherwise it is a warning.
	Strict bool
	// NoSecrets leaves authkey and secret files unread, for callers that touch no device (plan, apply, status).
	NoSecrets bool
	// AsNode refuses a file by which this machine is a witness: it is run from a file of its own (`fenced run`).
	AsNode bool
	// SelfID is who a daemon that runs already is: where the name by which it was started is not in the file any more, it was renamed.
	SelfID fence.NodeID
	// Overlay are texts in place of files, nil for a file as if it were not there: an edit is checked before it is written.
	Overlay map[string][]byte
	// Describe, if it is set, says what a plugin's devices have for options: they are judged, with their place. A plugin that it cannot describe
	// is a warning.
	Describe Describe
	// Open, if it is set beside Describe, has plugins judge the options that they do not list, as those of a fence agent: it opens these devices as the
	// daemon would, which reaches none of them, and says by name what is in the way.
	Open Open
	// Corosync asks the corosync of this node for its settings, where membership is corosync; nil where it is not to be asked: then the file must
	// say everything, and settings that hurt are not seen.
	Corosync func() (corosync.Settings, error)
	// Local is for what is about this machine alone (its leftovers, its watchdog, its timings): ids and addresses that only corosync's nodelist has
	// are left out, so that it works while corosync does not.
	Local bool
	// AnyNode drops the demand that this host is one of the nodes, for checking a file on another machine.
	AnyNode bool
}

// Open opens devices as the daemon would and says by name what is in the way; the error is for what kept it from trying.
type Open func([]host.DeviceConfig) (map[string]error, error)

// Describe says what a plugin is.
type Describe func(plugin string) (host.Description, error)

// Load reads, merges and checks the configuration. It reports everything that is wrong at once; the Config is nil if and only if a Problem
// is no warning, and then nothing may be started (exit 78).
func Load(o Options) (*Config, Problems) {
	rep := &report{order: map[string]int{}}
	checkEnv(o, rep)
	root, files := readTree(o, rep)
	if root == nil {
		return nil, rep.sorted()
	}
	if refuseWitnessFile(root, rep) {
		return nil, rep.sorted()
	}
	l := &loader{o: o, rep: rep, root: root}
	c := l.config()
	c.Files = files
	ps := rep.sorted()
	if ps.Fatal() {
		return nil, ps
	}
	return c, ps
}

// readTree reads all files and merges them; nil if there is nothing to go on with.
func readTree(o Options, rep *report) (*node, []string) {
	path := orDefault(o.Path, DefaultPath)
	dir := orDefault(o.ConfDir, filepath.Join(filepath.Dir(path), "conf.d"))
	files := []string{path}
	more, err := o.confFiles(dir)
	if err != nil {
		rep.add(Problem{File: dir, Text: "cannot list it: " + cause(err), Remedy: "it must be a directory that root may read"})
	}
	files = append(files, more...)
	var root *node
	broken := false
	for i, f := range files {
		rep.order[f] = i
		text, err := o.read(f)
		if err != nil {
			rep.add(Problem{File: f, Text: "cannot read it: " + cause(err), Remedy: readRemedy(err, f, i == 0)})
			broken = true
			continue
		}
		tree := parse(f, text, rep)
		switch {
		case tree == nil:
			broken = true
		case root == nil:
			root = tree
		default:
			merge(root, tree, "", rep)
		}
	}
	if broken { // half of a configuration would only give errors that are not there
		return nil, files
	}
	return root, files
}

func readRemedy(err error, path string, main bool) string {
	switch {
	case errors.Is(err, errOpenFile):
		return "chmod o-w " + path
	case errors.Is(err, os.ErrNotExist) && main:
		return "write it (configs/fenced.yaml is a sample), or name another with --config or FENCED_CONFIG"
	case errors.Is(err, os.ErrPermission):
		return "run as root or as a member of the group that may read it"
	}
	return "repair or remove it"
}

// cause is the error without its path, which the Problem names already.
func cause(err error) string {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

func orDefault(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

// loader carries what the parts of one Load share.
type loader struct {
	o    Options
	rep  *report
	root *node
	cfg  *Config

	ring    ring
	nodes   []nodeEntry
	devices []deviceEntry
	shared  []sharedEntry
	about   map[string]description // of plugins, where they are asked
	extra   []extraDevice          // for the plugins to judge
}

var topLevel = []string{"cluster", "node", "authkey", "membership", "timings", "policy", "history", "nodes", "devices", "shared", "plugins", "residual", "watchdog", "self_fence", "core_processes", "api", "log"}

func (l *loader) config() *Config {
	o := l.o
	l.cfg = &Config{
		StateDir:   orDefault(o.StateDir, DefaultStateDir),
		RunDir:     orDefault(o.RunDir, DefaultRunDir),
		PluginDir:  orDefault(o.PluginDir, DefaultPluginDir),
		SystemRoot: orDefault(o.SystemRoot, "/"),
		AllowReset: o.AllowReset,
	}
	c := l.cfg
	c.Simulated = c.SystemRoot != "/"
	c.Socket = orDefault(o.Socket, filepath.Join(c.RunDir, "fenced.sock"))
	c.WatchdogSocket = filepath.Join(c.RunDir, "watchdog.sock")

	top := mapAt(l.root, "", l.rep, topLevel...)
	c.Roster.Cluster = l.cluster(top)
	c.Roster.Timing = l.timing()
	l.watchdog()
	l.askRing()
	l.readDevices()
	l.readShared()
	l.readNodes()
	l.readLevels()
	c.Roster.Policy = l.policy()
	l.readPlugins()
	l.residual()
	l.selfFence()
	l.cores()
	l.self(top)
	l.notAsWitness()
	l.membership()
	l.readAuthkey(top)
	l.readMappings()
	l.api()
	l.log()
	l.checkNodes()
	l.checkOutlets()
	l.rep.by(fromDevice, l.openExtra)
	l.checkCuts()
	l.checkDevices()
	l.finish()
	l.twoNode()
	return c
}

// finish puts what was read into the roster, in the order that the roster's hash needs (R5).
func (l *loader) finish() {
	l.cfg.Roster.Shared = l.sharedList()
	for _, n := range sortedNodes(l.nodes) {
		l.cfg.Roster.Nodes = append(l.cfg.Roster.Nodes, n.RosterNode)
	}
	for _, d := range sortedDevices(l.devices) {
		l.cfg.Roster.Devices = append(l.cfg.Roster.Devices, d.Device)
		l.cfg.Devices = append(l.cfg.Devices, d.dev)
	}
}

func (l *loader) cluster(top reader) string {
	name, ok := top.text("cluster")
	switch {
	case !top.has("cluster"):
		l.rep.at(l.root, "write `cluster: NAME`; nodes of different clusters refuse each other", "the cluster has no name")
	case ok && !goodName(name):
		l.rep.at(top.n.get("cluster"), nameRemedy, "%s cannot be the name of a cluster", quote(name))
	}
	return name
}

func (l *loader) api() {
	r := mapAt(l.root.get("api"), "api", l.rep, "group", "readers")
	l.cfg.API = API{Group: r.str("group", DefaultGroup), Readers: r.str("readers", "")}
}

func (l *loader) log() {
	r := mapAt(l.root.get("log"), "log", l.rep, "level", "format")
	level := r.enum("level", "info", "debug", "info", "warn", "error")
	format := r.enum("format", "text", "text", "json")
	given := func(have *string, value, name string, words ...string) {
		switch {
		case value == "":
		case contains(words, value):
			*have = value
		default:
			l.rep.add(Problem{Text: fmt.Sprintf("the %s cannot be %s", name, quote(value)), Remedy: "use one of: " + strings.Join(words, ", ")})
		}
	}
	given(&level, l.o.LogLevel, "log level (--log-level, FENCED_LOG_LEVEL)", "debug", "info", "warn", "error")
	given(&format, l.o.LogFormat, "log format (--log-format, FENCED_LOG_FORMAT)", "text", "json")
	_ = l.cfg.LogLevel.UnmarshalText([]byte(level)) // one of four words that slog knows
	l.cfg.LogFormat = format
}

package config

import (
	"log/slog"
	"maps"

	"github.com/fenced-project/fenced/fence"
)

// Config is one complete, checked configuration (V17: whoever decides uses one Config from beginning to end). Load is the only maker.
type Config struct {
	// Files are the files that were read, in the order in which they were merged.
	Files []string
	// Roster is what `fenced apply` and bootstrap propose to the log (R5). Its Version is zero: the log gives it one.
	Roster fence.Roster
	// Self is this node; SelfName its name in the file's spelling; Witness says that it carries no workload and no devices.
	Self     fence.NodeID
	SelfName string
	Witness  bool
	// Devices are the roster's devices with what the plugin host needs and the log must not see; sorted by name.
	Devices []Device
	// Plugins are the settings of single plugins, sorted by name; a plugin that is not listed has none.
	Plugins []Plugin
	// Residual is what a scan looks at.
	Residual Residual
	// Cores are the processes that cannot be told from this node, and what their deaths mean; sorted by name.
	Cores []Core
	// Provider is "embedded" or ProviderCorosync; Listen is the local host:port of embedded membership's transport, TCP and UDP.
	Provider            string
	Listen              string
	AllowTwoMemberships bool
	// Authkey is the path of the cluster's key and Key its 32 bytes (empty where Options.NoSecrets was set).
	Authkey string
	Key     Secret
	// Socket is the API socket, WatchdogSocket that of the lease holder.
	Socket         string
	WatchdogSocket string
	StateDir       string
	RunDir         string
	PluginDir      string
	// SystemRoot is "/" or the directory of a fake system; Simulated says which (INTERFACES.md, "A fake system").
	SystemRoot string
	Simulated  bool
	// AllowReset is FENCED_ALLOW_RESET=1, to be handed to internal/reset's guard.
	AllowReset bool
	LogLevel   slog.Level
	LogFormat  string // text or json
	API        API
	// Watchdog is what this node does with its own watchdog.
	Watchdog Watchdog
	// SelfFence are the plugins that are asked in turn to end this machine, before the daemon itself does.
	SelfFence []SelfFencer
	// TwoNode is how two nodes over corosync take turns where either is quorate alone (R23); nil elsewhere, and where corosync was not asked.
	TwoNode *TwoNode
}

// API says who may use the socket: root always acts.
type API struct {
	// Group names the Unix group whose members may act; Readers the group that may only read, "all" for everybody, "" for nobody.
	Group   string
	Readers string
}

// Device is one fence device as the plugin host needs it. Its fence.Device is in the roster under the same name.
type Device struct {
	Name   string
	Plugin string
	// Options are what the file says, in its spelling, without secrets; the plugin's own schema judges them.
	Options map[string]string
	// Secrets are options whose value came from a file or a systemd credential. They never enter the roster or a log (V19); of
	// those that may decide what is reached a digest is in the mapping hash (mappingOf).
	Secrets map[string]Secret
	// Isolate gives the device a process of its own. It is local: where a call runs decides nothing about what it means.
	Isolate bool
}

// Equal reports whether a plugin would see no difference.
func (d Device) Equal(o Device) bool {
	return d.Name == o.Name && d.Plugin == o.Plugin && d.Isolate == o.Isolate && maps.Equal(d.Options, o.Options) && maps.Equal(d.Secrets, o.Secrets)
}

// All returns options and secrets together in clear, for the plugin's Open and for nothing else.
func (d Device) All() map[string]string {
	all := make(map[string]string, len(d.Options)+len(d.Secrets))
	for k, v := range d.Options {
		all[k] = v
	}
	for k, v := range d.Secrets {
		all[k] = v.Reveal()
	}
	return all
}

// Plugin is what the file says of one plugin.
type Plugin struct {
	Name string
	// SHA256 is the executable's checksum in lower-case hexadecimal, "" for unchecked.
	SHA256 string
	// Isolate gives each of the plugin's devices a process of its own.
	Isolate bool
	// StartMS bounds the start of one of its processes, until it has described itself.
	StartMS int64
}

// Device returns the device with this name.
func (c *Config) Device(name string) (Device, bool) {
	for _, d := range c.Devices {
		if d.Name == name {
			return d, true
		}
	}
	return Device{}, false
}

// Plugin returns the settings of a plugin; the zero settings where the file has none.
func (c *Config) Plugin(name string) Plugin {
	for _, p := range c.Plugins {
		if p.Name == name {
			return p
		}
	}
	return Plugin{Name: name}
}

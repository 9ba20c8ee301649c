package client

// Plugins lists the plugins that a daemon runs or that a directory holds.
type Plugins struct {
	API     string       `json:"api"`
	Plugins List[Plugin] `json:"plugins"`
}

// The states of a plugin.
const (
	PluginRunning  = "running"
	PluginBackoff  = "backoff"
	PluginDisabled = "disabled"
	PluginIdle     = "idle" // on disk, not running
)

// Plugin is one plugin as it describes itself, with the state of its process where a daemon answers.
type Plugin struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Path    string `json:"path"`
	Summary string `json:"summary"`
	// Kind is power, storage, delay or self: what a success means.
	Kind          string             `json:"kind"`
	Protocols     List[uint32]       `json:"protocols"`
	Actions       List[string]       `json:"actions"`
	GivesIdentity bool               `json:"gives_identity"`
	EffectMS      int64              `json:"effect_ms"`
	SettleMS      int64              `json:"settle_ms"`
	HoldUpMS      int64              `json:"hold_up_ms"`
	Limit         uint32             `json:"limit"`
	Options       List[PluginOption] `json:"options"`
	Sample        string             `json:"sample,omitempty"`
	// ExtraOptions: the plugin takes options beside these, and judges them when it opens a device.
	ExtraOptions bool `json:"extra_options,omitempty"`
	// Protocol is the version of the plugin protocol that was agreed upon, 0 where it was not started.
	Protocol int          `json:"protocol,omitempty"`
	State    string       `json:"state"`
	PID      int          `json:"pid,omitempty"`
	Restarts int          `json:"restarts"`
	Devices  List[string] `json:"devices"`
	// Versions are all files of the plugin that are installed, the best first; Path and Version are those of the one that is used.
	Versions List[PluginVersion] `json:"versions"`
	// Error says why it cannot be used.
	Error string `json:"error,omitempty"`
}

// PluginVersion is one installed file of a plugin. Version is "" where the file's name does not say it and it was never started.
type PluginVersion struct {
	Version string `json:"version"`
	Path    string `json:"path"`
	Used    bool   `json:"used"`
	// Error says why it cannot be used.
	Error string `json:"error,omitempty"`
}

// PluginOption is one option of a device that uses the plugin. A secret option has no default to show.
type PluginOption struct {
	Name     string       `json:"name"`
	Type     string       `json:"type"`
	Required bool         `json:"required"`
	Secret   bool         `json:"secret"`
	Mapping  bool         `json:"mapping"`
	Default  string       `json:"default,omitempty"`
	Values   List[string] `json:"values"`
	Help     string       `json:"help"`
}

// PluginReport is the result of the conformance test of one plugin.
type PluginReport struct {
	API    string           `json:"api"`
	Path   string           `json:"path"`
	Passed bool             `json:"passed"`
	Cases  List[PluginCase] `json:"cases"`
}

// The results of a conformance case.
const (
	CasePass = "pass"
	CaseFail = "fail"
	CaseSkip = "skip"
)

// PluginCase is one case of the conformance test.
type PluginCase struct {
	Name   string `json:"name"`
	Result string `json:"result"`
	MS     int64  `json:"ms"`
	Text   string `json:"text,omitempty"`
}

// PluginReload asks for fresh processes of these plugins; of all that run where there are none.
type PluginReload struct {
	Plugins List[string] `json:"plugins"`
}

// PluginsReloaded says what became of each.
type PluginsReloaded struct {
	API     string               `json:"api"`
	Reloads List[PluginReloaded] `json:"reloads"`
}

// PluginReloaded is one group of devices that share a process of a plugin: main, ward (those that overran) or one isolated device.
type PluginReloaded struct {
	Plugin  string `json:"plugin"`
	Lane    string `json:"lane"`
	Version string `json:"version"`
	// PID is the process that serves now, Before the one that did, 0 where none did. They are equal where the reload failed.
	PID    int `json:"pid"`
	Before int `json:"before"`
	// Finishing is how many calls still run in the one before; they end there.
	Finishing int `json:"finishing"`
	// Error says why there is no fresh process.
	Error string `json:"error,omitempty"`
}

// PluginChecks is the document of `fenced plugin verify -o json`.
type PluginChecks struct {
	API     string            `json:"api"`
	Plugins List[PluginCheck] `json:"plugins"`
}

// PluginCheck says whether one file may be run as a plugin, and what it is. SHA256 is what the configuration may demand of it.
type PluginCheck struct {
	Name     string `json:"name"`
	Path     string `json:"path"`
	SHA256   string `json:"sha256,omitempty"`
	Version  string `json:"version,omitempty"`
	Protocol int    `json:"protocol,omitempty"`
	// Checked is true where the configuration names a checksum and it is this one.
	Checked bool `json:"checked"`
	// Error says why it is not used.
	Error string `json:"error,omitempty"`
}

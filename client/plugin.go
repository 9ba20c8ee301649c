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
	ExtraOptions bool         `json:"extra_options,omitempty"`
	State        string       `json:"state"`
	PID          int          `json:"pid,omitempty"`
	Restarts     int          `json:"restarts"`
	Devices      List[string] `json:"devices"`
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

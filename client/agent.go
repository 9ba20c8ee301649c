package client

// Agents is the document of `fenced plugin agents -o json`: the fence agents that are installed on this node.
type Agents struct {
	API    string  `json:"api"`
	Agents []Agent `json:"agents"`
}

// Agent is one installed fence agent. Class says what its success means (power, storage, delay; R18) and Why how that is known.
type Agent struct {
	Name    string   `json:"name"`
	Path    string   `json:"path"`
	Class   string   `json:"class,omitempty"`
	Why     string   `json:"why,omitempty"`
	Summary string   `json:"summary,omitempty"`
	Actions []string `json:"actions,omitempty"`
	// OnTarget: it does `on` only on the machine that it is about, so a device of it wants `on_target: true`. Automatic: a node must do it when it joins.
	OnTarget  bool          `json:"on_target,omitempty"`
	Automatic bool          `json:"automatic,omitempty"`
	Options   []AgentOption `json:"options,omitempty"`
	// Sample is a piece of configuration that is accepted when its values are replaced.
	Sample string `json:"sample,omitempty"`
	// Error says why this agent cannot be used.
	Error string `json:"error,omitempty"`
}

// AgentOption is one parameter of an agent, as its metadata says.
type AgentOption struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Required bool     `json:"required,omitempty"`
	Secret   bool     `json:"secret,omitempty"`
	Default  string   `json:"default,omitempty"`
	Values   []string `json:"values,omitempty"`
	Help     string   `json:"help,omitempty"`
}

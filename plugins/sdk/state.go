package sdk

import "strings"

// State is a power state. Whatever is neither clearly on nor clearly off is unknown; unknown is never good news.
type State string

// The states.
const (
	On      State = "on"
	Off     State = "off"
	Unknown State = "unknown"
)

// ParseState reads what devices and libraries say ("On", "Chassis Power is off\n", "PoweredOff"). It knows whole phrases only: a text
// that merely contains "off" is unknown, and so are transitions like "powering off".
func ParseState(text string) State {
	switch strings.ToLower(strings.Join(strings.Fields(text), " ")) {
	case "on", "power on", "powered on", "poweredon", "chassis power is on", "power is on":
		return On
	case "off", "power off", "powered off", "poweredoff", "chassis power is off", "power is off":
		return Off
	}
	return Unknown
}

// normal is what leaves the plugin: exactly on, off or unknown.
func (s State) normal() State { return ParseState(string(s)) }

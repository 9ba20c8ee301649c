package fence

import "strings"

// Machine is the identity of the hardware a life runs on, from SMBIOS (R1): announced by the node itself, or declared in the roster.
type Machine struct {
	UUID   string `json:"uuid,omitempty"`
	Serial string `json:"serial,omitempty"`
	// Virtual says that SMBIOS names a hypervisor: a new boot id alone then proves no reset (R2), an elapsed watchdog proves nothing (R15).
	Virtual bool `json:"virtual,omitempty"`
}

// Known reports whether the UUID can identify anything: well formed, not all zeros, not all ones.
func (m Machine) Known() bool { return NormalUUID(m.UUID) != "" }

// Same reports whether both are the same, known machine. Serials are compared only where both have one.
func (m Machine) Same(o Machine) bool {
	a, b := NormalUUID(m.UUID), NormalUUID(o.UUID)
	if a == "" || a != b {
		return false
	}
	return m.Serial == "" || o.Serial == "" || m.Serial == o.Serial
}

// Identity is what a device says about the system behind it, read in the same session as its power state (R16).
type Identity struct {
	// UUIDs are all spellings that the device's bytes may have: IPMI, SMBIOS and RFC 4122 order their bytes differently.
	UUIDs  []string `json:"uuids,omitempty"`
	Serial string   `json:"serial,omitempty"`
}

// Empty reports whether the device gave nothing that could identify a system.
func (id Identity) Empty() bool {
	for _, u := range id.UUIDs {
		if NormalUUID(u) != "" {
			return false
		}
	}
	return id.Serial == ""
}

// Matches reports whether the device identified itself as machine m. A UUID decides where the device has one, a serial only where it has none.
func (id Identity) Matches(m Machine) bool {
	uuids := false
	for _, u := range id.UUIDs {
		n := NormalUUID(u)
		if n == "" {
			continue
		}
		uuids = true
		if n == NormalUUID(m.UUID) {
			return true
		}
	}
	return !uuids && id.Serial != "" && id.Serial == m.Serial
}

// NormalUUID returns the 32 hexadecimal digits of a UUID in lower case, or "" for one that is malformed, all zeros or all ones.
func NormalUUID(u string) string {
	u = strings.TrimPrefix(strings.ToLower(strings.TrimSpace(u)), "urn:uuid:")
	u = strings.NewReplacer("-", "", "{", "", "}", "").Replace(u)
	if len(u) != 32 || strings.Trim(u, "0123456789abcdef") != "" {
		return ""
	}
	if strings.Trim(u, "0") == "" || strings.Trim(u, "f") == "" {
		return ""
	}
	return u
}

package fence

import (
	"slices"
	"strings"
)

// Machine is the identity of the hardware a life runs on, from SMBIOS (R1): announced by the node itself, or declared in the roster.
type Machine struct {
	UUID   string `json:"uuid,omitempty"`
	Serial string `json:"serial,omitempty"`
	// Virtual says that SMBIOS names a hypervisor: a new boot id alone then proves no reset (R2), an elapsed watchdog proves nothing (R15).
	Virtual bool `json:"virtual,omitempty"`
}

// Known reports whether the UUID can identify anything: well formed, not all zeros, not all ones.
func (m Machine) Known() bool { return plainUUID(m.UUID) || NormalUUID(m.UUID) != "" }

// Same reports whether both are the same, known machine. Serials are compared only where both have one.
func (m Machine) Same(o Machine) bool {
	if unlike(m.UUID, o.UUID) || !m.Known() || NormalUUID(m.UUID) != NormalUUID(o.UUID) {
		return false
	}
	ms, os := NormalSerial(m.Serial), NormalSerial(o.Serial)
	return ms == "" || os == "" || ms == os
}

// Identity is what a device says about the system behind it, read in the same session as its power state (R16).
type Identity struct {
	// UUIDs are all spellings that the device's bytes may have: IPMI, SMBIOS and RFC 4122 order their bytes differently.
	UUIDs  []string `json:"uuids,omitempty"`
	Serial string   `json:"serial,omitempty"`
}

// Empty reports whether the device gave nothing that could identify a system.
func (id Identity) Empty() bool {
	return !id.hasUUID() && NormalSerial(id.Serial) == ""
}

// Matches reports whether the device identified itself as machine m. A UUID decides where the device has one, a serial only where it has none.
// It is asked about the machine of every node: what tells most of them apart comes first.
func (id Identity) Matches(m Machine) bool {
	for _, u := range id.UUIDs {
		if !unlike(u, m.UUID) && NormalUUID(u) != "" && NormalUUID(u) == NormalUUID(m.UUID) {
			return true
		}
	}
	serial := NormalSerial(id.Serial)
	return serial != "" && serial == NormalSerial(m.Serial) && !id.hasUUID()
}

func (id Identity) hasUUID() bool {
	return slices.ContainsFunc(id.UUIDs, func(u string) bool { return NormalUUID(u) != "" })
}

// placeholders are what vendors write where a serial should be: many machines share them, so they identify none.
var placeholders = []string{"to be filled by o.e.m.", "default string", "not specified", "not applicable", "not available", "system serial number", "chassis serial number", "base board serial number", "none", "n/a", "na", "unknown", "invalid", "oem"}

// NormalSerial returns a serial without surrounding space, or "" for one that is a vendor's placeholder or one character repeated.
func NormalSerial(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || slices.Contains(placeholders, strings.ToLower(s)) || strings.Trim(s, s[:1]) == "" || strings.Trim(s, "0123456789") == "" && strings.HasPrefix("0123456789", s) {
		return ""
	}
	return s
}

// uuidNoise is what spellings of a UUID add to its digits. Built once: Admissible asks often.
var uuidNoise = strings.NewReplacer("-", "", "{", "", "}", "")

// unlike reports whether two spellings surely are of different UUIDs, or of none. Machines are compared with those of every other node, and
// nearly all differ in one of the last digits: those need not be spelt alike first. What is not certain here is false.
func unlike(a, b string) bool {
	i, j := len(a), len(b)
	for n := 0; n < 32; n++ {
		var c, d byte
		if c, i = lastDigit(a, i); c == 0 {
			return false
		}
		if d, j = lastDigit(b, j); d == 0 {
			return false
		}
		if c != d {
			return true
		}
	}
	return false
}

// lastDigit is the last hexadecimal digit of u before end, in lower case, and where it stands; 0 where something else comes first.
func lastDigit(u string, end int) (byte, int) {
	for i := end - 1; i >= 0; i-- {
		switch c := u[i]; {
		case c == '-', c == '{', c == '}':
		case '0' <= c && c <= '9', 'a' <= c && c <= 'f':
			return c, i
		case 'A' <= c && c <= 'F':
			return c + 'a' - 'A', i
		default:
			return 0, i
		}
	}
	return 0, 0
}

// plainUUID reports whether u is a UUID that identifies something, in the usual spelling; what is not may be one all the same.
func plainUUID(u string) bool {
	if len(u) != 36 {
		return false
	}
	digits, zeros, ones := 0, 0, 0
	for i := range len(u) {
		switch c := u[i]; {
		case c == '-':
			continue
		case c == '0':
			zeros++
		case c == 'f':
			ones++
		case ('1' > c || c > '9') && ('a' > c || c > 'e'):
			return false
		}
		digits++
	}
	return digits == 32 && zeros < digits && ones < digits
}

// NormalUUID returns the 32 hexadecimal digits of a UUID in lower case, or "" for one that is malformed, all zeros or all ones.
func NormalUUID(u string) string {
	u = strings.TrimPrefix(strings.ToLower(strings.TrimSpace(u)), "urn:uuid:")
	u = uuidNoise.Replace(u)
	if len(u) != 32 || strings.Trim(u, "0123456789abcdef") != "" {
		return ""
	}
	if strings.Trim(u, "0") == "" || strings.Trim(u, "f") == "" {
		return ""
	}
	return u
}

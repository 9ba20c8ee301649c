package redfish

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
)

// System is what one document says of a machine.
type System struct {
	// Path is where the document was read, without a slash at its end.
	Path string
	// PowerState, UUID, Serial, Presence (Status.State) and Restore (PowerRestorePolicy) are as written there, "" where nothing is.
	PowerState, UUID, Serial, Presence, Restore string
	// ResetTarget is where ComputerSystem.Reset is posted to, ResetTypes what it accepts; none means that it does not say.
	ResetTarget string
	ResetTypes  []string
}

// maxText bounds a value that is worth keeping.
const maxText = 256

// object is a JSON object by its exact keys: encoding/json itself would take "powerstate" for "PowerState".
type object map[string]json.RawMessage

func (o object) text(key string) string {
	var s string
	if json.Unmarshal(o[key], &s) != nil || len(s) > maxText {
		return ""
	}
	return s
}

func (o object) inner(key string) object {
	var in object
	if json.Unmarshal(o[key], &in) != nil {
		return nil
	}
	return in
}

// link is the path that o[key] refers to.
func (o object) link(key string) string { return o.inner(key).text("@odata.id") }

// parseSystem reads a ComputerSystem that was found at this path. An action that belongs to another path is an error: a command would reach
// another machine.
func parseSystem(at string, doc []byte) (System, error) {
	var o object
	if err := json.Unmarshal(doc, &o); err != nil || o == nil {
		return System{}, fmt.Errorf("the document of system %s is no JSON object", at)
	}
	if name := twice(doc); name != "" {
		return System{}, fmt.Errorf("the document of system %s says %.40q twice", at, name)
	}
	s := System{
		Path: strings.TrimRight(at, "/"), PowerState: o.text("PowerState"), UUID: o.text("UUID"), Serial: strings.TrimSpace(o.text("SerialNumber")),
		Presence: o.inner("Status").text("State"), Restore: o.text("PowerRestorePolicy"),
	}
	reset := o.inner("Actions").inner("#ComputerSystem.Reset")
	s.ResetTarget = reset.text("target")
	if json.Unmarshal(reset["ResetType@Redfish.AllowableValues"], &s.ResetTypes) != nil {
		s.ResetTypes = nil
	}
	if t := s.ResetTarget; t != "" && (!strings.HasPrefix(t, s.Path+"/") || !plain(t)) {
		return System{}, fmt.Errorf("the power of system %s is switched at %.80q, which is not its own", s.Path, t)
	}
	return s, nil
}

// twice is a key that stands in an object twice, in whatever letters: readers differ about which of them counts.
func twice(doc []byte) string {
	d := json.NewDecoder(bytes.NewReader(doc))
	if _, err := d.Token(); err != nil {
		return ""
	}
	seen := map[string]bool{}
	for d.More() {
		key, err := d.Token()
		name, ok := key.(string)
		if err != nil || !ok {
			return ""
		}
		folded := strings.ToLower(name)
		var skipped json.RawMessage
		if seen[folded] {
			return name
		}
		if seen[folded] = true; d.Decode(&skipped) != nil {
			return ""
		}
	}
	return ""
}

// plain reports whether a path says what it says: nothing in it is resolved, escaped or a question, nor looks so to a careless server ("x..").
func plain(p string) bool {
	return strings.HasPrefix(p, "/") && path.Clean(p) == strings.TrimRight(p, "/") && !strings.ContainsAny(p, "%?#\\ @") && !strings.Contains(p, "..")
}

// accepts reports whether the system accepts this kind of reset, or does not say.
func (s System) accepts(kind string) bool {
	if len(s.ResetTypes) == 0 {
		return true
	}
	for _, t := range s.ResetTypes {
		if t == kind {
			return true
		}
	}
	return false
}

// parseRoot reads where the service root says that the systems are.
func parseRoot(doc []byte) string {
	var o object
	if json.Unmarshal(doc, &o) != nil {
		return ""
	}
	return o.link("Systems")
}

// maxMembers bounds a page of a collection.
const maxMembers = 1024

// parseCollection reads the members of one page of a collection, and where the next page is.
func parseCollection(doc []byte) (members []string, next string, err error) {
	var o object
	var list []object
	if json.Unmarshal(doc, &o) != nil || json.Unmarshal(o["Members"], &list) != nil {
		return nil, "", errors.New("the list of systems cannot be read")
	}
	if len(list) > maxMembers {
		return nil, "", fmt.Errorf("the list of systems has %d members", len(list))
	}
	for _, m := range list {
		p := m.text("@odata.id")
		if !plain(p) {
			return nil, "", fmt.Errorf("the list of systems has a member at %.80q", p)
		}
		members = append(members, p)
	}
	return members, o.text("Members@odata.nextLink"), nil
}

// idOf is the last element of a member's path: what a target names.
func idOf(p string) string { return path.Base(strings.TrimRight(p, "/")) }

// choose picks the member that target names by id or path; "" is the only one there is. It never guesses (R16).
func choose(members []string, target string) (string, error) {
	if target == "" {
		if len(members) == 1 {
			return members[0], nil
		}
		return "", fmt.Errorf("the BMC has %d systems%s: give the step its target", len(members), among(members))
	}
	for _, m := range members {
		if idOf(m) == target || strings.TrimRight(m, "/") == strings.TrimRight(target, "/") {
			return m, nil
		}
	}
	return "", fmt.Errorf("the BMC has no system %.80q%s", target, among(members))
}

// among names the first few.
func among(members []string) string {
	if len(members) == 0 {
		return ""
	}
	const few = 8
	var ids []string
	for _, m := range members[:min(few, len(members))] {
		ids = append(ids, fmt.Sprintf("%.40s", idOf(m)))
	}
	if len(members) > few {
		ids = append(ids, "…")
	}
	return " (" + strings.Join(ids, ", ") + ")"
}

// page is one page of a collection as bmclib's provider reads it.
func page(at string, members []string, next string) ([]byte, error) {
	list := make([]map[string]string, 0, len(members))
	for _, m := range members {
		list = append(list, map[string]string{"@odata.id": m})
	}
	doc := map[string]any{"@odata.id": at, "Name": "Systems", "Members": list, "Members@odata.count": len(list)}
	if next != "" {
		doc["Members@odata.nextLink"] = next
	}
	return json.Marshal(doc)
}

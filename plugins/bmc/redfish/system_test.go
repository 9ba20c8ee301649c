package redfish

import (
	"slices"
	"strings"
	"testing"
)

const at = "/redfish/v1/Systems/1"

// TestParseSystem: what is written under exactly these names is taken, and nothing else.
func TestParseSystem(t *testing.T) {
	s, err := parseSystem(at+"/", []byte(`{"PowerState":"On","UUID":"u","SerialNumber":" s ","Status":{"State":"Enabled"},"PowerRestorePolicy":"LastState",
		"Actions":{"#ComputerSystem.Reset":{"target":"/redfish/v1/Systems/1/Actions/ComputerSystem.Reset/","ResetType@Redfish.AllowableValues":["On","ForceOff"]}}}`))
	if err != nil || s.Path != at || s.PowerState != "On" || s.UUID != "u" || s.Serial != "s" || s.Presence != "Enabled" || s.Restore != "LastState" ||
		!s.accepts("ForceOff") || s.accepts("Nmi") {
		t.Fatalf("%+v %v", s, err)
	}
	for name, doc := range map[string]string{
		"other letters": `{"powerstate":"Off","uuid":"u","serialnumber":"s"}`, "no text": `{"PowerState":0,"UUID":["u"],"SerialNumber":{}}`,
		"null": `{"PowerState":null,"UUID":null,"Actions":null,"Status":null}`, "long": `{"UUID":"` + strings.Repeat("u", maxText+1) + `"}`,
	} {
		s, err := parseSystem(at, []byte(doc))
		if err != nil || s.PowerState != "" || s.UUID != "" || s.Serial != "" || !s.accepts("ForceOff") {
			t.Errorf("%s: %+v %v", name, s, err)
		}
	}
	for _, doc := range []string{
		``, `null`, `[]`, `"On"`, `{"PowerState":"Off"`, `{} {}`,
		`{"PowerState":"On","PowerState":"Off"}`, `{"PowerState":"On","Name":{},"powerState":"Off"}`, `{"UUID":"a","Uuid":"b"}`,
	} {
		if s, err := parseSystem(at, []byte(doc)); err == nil {
			t.Errorf("%s is read as %+v", doc, s)
		}
	}
}

// TestResetTarget: a command that would reach another system, or any path that has to be resolved first, is none.
func TestResetTarget(t *testing.T) {
	for target, good := range map[string]bool{
		at + "/Actions/ComputerSystem.Reset":        true,
		at + "/Actions/ComputerSystem.Reset/":       true,
		at + "/Oem/Reset":                           true,
		"/redfish/v1/Systems/2/Actions/Reset":       false,
		"/redfish/v1/Systems/10/Actions/Reset":      false,
		at + "/../2/Actions/ComputerSystem.Reset":   false,
		at + "/%2e%2e/2/Actions/Reset":              false,
		at + "//Actions/Reset":                      false,
		at + "/Actions/Reset?system=2":              false,
		at + "/Actions/Reset#2":                     false,
		"https://10.0.0.9" + at + "/Actions/Reset":  false,
		"@10.0.0.9" + at + "/Actions/Reset":         false,
		strings.TrimPrefix(at, "/") + "/Actions/1":  false,
		"/redfish/v1/Managers/1/Actions/Manager.Go": false,
	} {
		_, err := parseSystem(at, []byte(`{"Actions":{"#ComputerSystem.Reset":{"target":"`+target+`"}}}`))
		if (err == nil) != good {
			t.Errorf("%s: %v", target, err)
		}
	}
}

func TestChoose(t *testing.T) {
	many := []string{"/redfish/v1/Systems/a", "/redfish/v1/Systems/b/"}
	for _, c := range []struct {
		members []string
		target  string
		want    string
	}{
		{many[:1], "", many[0]},
		{many, "", ""},
		{nil, "", ""},
		{nil, "a", ""},
		{many, "a", many[0]},
		{many, "b", many[1]},
		{many, "/redfish/v1/Systems/b", many[1]},
		{many, "B", ""},
		{many, "Systems/a", ""},
		{many[:1], "b", ""}, // the only one is still the wrong one
	} {
		got, err := choose(c.members, c.target)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%v, %q: %q %v", c.members, c.target, got, err)
		}
	}
}

func TestParseCollection(t *testing.T) {
	members, next, err := parseCollection([]byte(`{"Members":[{"@odata.id":"/a/1"},{"@odata.id":"/a/2"}],"Members@odata.nextLink":"/a?skip=2"}`))
	if err != nil || next != "/a?skip=2" || !slices.Equal(members, []string{"/a/1", "/a/2"}) {
		t.Fatalf("%v %q %v", members, next, err)
	}
	for _, doc := range []string{
		``, `{}`, `{"Members":{}}`, `{"Members":[{}]}`, `{"Members":[{"@odata.id":"a/1"}]}`, `{"Members":[{"@odata.id":"/a/../b"}]}`,
		`{"Members":[` + strings.Repeat(`{"@odata.id":"/a"},`, maxMembers) + `{"@odata.id":"/a"}]}`,
	} {
		if members, _, err := parseCollection([]byte(doc)); err == nil {
			t.Errorf("%.60s is read as %d members", doc, len(members))
		}
	}
}

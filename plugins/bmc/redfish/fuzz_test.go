package redfish

import (
	"strings"
	"testing"

	"github.com/stmcginnis/gofish/redfish"

	"github.com/fenced-project/fenced/plugins/sdk"
)

// FuzzSystem: whatever a BMC says of a system, a command goes to that system or nowhere, and a state is believed only if we and bmclib's
// library read the same.
func FuzzSystem(f *testing.F) {
	f.Add(`{"PowerState":"Off","UUID":"4c4c4544-0042-3510-8054-b7c04f595931","SerialNumber":"X","Status":{"State":"Enabled"},` +
		`"Actions":{"#ComputerSystem.Reset":{"target":"/redfish/v1/Systems/1/Actions/ComputerSystem.Reset","ResetType@Redfish.AllowableValues":["ForceOff"]}}}`)
	f.Add(`{"PowerState":"On","powerstate":"Off"}`)
	f.Add(`{"Status":{"State":"Absent"},"PowerState":"Off"}`)
	f.Add(`{"Actions":{"#ComputerSystem.Reset":{"target":"/redfish/v1/Systems/1/../2/x"}}}`)
	f.Fuzz(func(t *testing.T, doc string) {
		s, err := parseSystem(at, []byte(doc))
		if err != nil {
			return
		}
		if s.ResetTarget != "" && (!strings.HasPrefix(s.ResetTarget, at+"/") || strings.Contains(s.ResetTarget, "..")) {
			t.Fatalf("%q would be switched", s.ResetTarget)
		}
		if len(s.UUID) > maxText || len(s.Serial) > maxText || len(s.PowerState) > maxText {
			t.Fatalf("%+v", s)
		}
		var g redfish.ComputerSystem
		if g.UnmarshalJSON([]byte(doc)) != nil || s.judge(string(g.PowerState)) != nil {
			return
		}
		if state := sdk.ParseState(string(g.PowerState)); state == sdk.Off && (s.PowerState != string(g.PowerState) || s.Presence == "Absent") {
			t.Fatalf("off is believed of %+v", s)
		}
	})
}

// FuzzCollection: whatever list a BMC gives, the system that is meant is chosen, or none.
func FuzzCollection(f *testing.F) {
	f.Add(`{"Members":[{"@odata.id":"/redfish/v1/Systems/1"}]}`, "")
	f.Add(`{"Members":[{"@odata.id":"/redfish/v1/Systems/1"},{"@odata.id":"/redfish/v1/Systems/2"}],"Members@odata.nextLink":"/x"}`, "2")
	f.Fuzz(func(t *testing.T, doc, target string) {
		parseRoot([]byte(doc))
		members, _, err := parseCollection([]byte(doc))
		if err != nil {
			return
		}
		chosen, err := choose(members, target)
		if err != nil {
			if chosen != "" || len(err.Error()) > 1024 {
				t.Fatalf("%q %v", chosen, err)
			}
			return
		}
		if !plain(chosen) || (target == "" && len(members) != 1) ||
			(target != "" && idOf(chosen) != target && strings.TrimRight(chosen, "/") != strings.TrimRight(target, "/")) {
			t.Fatalf("%q of %v is chosen for %q", chosen, members, target)
		}
		if _, err := page("/s", []string{chosen}, ""); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzRefusal: whatever an error says, it is classified, bounded and printable, and never a success.
func FuzzRefusal(f *testing.F) {
	f.Add(503, `{"error":{"message":"m","@Message.ExtendedInfo":[{"MessageId":"Base.1.8.ResourceInUse","Message":"why"}]}}`, true)
	f.Add(401, "<html>", false)
	f.Fuzz(func(t *testing.T, status int, doc string, login bool) {
		err := parseRefusal(status, []byte(doc)).classify(login)
		if err == nil || len(err.Error()) > 2048 || strings.ContainsAny(err.Error(), "\n\x1b\x00") {
			t.Fatalf("%v", err)
		}
		if sdk.ClassOf(err) == sdk.ClassAuth && !login {
			t.Fatal("a password was not asked for, and is said to be wrong")
		}
	})
}

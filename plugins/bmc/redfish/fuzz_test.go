package redfish

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

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

// paper is a BMC that answers from a list of documents, by path.
type paper map[string]string

func (p paper) RoundTrip(r *http.Request) (*http.Response, error) {
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: r, Body: http.NoBody}
	switch {
	case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/Sessions"):
		resp.StatusCode = http.StatusCreated
		resp.Header.Set("X-Auth-Token", "t")
		resp.Header.Set("Location", "/redfish/v1/SessionService/Sessions/1")
	case r.Method == http.MethodGet:
		resp.Body = io.NopCloser(strings.NewReader(p[r.URL.Path]))
	default:
		resp.StatusCode = http.StatusNoContent
	}
	return resp, nil
}

// FuzzSession: whatever documents a BMC answers with, bmclib's provider behind the guard survives them, reads off only where system 1's own
// document says exactly that, and commands nothing but system 1.
func FuzzSession(f *testing.F) {
	const (
		rootDoc = `{"Systems":{"@odata.id":"/redfish/v1/Systems"},"Links":{"Sessions":{"@odata.id":"/redfish/v1/SessionService/Sessions"}}}`
		listDoc = `{"Members":[{"@odata.id":"/redfish/v1/Systems/1"}],"Members@odata.count":1}`
		sysDoc  = `{"@odata.id":"/redfish/v1/Systems/1","Id":"1","PowerState":"Off","Actions":{"#ComputerSystem.Reset":{"target":"/redfish/v1/Systems/1/Actions/ComputerSystem.Reset"}}}`
	)
	f.Add(rootDoc, listDoc, sysDoc)
	f.Add(rootDoc, `{"Members":[{"@odata.id":"/redfish/v1/Systems/2"},{"@odata.id":"/redfish/v1/Systems/1"}]}`, strings.Replace(sysDoc, "Off", "PoweringOff", 1))
	f.Add(rootDoc, listDoc, `{"PowerState":"Off","Boot":{"BootOrder":null},"Links":{"Chassis":[{}]},"ProcessorSummary":[]}`)
	f.Fuzz(func(t *testing.T, root, list, sys string) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*slow())
		defer cancel()
		var late sync.WaitGroup
		d := New(ctx, Config{Host: "10.0.0.1", Port: 443, User: "u", Password: "p", System: "1", Late: &late, Until: time.Now().Add(10 * slow())})
		sent := &recorder{RoundTripper: paper{"/redfish/v1/": root, "/redfish/v1/Systems": list, at: sys}}
		d.guard.base = sent
		defer late.Wait()
		if d.Open(ctx) != nil {
			return
		}
		defer func() { _ = d.Close(ctx) }()
		state, err := d.PowerStateGet(ctx)
		if err == nil && sdk.ParseState(state) == sdk.Off && d.System().PowerState != state {
			t.Fatalf("%q is read from %s", state, sys)
		}
		ok, err := d.PowerSet(ctx, "off")
		if ok != (err == nil) || ok != (sent.commands == 1) {
			t.Fatalf("off: %t %v, %d commands", ok, err, sent.commands)
		}
		if sent.strayed != "" {
			t.Fatalf("a command went to %q", sent.strayed)
		}
	})
}

// recorder counts the commands that went out.
type recorder struct {
	http.RoundTripper
	commands int
	strayed  string
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodPost && !strings.HasSuffix(req.URL.Path, "/Sessions") {
		r.commands++
		if !strings.HasPrefix(req.URL.Path, at+"/") || req.URL.Host != "10.0.0.1:443" {
			r.strayed = req.URL.String()
		}
	}
	return r.RoundTripper.RoundTrip(req)
}

package main

import (
	"bytes"
	"encoding/json"
	"net"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/plugins/sdk"
)

// scripted is a connection that says these bytes, whatever it is asked, and then ends.
type scripted struct {
	net.Conn
	says *bytes.Reader
}

func (s scripted) Read(b []byte) (int, error)  { return s.says.Read(b) }
func (s scripted) Write(b []byte) (int, error) { return len(b), nil }
func (s scripted) Close() error                { return nil }

// FuzzMonitor: whatever a monitor sends, a state comes of it only by a well-formed answer to the question, and a failure has a class.
func FuzzMonitor(f *testing.F) {
	const event, capable = `{"event":"RESET"}` + "\n", `{"return":{},"id":1}` + "\n"
	uuid := result(3, `{"UUID":"`+testUUID+`"}`)
	for _, says := range []string{
		hello + capable + result(2, `{"status":"running","running":true}`) + uuid,
		hello + event + capable + event + result(2, `{"status":"shutdown","running":false}`) + event + result(3, `{"UUID":"00000000-0000-0000-0000-000000000000"}`),
		hello + capable + result(2, `{"status":"shutdown","running":true}`) + uuid,
		hello + capable + result(2, `{"status":"paused"}`) + uuid,
		hello + capable + result(1, `{"status":"shutdown"}`) + uuid,
		hello + capable + result(2, `[]`) + uuid,
		hello + capable + `{"return":{"status":"shutdown"}}` + "\n" + uuid,
		hello + capable + `{"error":{"class":"CommandNotFound","desc":"no"},"id":2}` + "\n",
		hello, event, "SSH-2.0-OpenSSH_9\n",
	} {
		f.Add([]byte(says))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		m := newScripted(t, in)
		if m == nil {
			return
		}
		var s runState
		mustHaveClass(t, m.ask("query-status", nil, &s))
		if m = newScripted(t, in); m == nil {
			t.Fatal("the same greeting is read in two ways")
		}
		st, err := m.status()
		mustHaveClass(t, err)
		switch {
		case err != nil && (st.State != sdk.Unknown || len(st.UUIDs) > 0):
			t.Fatalf("%+v with %v", st, err)
		case st.State == sdk.Off && !answered(in, "shutdown", false), st.State == sdk.On && !answered(in, "running", true):
			t.Fatalf("it is %s, and no answer says so", st.State)
		}
	})
}

// newScripted is a monitor behind its greeting, nil where that is none.
func newScripted(t *testing.T, says []byte) *monitor {
	t.Helper()
	m, err := greet(scripted{says: bytes.NewReader(says)})
	if err != nil {
		mustHaveClass(t, err)
		return nil
	}
	return m
}

func mustHaveClass(t *testing.T, err error) {
	t.Helper()
	if err != nil && sdk.ClassOf(err) == sdk.ClassUnknown {
		t.Fatalf("an error without a class: %v", err)
	}
}

// answered reports whether some line is an answer to the second command that says this, read in another way than the plugin does. Where a name
// stands twice, or as null, any reading may be right.
func answered(in []byte, status string, run bool) bool {
	for line := range bytes.Lines(in) {
		for _, id := range values(line, "id") {
			if string(id) != "2" && string(id) != "null" {
				continue
			}
			for _, r := range values(line, "return") {
				said, runs := false, !run
				for _, v := range values(r, "status") {
					var word string
					said = said || json.Unmarshal(v, &word) == nil && word == status || string(v) == "null"
				}
				for _, v := range values(r, "running") {
					runs = runs || string(v) == "true" || string(v) == "null"
				}
				if said && runs {
					return true
				}
			}
		}
	}
	return false
}

// values are those that stand under a name in a document, in any case of its letters.
func values(document []byte, name string) []json.RawMessage {
	var out []json.RawMessage
	d := json.NewDecoder(bytes.NewReader(document))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil
	}
	for d.More() {
		key, err := d.Token()
		var v json.RawMessage
		if err != nil || d.Decode(&v) != nil {
			return nil
		}
		if word, ok := key.(string); ok && strings.EqualFold(word, name) {
			out = append(out, v)
		}
	}
	return out
}

package agreement

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

var hello = Hello{Node: 1, Boot: "b", Instance: "i", Store: "s", Starts: 1, Count: 3}

func TestMessagesComeBack(t *testing.T) {
	for _, m := range []Message{
		{Hello: &hello},
		{Hello: &Hello{Node: 1, Boot: "b", Instance: "i", Store: "s", Count: 3, State: &State{Promised: 3, Pledge: 4, Votes: 1}}},
		{Session: "s", State: &State{Domain: "d", Promised: 3, Synced: 2, Last: 5, Commit: 4, SnapAt: 1, Votes: 1, Need: 2, Stores: three, Have: &Progress{Instance: "x"}}},
		{Without: &Without{Count: 2, Processes: []Process{{1, 2}}}},
		{Session: "s", Page: &Page{Entries: logOf(3, 5, 10)}},
		{Session: "s", Entry: &Entry{Number: 4, Data: []byte("data")}},
		{Session: "s", Entry: &Entry{View: &View{Members: []Hello{hello}}, Base: 4}},
		{Session: "s", Promise: true},
		{Session: "s", Synced: true},
		{Session: "s", Ack: 7},
		{Ping: &Ping{Seq: 1, Healthy: true, Acks: []Heard{{"i", 4}}}},
	} {
		b, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(b)
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%s: %+v, %v", b, got, err)
		}
		for i := range b {
			if _, err := Decode(b[:i]); err == nil {
				t.Errorf("%q is accepted", b[:i])
			}
		}
	}
}

// Of a message of another protocol only the version of a Hello is believed, and only if it can stand in a line of text.
func TestAnotherProtocolSaysItsVersion(t *testing.T) {
	for body, want := range map[string]string{
		`{"hello":{"version":"v9.9.9-other"}}`:                    "v9.9.9-other",
		`{"hello":{"version":"v9"},"more":[1]}`:                   "v9",
		`{"ping":{"seq":1}}`:                                      "",
		`{"hello":{"version":9}}`:                                 "",
		`{"hello":{"version":"a\nb"}}`:                            "",
		`{"hello":{"version":"` + strings.Repeat("v", 65) + `"}}`: "",
		"no json": "",
	} {
		var p ProtocolError
		if _, err := Decode([]byte("fncc\x63" + body)); !errors.As(err, &p) || p != (ProtocolError{Protocol: 99, Version: want}) {
			t.Errorf("%s: %v", body, err)
		}
	}
	const both = "it speaks protocol 99 (version v9), this node protocol 1 (version v1); install the same version on both"
	if got := (ProtocolError{Protocol: 99, Version: "v9"}).Beside("v1"); got != both {
		t.Errorf("%q", got)
	}
}

func TestForeignMessagesAreRefused(t *testing.T) {
	var p ProtocolError
	if _, err := Decode([]byte("fncc\x09{}")); !errors.As(err, &p) || p != (ProtocolError{Protocol: 9}) || !strings.Contains(err.Error(), "protocol 9") {
		t.Errorf("another protocol: %v", err)
	}
	for name, b := range map[string]string{
		"another program":      "hello",
		"nothing":              "",
		"no kind":              "fncc\x01{}",
		"two kinds":            `fncc` + "\x01" + `{"promise":true,"synced":true}`,
		"two messages":         `fncc` + "\x01" + `{"promise":true}{"promise":true}`,
		"incomplete hello":     `fncc` + "\x01" + `{"hello":{"node":1}}`,
		"state of two minds":   `fncc` + "\x01" + `{"state":{"last":3,"commit":4}}`,
		"synced not promised":  `fncc` + "\x01" + `{"state":{"promised":3,"synced":4}}`,
		"pledge of the past":   `fncc` + "\x01" + `{"state":{"promised":3,"pledge":3}}`,
		"hello of two minds":   `fncc` + "\x01" + `{"hello":{"node":1,"boot":"b","instance":"i","store":"s","count":1,"state":{"last":3,"commit":4}}}`,
		"view with a state":    `fncc` + "\x01" + `{"entry":{"view":{"members":[{"node":1,"state":{}}]}}}`,
		"entry without number": `fncc` + "\x01" + `{"entry":{}}`,
		"view of nobody":       `fncc` + "\x01" + `{"entry":{"view":{"members":[]}}}`,
		"oversized":            "fncc\x01" + strings.Repeat(" ", MaxMessage),
	} {
		if m, err := Decode([]byte(b)); err == nil {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, m := range []Message{{Hello: &hello}, {Session: "s", Promise: true}, {Session: "s", Page: &Page{Entries: logOf(1, 2, 3)}}} {
		b, err := m.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			return
		}
		again, err := m.Encode()
		if err != nil {
			return // what is read may be too long to be written, no more
		}
		n, err := Decode(again)
		if err != nil {
			t.Fatalf("%q is written as %q, and that is refused: %v", b, again, err)
		}
		if third, err := n.Encode(); err != nil || string(third) != string(again) {
			t.Fatalf("%q, then %q, %v", again, third, err)
		}
	})
}

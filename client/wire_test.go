package client

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

// documents are all the documents of fenced/v1 that stand by themselves.
var documents = []any{
	Status{},
	Plan{},
	History{},
	HistoryLine{},
	Show{},
	Event{},
	Accepted{},
	Applied{},
	Bootstrapped{},
	Committed{},
	Plugins{},
	PluginReport{},
	Residual{},
	DevSummary{},
	Error{},
}

func TestDocumentsBeginWithTheirVersionAndHaveNoNull(t *testing.T) {
	for _, d := range documents {
		b, err := json.Marshal(d)
		if err != nil {
			t.Fatalf("%T: %v", d, err)
		}
		if !bytes.HasPrefix(b, []byte(`{"api":`)) {
			t.Errorf("%T begins with %.30s, readers look for api first", d, b)
		}
		if bytes.Contains(b, []byte("null")) {
			t.Errorf("%T has a null: %s", d, b)
		}
	}
}

// Durations end in _ms, and nothing has a name that a secret would have (V19).
func TestFieldNames(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		for typ.Kind() == reflect.Slice || typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || seen[typ] || typ == reflect.TypeFor[Time]() {
			return
		}
		seen[typ] = true
		for i := range typ.NumField() {
			f := typ.Field(i)
			if !f.IsExported() {
				continue
			}
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" || name != strings.ToLower(name) {
				t.Errorf("%s.%s has the JSON name %q", typ.Name(), f.Name, name)
			}
			if strings.HasSuffix(f.Name, "MS") != (strings.HasSuffix(name, "_ms") || name == "ms") {
				t.Errorf("%s.%s and its JSON name %q disagree on milliseconds", typ.Name(), f.Name, name)
			}
			if f.Type == reflect.TypeFor[time.Duration]() {
				t.Errorf("%s.%s is a time.Duration, which JSON shows in nanoseconds", typ.Name(), f.Name)
			}
			for _, word := range []string{"password", "key", "token", "credential"} {
				if strings.Contains(name, word) {
					t.Errorf("%s.%s is called %q: nothing secret has a field", typ.Name(), f.Name, name)
				}
			}
			walk(f.Type)
		}
	}
	for _, d := range documents {
		walk(reflect.TypeOf(d))
	}
}

func TestTimeIsUTCToTheMillisecond(t *testing.T) {
	at := At(time.Date(2026, 11, 19, 2, 12, 7, 123456789, time.FixedZone("there", 3600)))
	b, err := json.Marshal(at)
	if err != nil || string(b) != `"2026-11-19T01:12:07.123Z"` {
		t.Fatalf("got %s, %v", b, err)
	}
	var back Time
	if err := json.Unmarshal([]byte(`"2026-11-19T02:12:07+01:00"`), &back); err != nil || back.Hour() != 1 || back.Location() != time.UTC {
		t.Fatalf("got %v, %v", back, err)
	}
	for _, bad := range []string{`"yesterday"`, `12`, `{}`} {
		if err := json.Unmarshal([]byte(bad), &back); err == nil {
			t.Errorf("%s was read as a time", bad)
		}
	}
	if err := json.Unmarshal([]byte("null"), &back); err != nil || !back.IsZero() {
		t.Errorf("null must be no time: %v %v", back, err)
	}
}

func TestReadersIgnoreWhatTheyDoNotKnow(t *testing.T) {
	var s Status
	err := json.Unmarshal([]byte(`{"api":"fenced/v1","nodes":[{"name":"a","new":1}],"new":{"x":[1]}}`), &s)
	if err != nil || len(s.Nodes) != 1 || s.Nodes[0].Name != "a" {
		t.Fatalf("%+v %v", s, err)
	}
}

func TestHealthyNeedsEverything(t *testing.T) {
	good := Status{Quorate: true, Armed: true}
	if !good.Healthy() {
		t.Fatal("quorate and armed is healthy")
	}
	for name, change := range map[string]func(*Status){
		"no quorum": func(s *Status) { s.Quorate = false },
		"not armed": func(s *Status) { s.Armed = false },
		"frozen":    func(s *Status) { s.Frozen = true },
		"attention": func(s *Status) { s.Attention = []Attention{{Code: "W203"}} },
	} {
		bad := good
		if change(&bad); bad.Healthy() {
			t.Errorf("%s is not healthy", name)
		}
	}
}

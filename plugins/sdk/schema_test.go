package sdk

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

var schema = []Option{
	{Name: "address", Required: true, Mapping: true},
	{Name: "port", Type: Int, Default: "623"},
	{Name: "tls", Type: Bool},
	{Name: "wait", Type: Duration, Default: "1m30s"},
	{Name: "driver", Type: Enum, Values: []string{"ipmi", "redfish"}, Default: "ipmi"},
	{Name: "password", Secret: true},
	{Name: "pin", Type: Int, Secret: true},
}

func TestOptions(t *testing.T) {
	o, err := NewOptions(schema, map[string]string{"address": "10.0.0.1", "tls": "true", "password": "correct-horse"})
	if err != nil {
		t.Fatal(err)
	}
	if o.String("address") != "10.0.0.1" || o.Int("port") != 623 || !o.Bool("tls") || o.Duration("wait") != 90*time.Second || o.String("driver") != "ipmi" {
		t.Errorf("the options are %+v", o)
	}
	if o.Secret("password").Reveal() != "correct-horse" || !o.Given("tls") || o.Given("pin") {
		t.Error("a secret or a given option is lost")
	}
	for name, wrong := range map[string]func(){
		"unknown": func() { _ = o.String("adress") }, "type": func() { _ = o.Int("address") }, "given": func() { o.Given("x") },
		"secret as text": func() { _ = o.String("password") }, "text as secret": func() { o.Secret("address") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: a mistake of the plugin goes unnoticed", name)
				}
			}()
			wrong()
		}()
	}
}

func TestOptionsRefused(t *testing.T) {
	_, err := NewOptions(schema, map[string]string{"port": "many", "tls": "yes", "wait": "-1s", "driver": "smoke", "pin": "correct-horse", "adress": "x"})
	if !errors.Is(err, ClassRefused) {
		t.Fatalf("the error is %v", err)
	}
	for _, want := range []string{"option address is required", `port is "many"`, `tls is "yes"`, `wait is "-1s"`, "one of ipmi, redfish", `option "adress" is unknown`, "option pin is ***"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "correct-horse") {
		t.Errorf("the error tells a secret: %v", err)
	}
	if _, err := NewOptions(schema, map[string]string{"address": ""}); err == nil {
		t.Error("an empty required option is accepted")
	}
}

func TestSecretPrintsStars(t *testing.T) {
	o, err := NewOptions(schema, map[string]string{"address": "a", "password": "correct-horse"})
	if err != nil {
		t.Fatal(err)
	}
	s := o.Secret("password")
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "s", s, "o", o)
	j, err := json.Marshal(map[string]any{"s": s, "o": o})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprintf("%v %s %q %+v %#v %x", s, s, s, s, s, s), fmt.Sprintf("%v %+v %#v", o, o, o), log.String(), string(j)} {
		if strings.Contains(text, "correct") || strings.Contains(text, "636f7272") {
			t.Errorf("the secret is in %q", text)
		}
	}
}

// Only whole, known phrases are a state; whatever else is unknown, and unknown is never good news.
func TestParseState(t *testing.T) {
	for text, want := range map[string]State{
		"on": On, "On": On, "Chassis Power is on\n": On, "PoweredOn": On, " OFF ": Off, "Chassis Power is off": Off, "Powered Off": Off,
		"": Unknown, "not off": Unknown, "off (pending)": Unknown, "PoweringOff": Unknown, "PoweringOn": Unknown, "standby": Unknown,
		"0": Unknown, "offline": Unknown, "on off": Unknown, "unknown": Unknown, "no": Unknown,
	} {
		if got := ParseState(text); got != want {
			t.Errorf("ParseState(%q) = %s, want %s", text, got, want)
		}
	}
}

func FuzzParseState(f *testing.F) {
	f.Add("Chassis Power is off\n")
	f.Add("on\x00off")
	f.Fuzz(func(t *testing.T, text string) {
		s := ParseState(text)
		low := strings.ToLower(text)
		if s == Off && (!strings.Contains(low, "off") || len(strings.Fields(low)) > 4) {
			t.Errorf("%q is off", text)
		}
		if s == On && (!strings.Contains(low, "on") || len(strings.Fields(low)) > 4) {
			t.Errorf("%q is on", text)
		}
	})
}

func TestDescriptionProblems(t *testing.T) {
	good := Description{Name: "x", Kind: Power, Options: schema}
	if ps := good.problems(); len(ps) > 0 {
		t.Fatalf("a good description has problems: %v", ps)
	}
	for want, spoil := range map[string]func(*Description){
		"the name": func(d *Description) { d.Name = "X/1" },
		"the kind": func(d *Description) { d.Kind = "magic" },
		"there twice": func(d *Description) {
			d.Options = append(d.Options[:len(d.Options):len(d.Options)], Option{Name: "port"})
		},
		"default of":     func(d *Description) { d.Options = []Option{{Name: "n", Type: Int, Default: "x"}} },
		"the action":     func(d *Description) { d.Actions = []Action{"reboot"} },
		"unknown type":   func(d *Description) { d.Options = []Option{{Name: "n", Type: "float", Default: "1"}} },
		"is nameless or": func(d *Description) { d.Options = []Option{{}} },
	} {
		d := good
		spoil(&d)
		if got := strings.Join(d.problems(), "; "); !strings.Contains(got, want) {
			t.Errorf("the problems are %q, want %q", got, want)
		}
	}
}

package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/plugins/sdk"
	"github.com/fenced-project/fenced/test/harness"
)

// A machine with two supplies hangs on two plugs of one agent: it is off when both are, on when both are, and switched on at both though one is on.
func TestSeveralPlugs(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	d := f.mustOpen(t, nil)
	for _, step := range []struct {
		n1, n2 string
		action sdk.Action
		want   sdk.State
	}{
		{"on", "on", "", sdk.On},
		{"on", "off", "", sdk.Unknown},
		{"off", "on", "", sdk.Unknown},
		{"off", "off", "", sdk.Off},
		{"on", "off", sdk.ActionOff, sdk.Off},
		{"off", "on", sdk.ActionOn, sdk.On},
	} {
		f.put(t, "n1", step.n1)
		f.put(t, "n2", step.n2)
		if step.action != "" {
			if err := d.Do(harness.Within(t, 20*time.Second), "n1, n2", step.action); err != nil {
				t.Fatal(err)
			}
		}
		st, err := d.Status(harness.Within(t, 20*time.Second), "n1,n2")
		if err != nil || st.State != step.want {
			t.Errorf("n1 %s, n2 %s, then %q: %v, %v; want %s", step.n1, step.n2, step.action, st, err, step.want)
		}
	}
	f.put(t, "n2", "broken")
	if st, err := d.Status(harness.Within(t, 20*time.Second), "n1,n2"); err == nil || st.State == sdk.Off {
		t.Errorf("one plug that cannot be read: %v, %v", st, err)
	}
	many := make([]string, maxTogether+1)
	for i := range many {
		many[i] = strconv.Itoa(i)
	}
	for _, target := range []string{"n1,", "n1,,n2", "n1,n1", ",", strings.Join(many, ",")} {
		if err := d.Do(harness.Within(t, 20*time.Second), target, sdk.ActionOff); !errors.Is(err, sdk.ClassRefused) {
			t.Errorf("target %q: %v", target, err)
		}
	}
}

// The separator is the agent's, which the configuration may set; an agent without one takes a plug for what it is.
func TestPlugsAreParted(t *testing.T) {
	t.Parallel()
	one := metadata{Params: []param{{Name: "plug"}}}
	several := metadata{Params: []param{{Name: "plug"}, {Name: "plug_separator", Default: ","}}}
	for _, c := range []struct {
		meta      metadata
		separator string
		target    string
		want      []string
	}{
		{one, "", "a,b", []string{"a,b"}},
		{several, "", "a,b", []string{"a", "b"}},
		{several, ";", "a,b", []string{"a,b"}},
		{several, ";", "a,b; c", []string{"a,b", "c"}},
		{several, "", "machine one", []string{"machine one"}},
		{several, `" "`, "a b", []string{"a", "b"}}, // as a separator of white space is handed over
	} {
		d := &device{meta: c.meta, settings: settings{}}
		if c.separator != "" {
			d.settings["plug_separator"] = sdk.NewSecret(c.separator)
		}
		s, err := d.with(c.target)
		if got := d.plugs(s); err != nil || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.want) {
			t.Errorf("%q at %q: %q, %v", c.target, c.separator, got, err)
		}
	}
}

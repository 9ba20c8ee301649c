package main

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/fenced-project/fenced/plugins/sdk"
	"github.com/fenced-project/fenced/test/harness"
)

// An agent gets each parameter under the name that it knows, old or new, whichever the configuration has, and the plug above all.
func TestOldAndNewNames(t *testing.T) {
	t.Parallel()
	listed := func(names ...string) (m metadata) {
		for _, n := range names {
			m.Params = append(m.Params, param{Name: n})
		}
		return m
	}
	both := metadata{Params: []param{{Name: "port", Deprecated: true}, {Name: "plug", Obsoletes: "port"}, {Name: "community", Obsoletes: "snmp_community"}}}
	oldNames := []string{"ipaddr", "login", "passwd", "passwd_script", "port", "secure", "cmd_prompt", "sudo"}
	newNames := []string{"ip", "username", "password", "password_script", "plug", "ssh", "command_prompt", "use_sudo"}
	type row struct {
		agent       metadata
		given, sent string
	}
	rows := map[string]row{
		"both, old is given":           {both, "port", "plug"},
		"both, new is given":           {both, "plug", "plug"},
		"a change of its own":          {both, "snmp_community", "community"},
		"capitals, and lines for bars": {listed("cmd_prompt"), "Command-Prompt", "cmd_prompt"},
		"bars for lines":               {listed("login-timeout"), "login_timeout", "login-timeout"},
	}
	for i, o := range oldNames {
		n := newNames[i]
		rows["old agent, old name "+o] = row{listed(oldNames...), o, o}
		rows["old agent, new name "+n] = row{listed(oldNames...), n, o}
		rows["new agent, old name "+o] = row{listed(newNames...), o, n}
		rows["new agent, new name "+n] = row{listed(newNames...), n, n}
		rows["both unmarked, old name "+o] = row{listed(o, n), o, n}
		rows["both unmarked, new name "+n] = row{listed(o, n), n, n}
	}
	for name, c := range rows {
		got, err := c.agent.resolve(map[string]sdk.Secret{c.given: sdk.NewSecret("v")})
		if want := "action=off\n" + c.sent + "=v\n"; err != nil || string(got.input("off")) != want {
			t.Errorf("%s: %s is handed over as %q, %v; want %q", name, c.given, got.input("off"), err, want)
		}
	}
	old := listed("ipaddr", "port")
	for i := range old.Params {
		old.Params[i].Required = true
	}
	if _, err := old.resolve(map[string]sdk.Secret{"ip": sdk.NewSecret("v")}); err != nil {
		t.Errorf("what is required is there under its new name: %v", err)
	}
	if _, err := old.resolve(map[string]sdk.Secret{"ip": sdk.NewSecret("v"), "ipaddr": sdk.NewSecret("v")}); !errors.Is(err, sdk.ClassRefused) {
		t.Errorf("both names of one parameter: %v", err)
	}
	s, err := (&device{meta: old, settings: settings{}}).with("7")
	if err != nil || string(s.input("off")) != "action=off\nport=7\n" {
		t.Errorf("the target of an agent that knows port only: %q, %v", s.input("off"), err)
	}
}

// An agent's own time-outs are off unless the configuration says otherwise, also where the agent calls that a flag, of which nothing is sent when it is off.
func TestTimeoutsOfTheAgent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ kind, standard, set, want string }{
		{"boolean", "", "", "disable_timeout=1\n"},
		{"boolean", "", "true", "disable_timeout=1\n"},
		{"boolean", "", "false", ""},
		{"boolean", "1", "false", "disable_timeout=0\n"},
		{"string", "", "", "disable_timeout=1\n"},
		{"string", "", "true", "disable_timeout=true\n"},
		{"string", "", "false", "disable_timeout=false\n"},
	} {
		m := metadata{Params: []param{{Name: "disable_timeout", Type: c.kind, Default: c.standard}}}
		given := map[string]sdk.Secret{}
		if c.set != "" {
			given["disable-timeout"] = sdk.NewSecret(c.set)
		}
		resolved, err := m.resolve(given)
		if err != nil {
			t.Fatal(err)
		}
		s, err := (&device{meta: m, settings: resolved}).with("")
		if got := string(s.input("off")); err != nil || got != "action=off\n"+c.want {
			t.Errorf("a %s with default %q, set to %q: the agent gets %q, %v", c.kind, c.standard, c.set, got, err)
		}
	}
	if s, err := (metadata{}).resolve(nil); err != nil || len(s) != 0 {
		t.Errorf("an agent that does not know it gets %v, %v", s, err)
	}
}

// An exit code means something for status only: of every other action all but 0 is a failure, also what would be off or on there.
func TestExitCodesByAction(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"code1", "code2", "code8"} {
		f := newFake(t)
		d := f.mustOpen(t, map[string]string{"mode": mode})
		for _, action := range []sdk.Action{sdk.ActionOff, sdk.ActionOn} {
			if err := d.Do(harness.Within(t, 20*time.Second), "n1", action); sdk.ClassOf(err) != sdk.ClassUnknown || err == nil {
				t.Errorf("%s of %s: %v", mode, action, err)
			}
		}
		if ts, err := d.(sdk.Lister).List(harness.Within(t, 20*time.Second)); sdk.ClassOf(err) != sdk.ClassUnknown || err == nil || ts != nil {
			t.Errorf("%s of list: %v, %v", mode, ts, err)
		}
		st, err := d.Status(harness.Within(t, 20*time.Second), "n1")
		if off := mode == "code2"; (err == nil) != off || (st.State == sdk.Off) != off {
			t.Errorf("%s of status: %v, %v", mode, st, err)
		}
	}
}

// What an agent says of itself counts if it exits with 0; with anything else a whole document does not, and its words are not those of a failure.
func TestMetadataComesWithSuccess(t *testing.T) {
	t.Parallel()
	document := `<resource-agent name="fence_x"><parameters><parameter name="plug" required="1"/><parameter name="login_timeout"/></parameters>` +
		`<actions><action name="on"/><action name="off"/><action name="reboot"/><action name="status"/></actions></resource-agent>`
	for ends, want := range map[string]struct {
		class sdk.Class
		text  string
	}{
		"echo noise >&2; exit 0": {"", ""},
		"exit 1":                 {sdk.ClassUnknown, "fence_x metadata: it exited with 1"},
		"exit 2":                 {sdk.ClassUnknown, "fence_x metadata: it exited with 2"},
		"kill -9 $$":             {sdk.ClassUnknown, "fence_x metadata: it was ended by killed"},
		"echo 'ImportError: no module' >&2; exit 1": {sdk.ClassUnsupported, "unsupported: fence_x metadata: it exited with 1: ImportError: no module"},
	} {
		path := write(t, "fence_x", "#!/bin/sh\necho '"+document+"'\n"+ends+"\n")
		for range 2 { // nothing of a failure is kept
			_, err := openAgent(t, map[string]string{"agent": path})
			if (err == nil) != (want.text == "") || sdk.ClassOf(err) != want.class || err != nil && err.Error() != want.text {
				t.Errorf("%s: %v, want %q", ends, fmt.Sprint(err), want.text)
			}
		}
	}
}

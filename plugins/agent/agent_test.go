package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fenced-project/fenced/plugins/host"
	"github.com/fenced-project/fenced/plugins/plugintest"
	"github.com/fenced-project/fenced/plugins/sdk"
	"github.com/fenced-project/fenced/test/harness"
)

func TestMain(m *testing.M) {
	forks() // the one thread that stays
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent(), goleak.IgnoreAnyFunction("github.com/fenced-project/fenced/plugins/agent.forks.func1.1"), goleak.IgnoreAnyFunction("main.init.func1.1"))
}

// install puts an agent of testdata where only its owner can write, under another name if one is given.
func install(t *testing.T, from, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", from))
	if err != nil {
		t.Fatal(err)
	}
	return write(t, name, string(b))
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	return path
}

// fake is the agent of testdata with one machine n1, which is on.
type fake struct {
	dir  string
	path string
}

func newFake(t *testing.T) fake {
	t.Helper()
	f := fake{t.TempDir(), install(t, "fence_fake", "fence_fake")}
	f.set(t, "on")
	return f
}

func (f fake) set(t *testing.T, state string) {
	t.Helper()
	f.put(t, "n1", state)
}

// put sets a plug by its name.
func (f fake) put(t *testing.T, plug, state string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, plug), []byte(state+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (f fake) read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(f.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (f fake) open(t *testing.T, more map[string]string) (sdk.Device, error) {
	t.Helper()
	values := map[string]string{"agent": f.path, "dir": f.dir}
	for k, v := range more {
		values[k] = v
	}
	return openAgent(t, values)
}

// openAgent goes the way of the wire: the sdk checks the options first.
func openAgent(t *testing.T, values map[string]string) (sdk.Device, error) {
	t.Helper()
	o, err := plugin{}.Describe().NewOptions(values)
	if err != nil {
		t.Fatal(err)
	}
	return plugin{}.Open(harness.Within(t, 20*time.Second), "d", o)
}

func (f fake) mustOpen(t *testing.T, more map[string]string) sdk.Device {
	t.Helper()
	d, err := f.open(t, more)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// ended waits for a process that was killed: a busy machine comes to it when it comes to it.
func ended(t *testing.T, what string, pid int) {
	t.Helper()
	harness.Await(t, func() error {
		if !gone(pid) {
			return fmt.Errorf("%s %d still runs", what, pid)
		}
		return nil
	})
}

func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || zombie(pid) }

func zombie(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(b), ") Z ")
}

func TestOffOnStatusList(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	d := f.mustOpen(t, map[string]string{"username": "u", "password": "p w", "ssl": "true", "notls": "false"})
	for _, step := range []struct {
		act  sdk.Action
		want sdk.State
	}{{"", sdk.On}, {sdk.ActionOff, sdk.Off}, {sdk.ActionOff, sdk.Off}, {sdk.ActionOn, sdk.On}} {
		if step.act != "" {
			if err := d.Do(harness.Within(t, 10*time.Second), "n1", step.act); err != nil {
				t.Fatal(err)
			}
		}
		st, err := d.Status(harness.Within(t, 10*time.Second), "n1")
		if err != nil || st.State != step.want {
			t.Fatalf("after %q: %v %v, want %v", step.act, st, err, step.want)
		}
	}
	ts, err := d.(sdk.Lister).List(harness.Within(t, 10*time.Second))
	if err != nil || fmt.Sprint(ts) != "[{n1 first} {n2 second}]" {
		t.Errorf("list gives %v, %v", ts, err)
	}
	if d.(sdk.Kinder).Kind() != sdk.Power {
		t.Error("an agent that switches, reboots and says the state is power")
	}
}

// What an agent is given: the action first, one name=value a line, on stdin only; a flag that is off is not sent, unless it is on by default.
func TestWhatTheAgentSees(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	d := f.mustOpen(t, map[string]string{"login": "u", "passwd": `"quoted" `, "ssl": "false", "notls": "no", "port": "n1", "login-timeout": "7", "snmp_version": "2c"})
	if _, err := d.Status(harness.Within(t, 10*time.Second), ""); err != nil {
		t.Fatal(err)
	}
	want := `action=status
dir=` + f.dir + `
disable_timeout=1
login_timeout=7
notls=0
password=""quoted" "
plug=n1
snmp_version=2c
username=u
`
	if got := f.read(t, "seen"); got != want {
		t.Errorf("the agent read\n%s\nwant\n%s", got, want)
	}
	for name, text := range map[string]string{"cmdline": f.read(t, "cmdline"), "environ": f.read(t, "environ")} {
		if strings.Contains(text, "quoted") {
			t.Errorf("%s shows the password: %s", name, text)
		}
	}
	if env := f.read(t, "environ"); !strings.Contains(env, "LC_ALL=C") || strings.Contains(env, "GOPATH") {
		t.Errorf("environment is\n%s", env)
	}
	for _, fd := range strings.Fields(f.read(t, "fds")) {
		if n, _ := strconv.Atoi(fd); n > 2 && n < 10 { // bash keeps what it needs itself high up
			t.Errorf("the agent has file %s open", fd)
		}
	}
	if err := d.Do(harness.Within(t, 10*time.Second), "n2", sdk.ActionOff); !errors.Is(err, sdk.ClassRefused) {
		t.Errorf("off of another plug than the configured one: %v", err)
	}
}

func TestOptionsAreJudgedBeforeUse(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	for name, c := range map[string]struct {
		options map[string]string
		says    string
	}{
		"unknown":        {map[string]string{"usernam": "u"}, "did you mean username"},
		"twice":          {map[string]string{"login": "u", "username": "u"}, "are the same"},
		"action":         {map[string]string{"action": "reboot"}, "fenced decides"},
		"debug file":     {map[string]string{"debug_file": "/tmp/x"}, "secrets"},
		"delay":          {map[string]string{"delay": "3"}, "deadline"},
		"method":         {map[string]string{"method": "cycle"}, "proves nothing"},
		"bool":           {map[string]string{"ssl": "perhaps"}, "true or false"},
		"seconds":        {map[string]string{"login_timeout": "soon"}, "whole number"},
		"select":         {map[string]string{"snmp_version": "3"}, "one of 1, 2c"},
		"line break":     {map[string]string{"password": "a\naction=on"}, "***"},
		"required":       {map[string]string{"dir": ""}, ""},
		"class of table": {map[string]string{"class": "cut"}, "one of"},
	} {
		if name == "required" {
			_, err := openAgent(t, map[string]string{"agent": f.path})
			if !errors.Is(err, sdk.ClassRefused) || !strings.Contains(err.Error(), "dir is required") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		values := map[string]string{"agent": f.path, "dir": f.dir}
		for k, v := range c.options {
			values[k] = v
		}
		o, err := plugin{}.Describe().NewOptions(values)
		if err == nil {
			_, err = plugin{}.Open(harness.Within(t, 20*time.Second), "d", o)
		}
		if !errors.Is(err, sdk.ClassRefused) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want refused with %q", name, err, c.says)
		}
	}
}

// Whatever an agent does, its call ends in time, with the class it deserves, and nothing of it is left.
func TestMisbehaviour(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]struct {
		class sdk.Class
		state sdk.State
	}{
		"deaf":      {"", sdk.On}, // its stdin is not read to the end
		"much":      {"", sdk.On},
		"daemon":    {"", sdk.On},
		"close":     {"", sdk.On},
		"hang":      {sdk.ClassTimeout, sdk.Unknown},
		"stubborn":  {sdk.ClassTimeout, sdk.Unknown},
		"flood":     {sdk.ClassTimeout, sdk.Unknown},
		"killself":  {sdk.ClassUnknown, sdk.Unknown},
		"killgroup": {sdk.ClassUnknown, sdk.Unknown}, // ends its own group, and not us
		"code8":     {sdk.ClassUnknown, sdk.Unknown},
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			d := f.mustOpen(t, map[string]string{"mode": mode, "password": strings.Repeat("x", 100_000)})
			limit := 60 * time.Second
			if want.class == sdk.ClassTimeout {
				limit = 3 * time.Second
			}
			var late time.Duration
			for range 3 { // best of three: a machine that stood still in the last moment is not judged
				ctx := harness.Within(t, limit)
				end, _ := ctx.Deadline()
				st, err := d.Status(ctx, "n1")
				late = time.Since(end)
				if sdk.ClassOf(err) != want.class || (st.State != want.state && (err == nil || st.State != "")) {
					t.Errorf("%v %v, want %q %v", st.State, err, want.class, want.state)
				}
				if late <= 0 {
					break
				}
			}
			if late > 0 {
				t.Errorf("it came back %v after its deadline", late)
			}
			for _, name := range []string{"child", "daemon"} {
				b, err := os.ReadFile(filepath.Join(f.dir, name))
				if err != nil {
					continue
				}
				pid, _ := strconv.Atoi(strings.TrimSpace(string(b)))
				ended(t, name, pid)
			}
		})
	}
}

// An agent whose time is over is told so before it is killed, and may tidy up: log out of a device that takes few sessions. By what it exits with then
// it says nothing: this one would say off.
func TestAnAgentIsToldToEndFirst(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	d := f.mustOpen(t, map[string]string{"mode": "polite"})
	for range 3 { // a machine that stood still between the signals is not judged
		st, err := d.Status(harness.Within(t, 6*time.Second), "n1")
		if !errors.Is(err, sdk.ClassTimeout) || st.State == sdk.Off {
			t.Errorf("%v, %v", st, err)
		}
		if _, err := os.Stat(filepath.Join(f.dir, "told")); err == nil {
			return
		}
	}
	t.Error("it was killed without a word")
}

// What an agent says decides the class; what may be secret is not repeated.
func TestWhatItSays(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	d := f.mustOpen(t, map[string]string{"mode": "fail", "password": "hunter2"})
	for says, want := range map[string]sdk.Class{
		"Failed: Timed out waiting to power OFF":                       sdk.ClassLimbo,
		"Connection timed out":                                         sdk.ClassTimeout,
		"Unable to connect/login to fencing device":                    sdk.ClassUnreachable,
		"RAKP 2 HMAC is invalid":                                       sdk.ClassAuth,
		"ModuleNotFoundError: No module named 'boto3'":                 sdk.ClassUnsupported,
		"Failed: You have to set login password":                       sdk.ClassRefused,
		"Failed: Unable to obtain correct plug status or plug is bad":  sdk.ClassRefused,
		"Unrecognised action 'off'":                                    sdk.ClassUnsupported,
		"logged in as u with hunter2 and then something else happened": sdk.ClassUnknown,
	} {
		if err := os.WriteFile(filepath.Join(f.dir, "says"), []byte(says), 0o600); err != nil {
			t.Fatal(err)
		}
		err := d.Do(harness.Within(t, 10*time.Second), "n1", sdk.ActionOff)
		if sdk.ClassOf(err) != want {
			t.Errorf("%q is %v, want %v", says, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the password is in %v", err)
		}
	}
}

func TestAgentsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	head := "#!/bin/sh\n"
	for name, c := range map[string]struct {
		text  string
		class sdk.Class
	}{
		"no interpreter": {"#!/nonexistent/python\n", sdk.ClassUnsupported},
		"half":           {head + "printf '<?xml version=\"1.0\"?><resource-agent name=\"x\"><parameters><parameter name=\"a\">'\n", sdk.ClassRefused},
		"nothing":        {head + "exit 0\n", sdk.ClassRefused},
		"no module":      {head + "echo \"ModuleNotFoundError: No module named 'pycurl'\" >&2; exit 1\n", sdk.ClassUnsupported},
		"no status":      {head + `echo '<resource-agent name="fence_x"><parameters/><actions><action name="off"/></actions></resource-agent>'` + "\n", ""},
	} {
		path := write(t, "fence_x", c.text)
		d, err := openAgent(t, map[string]string{"agent": path})
		if sdk.ClassOf(err) != c.class {
			t.Errorf("%s: %v, want %q", name, err, c.class)
		}
		if err == nil { // it proves nothing, and says so
			if d.(sdk.Kinder).Kind() != sdk.Delay {
				t.Errorf("%s: kind %s", name, d.(sdk.Kinder).Kind())
			}
			if _, err := d.Status(harness.Within(t, 5*time.Second), ""); !errors.Is(err, sdk.ClassUnsupported) {
				t.Errorf("%s: status gives %v", name, err)
			}
		}
	}
	open := write(t, "fence_x", head)
	if err := os.Chmod(open, 0o777); err != nil { //nolint:gosec // that is the point
		t.Fatal(err)
	}
	if _, err := openAgent(t, map[string]string{"agent": open}); err == nil || !strings.Contains(err.Error(), "others than its owner can write it") {
		t.Errorf("an agent of mode 0777: %v", err)
	}
	for path, class := range map[string]sdk.Class{
		filepath.Join(t.TempDir(), "fence_none"): sdk.ClassUnsupported, // elsewhere it may be installed
		"fence_../../bin/sh":                     sdk.ClassRefused,
		"/bin/sh":                                sdk.ClassRefused,
		"relative/fence_x":                       sdk.ClassRefused,
		t.TempDir():                              sdk.ClassRefused,
	} {
		if _, err := openAgent(t, map[string]string{"agent": path}); sdk.ClassOf(err) != class {
			t.Errorf("%s: %v, want %s", path, err, class)
		}
	}
}

// TestConformance runs the built plugin under the real host through every case of `fenced plugin test`.
func TestConformance(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	if err := plugintest.Run(harness.Within(t, 5*time.Minute), plugintest.Options{
		Slow: 4,
		Path: harness.Plugin(t, "agent"), Device: map[string]string{"agent": f.path, "dir": f.dir}, Target: "n1", AllowPower: true,
		Secrets: map[string]host.Secret{"password": host.NewSecret("correct-horse")},
		SetState: func(_ context.Context, s string) error {
			return os.WriteFile(filepath.Join(f.dir, "n1"), []byte(s), 0o600)
		},
		Knobs: map[string]map[string]string{"timeout": {"mode": "hang"}, "lie": {"mode": "lie"}, "refused": {"port": "n7"}},
	}, func(c plugintest.Case) {
		t.Logf("%-4s %-20s %5d ms %s", c.Outcome, c.Name, c.Took.Milliseconds(), c.Text)
		if c.Outcome == plugintest.Fail {
			t.Errorf("%s: %s", c.Name, c.Text)
		}
	}); err != nil {
		t.Fatal(err)
	}
}

// An empty mark is nobody's: it must not match the empty string that ends every environment.
func TestNoMarkIsNobodys(t *testing.T) {
	t.Parallel()
	env := []byte("PATH=/bin\x00FENCED_AGENT_RUN=1.2\x00")
	for mark, want := range map[string]bool{"": false, "FENCED_AGENT_RUN=1": false, "FENCED_AGENT_RUN=1.2": true} {
		if marked(env, mark) != want {
			t.Errorf("mark %q: %t", mark, !want)
		}
	}
	if marked(nil, "") {
		t.Error("an empty environment is marked")
	}
}

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/internal/cli"
	"github.com/fenced-project/fenced/plugins/host"
	"github.com/fenced-project/fenced/test/harness"
)

// installed is a directory with two versions of a plugin that works, and one for a fenced of the future.
func installed(t *testing.T) string {
	t.Helper()
	was := startTimeout
	startTimeout = time.Minute // of what starts; what does not says so at once
	t.Cleanup(func() { startTimeout = was })
	dir := t.TempDir()
	plain := filepath.Join(dir, "fenced-plugin-bad")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", plain, "../../plugins/plugintest/badplugin")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, version := range []string{"1.2.0", "9.0.0"} {
		if err := os.Link(plain, plain+"@"+version); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// What the commands say of installed plugins, without a daemon, is what the host makes of them.
func TestPluginsOnDisk(t *testing.T) {
	dir := installed(t)
	ctx := harness.Within(t, 3*time.Minute)
	plain := filepath.Join(dir, "fenced-plugin-bad")
	list, err := listPlugins(ctx, dir)
	if err != nil || len(list) != 1 || list[0].Version != "1.2.0" || list[0].Path != plain+"@1.2.0" || list[0].Protocol != 1 || len(list[0].Versions) != 3 {
		t.Fatalf("listed is %+v, %v", list, err)
	}
	why := map[string]string{}
	for _, v := range list[0].Versions {
		why[v.Version] = v.Error
	}
	if why["1.2.0"] != "" || why["0.1.0"] != "" || !strings.Contains(why["9.0.0"], "protocol") {
		t.Errorf("its versions are %+v", list[0].Versions)
	}
	for path, want := range map[string]string{plain: "1.2.0", plain + "@1.2.0": "1.2.0"} {
		if p, err := describePlugin(ctx, path); err != nil || p.Version != want {
			t.Errorf("%s is %s, %v", path, p.Version, err)
		}
	}
	if _, err := describePlugin(ctx, "/bin/sh"); client.CodeOf(err) != client.CodeUsage {
		t.Errorf("a program that is no plugin: %v", err)
	}
}

func TestVerifyPlugin(t *testing.T) {
	dir := installed(t)
	ctx := harness.Within(t, 3*time.Minute)
	plain := filepath.Join(dir, "fenced-plugin-bad")
	good := verifyPlugin(ctx, plain, "")
	if good.Error != "" || good.Name != "bad" || good.Version != "0.1.0" || good.Protocol != 1 || good.Checked || len(good.SHA256) != 64 {
		t.Fatalf("%+v", good)
	}
	if c := verifyPlugin(ctx, plain+"@1.2.0", good.SHA256); c.Error != "" || !c.Checked || c.Name != "bad" || c.Version != "1.2.0" {
		t.Errorf("with its checksum: %+v", c)
	}
	if c := verifyPlugin(ctx, plain, strings.Repeat("0", 64)); !strings.Contains(c.Error, "SHA-256") || c.Checked || c.SHA256 != good.SHA256 {
		t.Errorf("with another checksum: %+v", c)
	}
	if c := verifyPlugin(ctx, plain+"@9.0.0", ""); !strings.Contains(c.Error, "protocol") {
		t.Errorf("of another protocol: %+v", c)
	}
	if err := os.Chmod(plain, 0o777); err != nil { //nolint:gosec // that is the point
		t.Fatal(err)
	}
	if c := verifyPlugin(ctx, plain, ""); !strings.Contains(c.Error, "others than its owner") {
		t.Errorf("open to others: %+v", c)
	}
}

// Which file is meant by a name is what the daemon would run: the highest that starts, and of those the one with the checksum that is demanded.
func TestUsedPlugin(t *testing.T) {
	dir := installed(t)
	ctx := harness.Within(t, 3*time.Minute)
	plain := filepath.Join(dir, "fenced-plugin-bad")
	is := func(what, name, sum string, want ...string) {
		t.Helper()
		if got, err := usedPlugin(ctx, dir, name, sum); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v, want %v", what, got, err, want)
		}
	}
	is("of all", "bad", "", plain+"@1.2.0")
	good, err := host.Checksum(plain)
	if err != nil {
		t.Fatal(err)
	}
	higher, err := os.ReadFile(plain)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(plain+"@1.3.0", append(higher, 0), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	is("with a higher one", "bad", "", plain+"@1.3.0")
	is("with the checksum of the lower ones", "bad", good, plain+"@1.2.0")
	if err := os.Remove(plain); err != nil {
		t.Fatal(err)
	}
	is("without a plain file", "bad", good, plain+"@1.2.0")
	for _, version := range []string{"@1.2.0", "@1.3.0"} {
		if err := os.Remove(plain + version); err != nil {
			t.Fatal(err)
		}
	}
	is("where none starts", "bad", "", plain+"@9.0.0")
	is("of none", "other", "")
}

// The agents are those that the file in use knows, also while nothing of it was started yet.
func TestAgentsOfTheVersionInUse(t *testing.T) {
	dir := installed(t)
	ctx := harness.Within(t, 3*time.Minute)
	plain := filepath.Join(dir, "fenced-plugin-bad")
	list, err := listAgents(ctx, plain, nil)
	if err != nil || len(list) != 1 || list[0].Name != "fenced-plugin-bad@1.2.0" {
		t.Errorf("it was asked of %+v, %v", list, err)
	}
	if _, err := listAgents(ctx, filepath.Join(dir, "fenced-plugin-other"), nil); client.CodeOf(err) != client.CodeNoSuch {
		t.Errorf("of what is not there: %v", err)
	}
	if err := os.Chmod(plain, 0o777); err != nil { //nolint:gosec // that is the point
		t.Fatal(err)
	}
	if _, err := listAgents(ctx, plain, nil); err == nil || !strings.Contains(err.Error(), "others than its owner") {
		t.Errorf("open to others: %v", err) // the files are links to one
	}
}

// A file with a version in its name is tested like one without.
func TestPluginTestOfAVersion(t *testing.T) {
	dir := installed(t)
	ctx, cancel := context.WithTimeout(t.Context(), harness.Slow(2*time.Minute))
	defer cancel()
	r, err := testPlugin(ctx, filepath.Join(dir, "fenced-plugin-bad@1.2.0"), cli.PluginTest{})
	if err != nil || len(r.Cases) < 1 || r.Cases[0].Name != "describes itself" || !strings.Contains(r.Cases[0].Text, "has no help") {
		t.Errorf("%+v, %v", r, err)
	}
}

// The check of a configuration asks an installed agent for its parameters, through the plugin and without a daemon: what is wrong is said of the device.
func TestConfigurationIsJudgedByAgents(t *testing.T) {
	was := startTimeout
	startTimeout = time.Minute
	t.Cleanup(func() { startTimeout = was })
	agent := filepath.Join(t.TempDir(), "fence_x")
	text := "#!/bin/sh\necho \"<resource-agent name='fence_x'><parameters><parameter name='username'/></parameters><actions><action name='on'/><action name='off'/><action name='reboot'/><action name='status'/></actions></resource-agent>\"\n"
	if err := os.WriteFile(agent, []byte(text), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	device := func(name string, options map[string]string) host.DeviceConfig {
		return host.DeviceConfig{Name: name, Plugin: "agent", Options: options}
	}
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "fenced-plugin-agent"), "../../plugins/agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	open := opener(dir)
	wrong, err := open([]host.DeviceConfig{
		device("good", map[string]string{"agent": agent, "username": "u"}), device("bad", map[string]string{"agent": agent, "usernam": "u"}),
		device("absent", map[string]string{"agent": agent + "y"}),
	})
	if err != nil || len(wrong) != 2 || host.ClassOf(wrong["bad"]) != host.ClassRefused || !strings.Contains(wrong["bad"].Error(), `option "usernam"`) ||
		host.ClassOf(wrong["absent"]) != host.ClassUnsupported {
		t.Errorf("%v, %v", wrong, err)
	}
	if _, err := open([]host.DeviceConfig{device("", nil)}); err == nil {
		t.Error("devices that nobody can configure are no error")
	}
}

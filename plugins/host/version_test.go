package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/fence"
)

// install puts the misbehaving plugin into a directory of its own under these file names; what it does may depend on the version in its name.
func install(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		must(t, os.Link(filepath.Join(plugins, "fenced-plugin-bad"), filepath.Join(dir, name)))
	}
}

// sameDisk is an empty plugin directory on the disk that the plugins are on: they are linked, not copied.
func sameDisk(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(filepath.Dir(plugins), "fv")
	must(t, err)
	must(t, os.Chmod(dir, 0o755)) //nolint:gosec // as in production
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// running is version and file of the process that serves a plugin's devices.
func (b *bench) running(plugin string) (version, file string) {
	for _, p := range b.Processes() {
		if p.Plugin == plugin && p.Lane == mainLane && !p.Draining {
			return p.Version, filepath.Base(p.Path)
		}
	}
	return "", ""
}

func (b *bench) versions(plugin string) map[string]Version {
	b.Helper()
	infos, err := b.Discover()
	if err != nil {
		b.Fatal(err)
	}
	out := map[string]Version{}
	for _, i := range infos {
		if i.Name == plugin {
			for _, v := range i.Versions {
				out[filepath.Base(v.Path)] = v
			}
		}
	}
	return out
}

// Of several installed versions the highest runs that may, that starts, that speaks our protocol and that is what its name says; of the others
// it is said why they do not.
func TestHighestCompatibleVersionIsUsed(t *testing.T) {
	t.Parallel()
	dir := sameDisk(t)
	install(t, dir, "fenced-plugin-bad", "fenced-plugin-bad@1.9.0", "fenced-plugin-bad@1.10.0", "fenced-plugin-bad@9.0.0", "fenced-plugin-bad@8.0.0", "fenced-plugin-bad@7.0.0", "fenced-plugin-bad@new")
	copyPlugin(t, filepath.Join(dir, "fenced-plugin-bad@6.0.0"))
	must(t, os.Chmod(filepath.Join(dir, "fenced-plugin-bad@6.0.0"), 0o777)) //nolint:gosec // that is the point
	b := newBench(t, Config{Dir: dir, HealthInterval: 50 * time.Millisecond})
	b.put("n1", "on")
	b.configure(knob("d", "do", "none"))
	b.warm()
	if version, file := b.running("bad"); version != "1.10.0" || file != "fenced-plugin-bad@1.10.0" {
		t.Errorf("%s of %s runs", version, file)
	}
	got := b.versions("bad")
	for file, want := range map[string]string{
		"fenced-plugin-bad": "", "fenced-plugin-bad@1.9.0": "", "fenced-plugin-bad@1.10.0": "", "fenced-plugin-bad@9.0.0": "no version of the plugin protocol",
		"fenced-plugin-bad@8.0.0": `says that it is version "8.1.0"`, "fenced-plugin-bad@7.0.0": "cannot find my library", "fenced-plugin-bad@6.0.0": "others than its owner",
		"fenced-plugin-bad@new": "is no version",
	} {
		if v, ok := got[file]; !ok || (want == "") != (v.Problem == "") || !strings.Contains(v.Problem, want) {
			t.Errorf("%s: %+v, want %q", file, v, want)
		}
	}
	if v := got["fenced-plugin-bad"].Version; v != "0.1.0" {
		t.Errorf("the file without a version was not asked for it: %q", v)
	}
	if n := strings.Count(b.log.String(), "a version of the plugin is not used"); n != 5 {
		t.Errorf("the log names %d versions that are not used", n)
	}
	pid := b.pids()["bad/main"]
	begin := time.Now()
	eventually(t, "some inspections have passed", func() bool { return time.Since(begin) > 300*time.Millisecond })
	if now := b.pids()["bad/main"]; now != pid {
		t.Errorf("process %d was replaced by %d for nothing", pid, now)
	}
}

// A file without a version in its name is as high as it says.
func TestVersionOfAPlainFile(t *testing.T) {
	t.Parallel()
	for other, want := range map[string]string{"fenced-plugin-bad@0.0.9": "0.1.0", "fenced-plugin-bad@0.2.0": "0.2.0"} {
		dir := sameDisk(t)
		install(t, dir, "fenced-plugin-bad", other)
		b := newBench(t, Config{Dir: dir})
		b.configure(knob("d", "do", "none"))
		b.warm()
		if version, _ := b.running("bad"); version != want {
			t.Errorf("beside %s: %s runs", other, version)
		}
		if d, err := b.Describe(b.within(10*time.Second), "bad"); err != nil || d.Version != want {
			t.Errorf("beside %s: %s describes itself, %v", other, d.Version, err)
		}
	}
}

// A higher version that is installed while another runs is taken up, and costs no call; one that does not start costs nothing at all.
func TestHigherVersionIsTakenUp(t *testing.T) {
	t.Parallel()
	dir := sameDisk(t)
	install(t, dir, "fenced-plugin-bad@1.0.0")
	b := newBench(t, Config{Dir: dir, HealthInterval: 50 * time.Millisecond, Drain: 50 * time.Millisecond})
	b.put("n1", "on")
	b.configure(knob("d", "do", "slow"))
	b.warm()
	pid := b.pids()["bad/main"]
	install(t, dir, "fenced-plugin-bad@7.0.0")
	eventually(t, "the broken one was tried", func() bool { return b.versions("bad")["fenced-plugin-bad@7.0.0"].Problem != "" })
	if now := b.pids()["bad/main"]; now != pid {
		t.Errorf("process %d was replaced by %d for a version that does not start", pid, now)
	}
	done := make(chan error, 1)
	go func() { done <- b.Do(b.within(20*time.Second), "d", "n1", "off") }()
	eventually(t, "the call is in the plugin", func() bool { return b.callsIn(pid) == 1 })
	install(t, dir, "fenced-plugin-bad@2.0.0")
	eventually(t, "the higher one runs", func() bool { version, _ := b.running("bad"); return version == "2.0.0" })
	b.wantState("d", "n1", fence.PowerOn) // the call goes on in the old one
	must(t, <-done)
	b.wantState("d", "n1", fence.PowerOff)
	eventually(t, "the old process is gone", func() bool { return !alive(pid) })
}

func (b *bench) callsIn(pid int) int {
	for _, p := range b.Processes() {
		if p.PID == pid {
			return p.Calls
		}
	}
	return -1
}

// A plugin that speaks several versions of the protocol speaks ours with us.
func TestProtocolIsNegotiated(t *testing.T) {
	t.Parallel()
	b := newBench(t, Config{})
	b.put("n1", "on")
	d := knob("d", "do", "none")
	d.Plugin = "bad-both"
	b.configure(d)
	b.wantState("d", "n1", fence.PowerOn)
	for _, p := range b.Processes() {
		if p.About.Protocol != 1 {
			t.Errorf("protocol %d was agreed upon", p.About.Protocol)
		}
	}
	if about, err := b.Describe(b.within(10*time.Second), "bad-both"); err != nil || about.Protocol != 1 || len(about.Protocols) != 1 {
		t.Errorf("it describes itself with %v, %v, %v", about.Protocol, about.Protocols, err)
	}
}

// Where no version starts, all of them say why, in one line.
func TestNoVersionStarts(t *testing.T) {
	t.Parallel()
	dir := sameDisk(t)
	install(t, dir, "fenced-plugin-bad@7.0.0", "fenced-plugin-bad@9.0.0")
	b := newBench(t, Config{Dir: dir})
	b.configure(knob("d", "do", "none"))
	_, err := b.Status(b.within(10*time.Second), "d", "n1")
	wantClass(t, err, ClassPluginDied)
	infos, derr := b.Discover()
	if derr != nil || len(infos) != 1 || len(infos[0].Problems) != 1 {
		t.Fatalf("Discover says %+v, %v", infos, derr)
	}
	if text := infos[0].Problems[0]; !strings.Contains(text, "fenced-plugin-bad@7.0.0: ") || !strings.Contains(text, "fenced-plugin-bad@9.0.0: ") || strings.Contains(text, "\n") {
		t.Errorf("the reason is %q", text)
	}
}

// Directories may be given relative to where the host runs; a plugin runs elsewhere.
func TestRelativeDirectories(t *testing.T) {
	dir := sameDisk(t)
	copyPlugin(t, filepath.Join(dir, "fenced-plugin-dummy"))
	t.Chdir(dir)
	h, err := New(Config{Dir: ".", RunDir: "run"})
	must(t, err)
	defer func() { must(t, h.Close()) }()
	b := &bench{TB: t, Host: h}
	if d, err := h.Describe(b.within(10*time.Second), "dummy"); err != nil || d.Name != "dummy" {
		t.Errorf("it is %q, %v", d.Name, err)
	}
}

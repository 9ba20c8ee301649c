package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever somebody else could have changed is not run (V15).
func TestVerify(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, dir, file string)
		want  string // "" means that it may run
	}{
		"good":                   {func(*testing.T, string, string) {}, ""},
		"file group-writable":    {chmodFile(0o775), "others than its owner can write it"},
		"file writable by all":   {chmodFile(0o757), "others than its owner can write it"},
		"file not executable":    {chmodFile(0o644), "not executable"},
		"file setuid":            {chmodFile(0o755 | os.ModeSetuid), "setuid"},
		"directory writable":     {func(t *testing.T, dir, _ string) { must(t, os.Chmod(dir, 0o777)) }, "others than its owner can write it"},
		"directory sticky":       {func(t *testing.T, dir, _ string) { must(t, os.Chmod(dir, 0o777|os.ModeSticky)) }, ""},
		"file of another user":   {func(t *testing.T, _, file string) { chown(t, file) }, "must belong to root"},
		"directory of another":   {func(t *testing.T, dir, _ string) { chown(t, dir) }, "must belong to root"},
		"link to a writable one": {linkElsewhere, "others than its owner can write it"},
		"a directory":            {func(t *testing.T, _, file string) { must(t, os.Remove(file)); must(t, os.Mkdir(file, 0o755)) }, "no regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "plugins")
			must(t, os.Mkdir(dir, 0o755))
			file := filepath.Join(dir, "fenced-plugin-x")
			must(t, os.WriteFile(file, []byte("#!/bin/sh\n"), 0o755))
			c.spoil(t, dir, file)
			_, err := verify(file, "")
			if c.want == "" && err != nil {
				t.Fatal(err)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Fatalf("verify says %v, want %q", err, c.want)
			}
		})
	}
}

func chmodFile(mode os.FileMode) func(*testing.T, string, string) {
	return func(t *testing.T, _, file string) { must(t, os.Chmod(file, mode)) }
}

func chown(t *testing.T, path string) {
	if os.Geteuid() != 0 {
		if os.Getenv("FENCED_TEST_REQUIRE") == "all" {
			t.Fatal("needs root to give a file away")
		}
		t.Skip("SKIP " + t.Name() + ": needs root to give a file away")
	}
	must(t, os.Chown(path, 65534, 65534))
}

func linkElsewhere(t *testing.T, dir, file string) {
	other := filepath.Join(filepath.Dir(dir), "other")
	must(t, os.Rename(file, other))
	must(t, os.Chmod(other, 0o777))
	must(t, os.Symlink(other, file))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestChecksum(t *testing.T) {
	sum, err := Checksum(filepath.Join(plugins, "fenced-plugin-dummy"))
	must(t, err)
	good := newBench(t, Config{Checksums: map[string]string{"dummy": strings.ToUpper(sum)}})
	if _, err := good.Describe(good.within(longestCall), "dummy"); err != nil {
		t.Fatal(err)
	}
	other := newBench(t, Config{Checksums: map[string]string{"dummy": strings.Repeat("0", 64)}})
	if _, err := other.Describe(other.within(longestCall), "dummy"); err == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Fatalf("a plugin with another checksum ran: %v", err)
	}
}

// One bad file is out, loudly, and the others stay.
func TestDiscover(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"fenced-plugin-good": 0o755, "fenced-plugin-open": 0o777, "fenced-plugin-Upper": 0o755, "README": 0o644} {
		must(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
		must(t, os.Chmod(filepath.Join(dir, name), mode))
	}
	b := newBench(t, Config{Dir: dir})
	infos, err := b.Discover()
	must(t, err)
	got := map[string]int{}
	for _, i := range infos {
		got[i.Name] = len(i.Problems)
	}
	if len(got) != 3 || got["good"] != 0 || got["open"] != 1 || got["Upper"] != 1 {
		t.Fatalf("Discover = %+v", infos)
	}
	if !strings.Contains(b.log.String(), "plugin is not used") {
		t.Error("a bad plugin was left out without a word")
	}
	gone := newBench(t, Config{Dir: filepath.Join(dir, "gone")})
	if _, err := gone.Discover(); err == nil {
		t.Error("a missing directory is no error")
	}
}

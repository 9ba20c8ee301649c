package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What may run is plugins/trust's to say, and the host asks (V15); its own tests have the table.
func TestVerify(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "fenced-plugin-x")
	must(t, os.WriteFile(file, []byte("#!/bin/sh\n"), 0o755))
	if _, err := Verify(file, ""); err != nil {
		t.Error(err)
	}
	must(t, os.Chmod(file, 0o757))
	if _, err := Verify(file, ""); err == nil || !strings.Contains(err.Error(), "others than its owner can write it") {
		t.Errorf("a file that all can write: %v", err)
	}
	must(t, os.Chmod(file, 0o755))
	if _, err := Verify(file, strings.Repeat("0", 64)); err == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("another checksum: %v", err)
	}
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

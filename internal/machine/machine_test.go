package machine

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/fenced-project/fenced/fence"
)

const (
	uuid = "4c4c4544-0042-3510-8058-b7c04f4e3131"
	dmi  = "sys/class/dmi/id/"
)

func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for path, text := range files {
		path = filepath.Join(root, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestRead(t *testing.T) {
	const metal = "processor : 0\nflags\t\t: fpu vme sse2\n"
	const guest = "processor : 0\nflags\t\t: fpu hypervisor sse2\n"
	for _, c := range []struct {
		name  string
		files map[string]string
		want  fence.Machine
	}{
		{"nothing", nil, fence.Machine{}},
		{
			"server",
			map[string]string{dmi + "product_uuid": strings.ToUpper(uuid) + "\n", dmi + "board_serial": "CN7475155\n", dmi + "sys_vendor": "Dell Inc.\n", "proc/cpuinfo": metal},
			fence.Machine{UUID: uuid, Serial: "CN7475155"},
		},
		{"placeholders", map[string]string{dmi + "product_uuid": "ffffffff-ffff-ffff-ffff-ffffffffffff\n", dmi + "board_serial": "To Be Filled By O.E.M.\n"}, fence.Machine{}},
		{"zero serial", map[string]string{dmi + "product_uuid": uuid, dmi + "board_serial": "00000000\n"}, fence.Machine{UUID: uuid}},
		{"malformed uuid", map[string]string{dmi + "product_uuid": "unknown\n"}, fence.Machine{}},
		{"qemu", map[string]string{dmi + "product_uuid": uuid, dmi + "sys_vendor": "QEMU\n", "proc/cpuinfo": metal}, fence.Machine{UUID: uuid, Virtual: true}},
		{"vmware", map[string]string{dmi + "sys_vendor": "VMware, Inc.\n"}, fence.Machine{Virtual: true}},
		{"hyper-v by product", map[string]string{dmi + "sys_vendor": "Microsoft Corporation\n", dmi + "product_name": "Virtual Machine\n"}, fence.Machine{Virtual: true}},
		{"microsoft's own metal", map[string]string{dmi + "sys_vendor": "Microsoft Corporation\n", dmi + "product_name": "Surface\n", "proc/cpuinfo": metal}, fence.Machine{}},
		{"xen without SMBIOS", map[string]string{"sys/hypervisor/type": "xen\n"}, fence.Machine{Virtual: true}},
		{"unknown vendor, but the processor tells", map[string]string{dmi + "sys_vendor": "ACME\n", "proc/cpuinfo": guest}, fence.Machine{Virtual: true}},
	} {
		m, err := Read(tree(t, c.files))
		if err != nil || m != c.want {
			t.Errorf("%s: %+v, %v; want %+v", c.name, m, err, c.want)
		}
	}
}

// What is there and cannot be read is an error, not an absence: "no identity" would be a guess (R1).
func TestReadRefusesToGuess(t *testing.T) {
	for _, name := range []string{dmi + "product_uuid", dmi + "board_serial", dmi + "sys_vendor", "proc/cpuinfo", "sys/hypervisor/type"} {
		root := tree(t, map[string]string{name + "/x": ""})
		if m, err := Read(root); err == nil {
			t.Errorf("%s is a directory: %+v", name, m)
		}
		root = tree(t, map[string]string{filepath.Dir(name) + "/.here": ""})
		if err := syscall.Mkfifo(filepath.Join(root, name), 0o600); err != nil {
			t.Fatal(err)
		}
		if m, err := Read(root); err == nil {
			t.Errorf("%s is a pipe: %+v", name, m)
		}
	}
}

// A fake system's links do not lead into the real one.
func TestReadStaysUnderItsRoot(t *testing.T) {
	root := tree(t, map[string]string{dmi + ".here": "", "proc/sys/kernel/random/.here": ""})
	outside := tree(t, map[string]string{"uuid": uuid})
	for _, name := range []string{dmi + "product_uuid", "proc/sys/kernel/random/boot_id"} {
		if err := os.Symlink(outside+"/uuid", filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	if m, err := Read(root); err == nil {
		t.Errorf("%+v", m)
	}
	if b, err := BootID(root); err == nil {
		t.Error(b)
	}
}

func TestBootID(t *testing.T) {
	const path = "proc/sys/kernel/random/boot_id"
	if b, err := BootID(tree(t, map[string]string{path: strings.ToUpper(uuid) + "\n"})); err != nil || b != uuid {
		t.Errorf("%q %v", b, err)
	}
	for _, bad := range []string{"", "x", "00000000-0000-0000-0000-000000000000", uuid[1:], strings.ReplaceAll(uuid, "-", ""), uuid + "\n" + uuid} {
		if b, err := BootID(tree(t, map[string]string{path: bad})); err == nil {
			t.Errorf("%q was taken for %q", bad, b)
		}
	}
	if _, err := BootID(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := BootID("/"); err != nil { // this machine's own, read only
		t.Error(err)
	}
}

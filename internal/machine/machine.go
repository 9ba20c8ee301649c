package machine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/fenced-project/fenced/fence"
)

const maxRead = 64 << 10

// BootID returns the kernel's boot id under root ("/" or a fake system), 36 characters in lower case. Without it a life has no name (R1), so an
// error means that the daemon must not start.
func BootID(root string) (string, error) {
	const path = "proc/sys/kernel/random/boot_id"
	s, err := read(root, path)
	if err != nil {
		return "", fmt.Errorf("cannot read the boot id: %w", err)
	}
	s = strings.ToLower(s)
	if len(s) != 36 || fence.NormalUUID(s) == "" || strings.Count(s, "-") != 4 {
		return "", fmt.Errorf("cannot read the boot id: %s holds %.60q", filepath.Join(root, path), s)
	}
	return s, nil
}

// Read returns the identity of the machine under root (R1). What SMBIOS lacks stays empty, and the machine is then not Known; an error means
// that something is there and could not be read, so that "no identity" would be a guess.
func Read(root string) (fence.Machine, error) {
	var m fence.Machine
	uuid, err := optional(root, "sys/class/dmi/id/product_uuid")
	if err != nil {
		return m, fmt.Errorf("cannot read the machine's identity: %w", err)
	}
	serial, err := optional(root, "sys/class/dmi/id/board_serial")
	if err != nil {
		return m, fmt.Errorf("cannot read the machine's identity: %w", err)
	}
	virtual, err := guest(root)
	if err != nil {
		return m, fmt.Errorf("cannot tell whether the machine is a guest: %w", err)
	}
	if fence.NormalUUID(uuid) != "" {
		m.UUID = strings.ToLower(uuid)
	}
	if !placeholder(serial) {
		m.Serial = serial
	}
	m.Virtual = virtual
	return m, nil
}

// placeholders are what board makers leave where a serial number belongs: equal on thousands of machines.
var placeholders = []string{
	"", "none", "n/a", "na", "not specified", "not applicable", "not available", "unknown", "default string", "system serial number",
	"to be filled by o.e.m.", "to be filled by oem", "empty", "invalid", "oem", "0123456789", "123456789", "1234567890", "base board serial number", "serial number",
}

func placeholder(s string) bool {
	s = strings.ToLower(strings.TrimSpace(s))
	for _, p := range placeholders {
		if s == p {
			return true
		}
	}
	return strings.Trim(s, "0") == "" || strings.Trim(s, "f") == "" || strings.Trim(s, ".-x ") == ""
}

// vendors are beginnings of SMBIOS's vendor or product name that only hypervisors write.
var vendors = []string{
	"qemu", "kvm", "vmware", "xen", "innotek", "virtualbox", "bochs", "bhyve", "parallels", "openstack", "red hat", "ovirt", "rhev", "nutanix",
	"amazon ec2", "google compute engine", "digitalocean", "hetzner", "alibaba cloud", "apple virtualization", "cloud hypervisor", "firecracker", "microsoft virtual", "virtual machine",
}

// guest reports whether a hypervisor is under this machine. It errs towards true: a guest's elapsed watchdog and its new boot id alone prove
// nothing (R2, R15), so taking a machine for a guest only asks for more proof.
func guest(root string) (bool, error) {
	for _, name := range []string{"sys_vendor", "product_name"} {
		s, err := optional(root, "sys/class/dmi/id/"+name)
		if err != nil {
			return false, err
		}
		s = strings.ToLower(s)
		for _, v := range vendors {
			if strings.HasPrefix(s, v) {
				return true, nil
			}
		}
	}
	if s, err := optional(root, "sys/hypervisor/type"); err != nil || s != "" {
		return true, err
	}
	cpu, err := optional(root, "proc/cpuinfo")
	if err != nil {
		return false, err
	}
	for line := range strings.Lines(cpu) {
		name, flags, ok := strings.Cut(line, ":")
		if ok && strings.TrimSpace(name) == "flags" {
			return strings.Contains(" "+strings.TrimSpace(flags)+" ", " hypervisor "), nil
		}
	}
	return false, nil
}

// optional reads a small file; one that does not exist is empty.
func optional(root, path string) (string, error) {
	s, err := read(root, path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return s, err
}

// read reads the beginning of a file under root. The path cannot leave root, not by a symbolic link either.
func read(root, path string) (string, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return "", err
	}
	defer func() { _ = r.Close() }()
	info, err := r.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for its writer
		return "", fmt.Errorf("%s is not a plain file", filepath.Join(root, path))
	}
	f, err := r.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, maxRead))
	return strings.TrimSpace(string(b)), err
}

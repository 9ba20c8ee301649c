package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Machine is one machine: power, a disk of its own, a network card in the switch, one more towards the management network, the shared disk.
type Machine struct {
	ID int

	lab   *Lab
	dir   string
	agent string // host:port of its agent

	power sync.Mutex // one switching at a time
	qemu  *process   // nil: off
	bmc   *process   // nil: dead

	mu       sync.Mutex
	switched []Switching
}

// Switching is one thing that somebody did to a machine's power through its BMC.
type Switching struct {
	On bool
	At time.Time
}

// Name is the machine's name in every configuration.
func (m *Machine) Name() string { return fmt.Sprintf("node-%d", m.ID) }

// Address is the machine's address in the cluster's network.
func (m *Machine) Address() string { return fmt.Sprintf("10.77.1.%d", m.ID) }

// UUID is the machine's SMBIOS identity, and its BMC's system GUID.
func (m *Machine) UUID() string { return fmt.Sprintf("fe9ced00-0000-4000-8000-00000000000%d", m.ID) }

// Share is a directory of the host that the guest sees as /share/NAME: what is written there survives the machine.
func (m *Machine) Share() string { return filepath.Join(m.lab.share(), m.Name()) }

const (
	memory    = "448"                          // MiB
	emulation = "tcg,thread=multi,tb-size=128" // the default translation cache grows to a GiB for each
	ownDisk   = 96 << 20                       // bytes
	// The kernel measures the frequencies of TSC and local timer once, while it boots; an emulated machine that waits for a processor just then runs
	// three times too fast for the rest of its life (seen). The HPET's frequency is known.
	kernel = "console=ttyS0 panic=1 quiet mitigations=off no_timer_check nolapic_timer tsc=unstable clocksource=hpet cryptomgr.notests"
)

// build makes the machine's own disk: what a real one keeps over a power cut.
func (m *Machine) build(ctx context.Context) error {
	if err := os.MkdirAll(m.Share(), 0o755); err != nil {
		return err
	}
	if err := os.MkdirAll(m.dir, 0o755); err != nil {
		return err
	}
	if err := sparse(m.file("own.img"), ownDisk); err != nil {
		return err
	}
	mkfs, err := exec.LookPath("mkfs.ext4")
	if err != nil {
		mkfs = "/usr/sbin/mkfs.ext4"
	}
	if out, err := exec.CommandContext(ctx, mkfs, "-q", "-F", m.file("own.img")).CombinedOutput(); err != nil {
		return fmt.Errorf("cannot make the disk of %s: %w\n%s", m.Name(), err, out)
	}
	return nil
}

func (m *Machine) file(name string) string { return filepath.Join(m.dir, name) }

// on starts it; one that is on stays as it is.
func (m *Machine) on() error {
	m.power.Lock()
	defer m.power.Unlock()
	if m.qemu != nil && m.qemu.alive() {
		return nil
	}
	q, err := launch(m.file("qemu.log"), "qemu-system-x86_64", m.arguments()...)
	if err != nil {
		return err
	}
	m.qemu = q
	return nil
}

// off cuts its power, and returns when it is off.
func (m *Machine) off() {
	m.power.Lock()
	defer m.power.Unlock()
	if m.qemu != nil {
		m.qemu.kill()
		m.qemu = nil
	}
}

// Powered reports whether it is on.
func (m *Machine) Powered() bool {
	m.power.Lock()
	defer m.power.Unlock()
	return m.qemu != nil && m.qemu.alive()
}

func (m *Machine) arguments() []string {
	port := m.agent[strings.LastIndex(m.agent, ":")+1:]
	return []string{
		"-nodefaults", "-display", "none", "-name", m.Name(), "-machine", "q35", "-accel", emulation, "-cpu", "max", "-m", memory, "-uuid", m.UUID(),
		"-kernel", m.lab.image.kernel(), "-initrd", m.lab.image.initramfs(m.systemd()),
		"-append", m.kernelLine(),
		"-chardev", "file,id=console,path=" + m.file("console.log") + ",append=on", "-serial", "chardev:console",
		"-qmp", "unix:" + m.file("qmp") + ",server=on,wait=off",
		"-netdev", "user,id=mgmt,hostfwd=tcp:127.0.0.1:" + port + "-:7",
		"-device", fmt.Sprintf("virtio-net-pci,netdev=mgmt,mac=52:54:00:77:00:0%d,romfile=", m.ID),
		"-netdev", m.lab.net.qemu(m.ID),
		"-device", fmt.Sprintf("virtio-net-pci,netdev=cluster,mac=52:54:00:77:01:0%d,romfile=", m.ID),
		"-drive", "file=" + m.file("own.img") + ",format=raw,if=none,id=own,cache=writethrough,aio=threads",
		"-device", "virtio-blk-pci,drive=own,serial=own",
		"-drive", "file=" + m.lab.disk() + ",format=raw,if=none,id=shared,cache=writethrough,aio=threads,file.locking=off",
		"-device", "virtio-blk-pci,drive=shared,serial=shared",
		"-virtfs", "local,path=" + m.lab.share() + ",mount_tag=share,security_model=none,multidevs=remap",
		"-object", "rng-random,id=rng,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng",
		"-device", "i6300esb", "-action", "watchdog=reset",
	}
}

// systemd reports whether the machine's userland is systemd.
func (m *Machine) systemd() bool { return m.lab.setup.Systemd == m.ID }

func (m *Machine) kernelLine() string {
	line := fmt.Sprintf("%s lab.node=%d lab.nodes=%d", kernel, m.ID, len(m.lab.Machines))
	if m.systemd() {
		line += " lab.systemd=yes"
	}
	return line
}

// Run runs a shell command in the guest, waiting until the guest is up. A command that fails is an error here; Try returns it.
func (m *Machine) Run(ctx context.Context, line string) (string, error) {
	r, err := m.Try(ctx, line, "")
	if err == nil && r.Code != 0 {
		err = fmt.Errorf("%s: %q ended with %d: %s", m.Name(), line, r.Code, strings.TrimSpace(r.Err+r.Out))
	}
	return strings.TrimSpace(r.Out), err
}

// Try runs a shell command in the guest and returns how it ended. Errors are of the way to it.
func (m *Machine) Try(ctx context.Context, line, stdin string) (Result, error) {
	r, err := run(ctx, m.agent, line, stdin)
	if err != nil {
		err = fmt.Errorf("%s: %w", m.Name(), err)
	}
	return r, err
}

// Now is the time by the machine's own clock, which is up to a second away from the host's.
func (m *Machine) Now(ctx context.Context) (time.Time, error) {
	out, err := m.Run(ctx, "echo 0 >/run/zero; tool booted /run/zero")
	if err != nil {
		return time.Time{}, err
	}
	return time.Parse(time.RFC3339Nano, out)
}

// Put writes a file in the guest.
func (m *Machine) Put(ctx context.Context, path, text string) error {
	r, err := m.Try(ctx, "umask 077; mkdir -p $(dirname "+path+"); cat >"+path, text)
	if err == nil && r.Code != 0 {
		err = fmt.Errorf("%s: cannot write %s: %s", m.Name(), path, r.Err)
	}
	return err
}

func sparse(path string, size int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := f.Truncate(size); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

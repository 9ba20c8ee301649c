package playground

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fenced-project/fenced/cmd/fenced-dev/machine"
)

// DiskSpec is a disk of its own for a node's state directory: a real ext4 on a loop device, which can really hang, fill up and break. It needs
// root, and a cluster without a Dir of its own: whoever sweeps finds the mounts by the cluster's directory.
type DiskSpec struct {
	// Apart are directories of the state that are not on it but where everything else is, relative to the state directory.
	Apart []string
}

const (
	diskSize = 64 << 20
	diskTime = 10 * time.Second // bounds one tool
	ballast  = "ballast"        // what FillDisk fills with

	diskImage = "disk.img"

	flagImmutable = 0x10 // FS_IMMUTABLE_FL of linux/fs.h, which x/sys lacks
)

// DisksMissing says why disks cannot be used here, "" if they can.
func DisksMissing() string {
	if os.Getuid() != 0 {
		return "needs root"
	}
	for _, tool := range []string{"mkfs.ext4", "mount", "losetup"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "needs " + tool
		}
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		return "needs loop devices: " + err.Error()
	}
	return ""
}

// makeDisk puts the node's state directory on a disk of its own. The loop device goes with the last mount of it.
func (n *Node) makeDisk(d DiskSpec) error {
	if n.cluster.dir != tempDir(n.cluster.owner) {
		return errors.New("a disk needs a cluster in its own temporary directory")
	}
	image, state := n.path(diskImage), n.path("state")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		return err
	}
	if err := os.Truncate(image, diskSize); err != nil {
		return err
	}
	// No blocks kept back for root, or root's daemon would never find it full; no journal, so that what is full or broken is so at once.
	for _, argv := range [][]string{
		{"mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal", "-E", "nodiscard", image},
		{"mount", "-t", "ext4", "-o", "loop,noatime,errors=continue", image, state},
	} {
		if err := tool(argv...); err != nil {
			return err
		}
	}
	for _, name := range d.Apart {
		at, from := filepath.Join(state, name), n.path("apart", name)
		if err := errors.Join(os.MkdirAll(at, 0o700), os.MkdirAll(from, 0o700)); err != nil {
			return err
		}
		if err := unix.Mount(from, at, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("cannot mount %s: %w", at, err)
		}
	}
	return os.Chmod(state, 0o700)
}

func tool(argv ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), diskTime)
	defer cancel()
	if out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// FreezeDisk makes every write to the node's disk hang until ThawDisk, as a controller that stopped answering does: whoever writes sleeps and
// cannot even be killed. Power off ends it; so does the end of this process, however it ends (the guard).
func (n *Node) FreezeDisk() error {
	if err := machine.Freeze(n.path("state")); err != nil {
		return fmt.Errorf("cannot freeze the disk of %s: %w", n.Name, err)
	}
	return nil
}

// ThawDisk ends FreezeDisk: what hung goes on.
func (n *Node) ThawDisk() error {
	if err := machine.Thaw(n.path("state")); err != nil {
		return fmt.Errorf("cannot thaw the disk of %s: %w", n.Name, err)
	}
	return nil
}

// FillDisk takes every free block of the node's disk; EmptyDisk gives them back.
func (n *Node) FillDisk() error {
	f, err := os.OpenFile(n.path("state", ballast), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	size := int64(0)
	for step := int64(diskSize); step >= 1024; {
		switch err := unix.Fallocate(int(f.Fd()), 0, size, step); {
		case err == nil:
			size += step
		case errors.Is(err, unix.ENOSPC):
			step /= 2
		case errors.Is(err, unix.EINTR):
		default:
			return fmt.Errorf("cannot fill the disk of %s: %w", n.Name, err)
		}
	}
	return f.Sync()
}

// EmptyDisk ends FillDisk.
func (n *Node) EmptyDisk() error { return os.Remove(n.path("state", ballast)) }

// BreakDisk makes every write of the node's disk fail with an I/O error from now on: its image takes none. A disk that only became shorter would not
// do: for a map beyond its end ext4 asks again and again, for ever, and whoever writes cannot even be killed.
func (n *Node) BreakDisk() error {
	if err := immutable(n.path(diskImage), true); err != nil {
		return fmt.Errorf("cannot break the disk of %s: %w", n.Name, err)
	}
	return nil
}

// immutable sets or clears a file's attribute that it takes no write, not even from who has it open (ext4, as for chattr +i).
func immutable(path string, set bool) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	flags, err := unix.IoctlGetUint32(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	if err != nil {
		return fmt.Errorf("%s: its file system has no attributes: %w", path, err)
	}
	flags &^= flagImmutable
	if set {
		flags |= flagImmutable
	}
	return unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, int(flags))
}

// mounts are where something is mounted, in the order of /proc/self/mountinfo.
func mounts() ([]string, error) {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var out []string
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 4 {
			out = append(out, f[4]) // our paths hold nothing that is escaped there
		}
	}
	return out, nil
}

// disksOf are the mounts in a cluster's temporary directory, the innermost first.
func disksOf(o owner) ([]string, error) {
	all, err := mounts()
	if err != nil {
		return nil, err
	}
	var out []string
	for _, at := range all {
		if strings.HasPrefix(at, tempDir(o)+"/") {
			out = append([]string{at}, out...)
		}
	}
	return out, nil
}

// thawDisks lets everything that hangs on a frozen disk go on, so that it can be ended, and lets a broken one be removed.
func thawDisks(o owner) error {
	paths, err := disksOf(o)
	for _, path := range paths {
		_ = machine.Thaw(path) // one that is not frozen refuses, which is fine
	}
	images, _ := filepath.Glob(filepath.Join(tempDir(o), "*", diskImage)) // the pattern is well formed
	for _, image := range images {
		_ = immutable(image, false) // one that was never broken has nothing to lose
	}
	return err
}

// dropDisks takes the mounts away. What still uses one keeps it to itself: nobody else can reach it, and the loop device goes with it.
func dropDisks(o owner) error {
	paths, err := disksOf(o)
	errs := []error{err}
	for _, path := range paths {
		if err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
			errs = append(errs, fmt.Errorf("cannot unmount %s: %w", path, err))
		}
	}
	return errors.Join(errs...)
}

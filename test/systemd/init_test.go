package systemd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// systemdBinary is what is booted.
const systemdBinary = "/lib/systemd/systemd"

// initMain is process 1 of the new namespaces until it turns into systemd. Its environment says what to do: a directory of its own, the name of
// its cgroup, and a directory of files to lay over the root. Everything is mounted before anything of the host's can be written to.
func initMain() error {
	runtime.LockOSThread() // the cgroup namespace is this thread's; exec makes it the process's
	dir, cgroup, files := os.Getenv("FENCED_TEST_SYSTEMD_DIR"), os.Getenv("FENCED_TEST_SYSTEMD_CGROUP"), os.Getenv("FENCED_TEST_SYSTEMD_FILES")
	if os.Getpid() != 1 || dir == "" || cgroup == "" || files == "" {
		return errors.New("this is not process 1 of a namespace of its own")
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("cannot cut the mounts off from the host's: %w", err)
	}
	root, err := overlay(filepath.Join(dir, "mnt"))
	if err != nil {
		return err
	}
	if err := devices(root); err != nil {
		return err
	}
	if err := join(root, cgroup); err != nil {
		return err
	}
	if err := units(root); err != nil {
		return err
	}
	if err := lay(files, root); err != nil {
		return fmt.Errorf("cannot lay files: %w", err)
	}
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("cannot make a cgroup namespace: %w", err)
	}
	if err := mount("cgroup2", root+"/sys/fs/cgroup", 0, ""); err != nil {
		return err
	}
	if err := errors.Join(unix.Chroot(root), unix.Chdir("/")); err != nil {
		return err
	}
	// What a container's manager does for systemd: credentials are mounted by a child and must be seen by the unit. It was made private above,
	// so nothing of it reaches the host.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("cannot share mounts between units: %w", err)
	}
	return unix.Exec(systemdBinary, []string{systemdBinary, "--unit=test.target", "--log-target=journal", "--show-status=no"},
		[]string{"container=fenced-test", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"})
}

func mount(kind, target string, flags uintptr, data string) error {
	if err := unix.Mount(kind, target, kind, flags, data); err != nil {
		return fmt.Errorf("cannot mount %s at %s: %w", kind, target, err)
	}
	return nil
}

// overlay makes the new root below dir: the host's files, with all writes in memory.
func overlay(dir string) (string, error) {
	if err := mount("tmpfs", dir, 0, "mode=0755"); err != nil {
		return "", err
	}
	root := filepath.Join(dir, "root")
	for _, d := range []string{"root", "upper", "work"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			return "", err
		}
	}
	if err := mount("overlay", root, 0, fmt.Sprintf("lowerdir=/,upperdir=%s/upper,workdir=%s/work", dir, dir)); err != nil {
		return "", err
	}
	const safe = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	err := errors.Join(
		mount("proc", root+"/proc", safe, ""),
		mount("sysfs", root+"/sys", safe|unix.MS_RDONLY, ""), // uevent files and the like are the whole kernel's
		mount("tmpfs", root+"/run", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"),
		mount("tmpfs", root+"/tmp", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777"),
		mount("tmpfs", root+"/dev", unix.MS_NOSUID, "mode=0755"),
		readOnly(root+"/proc/sys"), // most of it is the whole kernel's
	)
	sysrq := root + "/proc/sysrq-trigger"
	if _, missing := os.Stat(sysrq); missing == nil {
		err = errors.Join(err, unix.Mount("/dev/null", sysrq, "", unix.MS_BIND, ""))
	}
	return root, err
}

func readOnly(path string) error {
	if err := unix.Mount(path, path, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("cannot bind %s: %w", path, err)
	}
	return unix.Mount("", path, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")
}

// devices makes the few that every program wants, and what PrivateDevices= copies. No watchdog, no kmsg, no disk.
func devices(root string) error {
	var errs []error
	for name, minor := range map[string]uint32{"null": 3, "zero": 5, "full": 7, "random": 8, "urandom": 9} {
		path := root + "/dev/" + name
		errs = append(errs, unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(1, minor))), os.Chmod(path, 0o666)) // #nosec G302: as everywhere
	}
	tty := root + "/dev/tty"
	errs = append(errs, unix.Mknod(tty, unix.S_IFCHR|0o666, int(unix.Mkdev(5, 0))), os.Mkdir(root+"/dev/pts", 0o755), os.Symlink("pts/ptmx", root+"/dev/ptmx"))
	errs = append(errs, os.Mkdir(root+"/dev/shm", 0o777), os.Chmod(root+"/dev/shm", 0o777|fs.ModeSticky), os.Symlink("/proc/self/fd", root+"/dev/fd"))
	return errors.Join(errs...)
}

// join makes the cgroup that will be the root of the cgroup namespace, and enters it.
func join(root, name string) error {
	at := root + "/sys/fs/cgroup"
	if err := mount("cgroup2", at, 0, ""); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(at, name), 0o755); err != nil {
		return err
	}
	return errors.Join(os.WriteFile(filepath.Join(at, name, "cgroup.procs"), []byte("0"), 0o600), unix.Unmount(at, 0))
}

// units takes away what the host's systemd would start: what is enabled, what targets pull in by directory, generators.
func units(root string) error {
	var errs []error
	for _, pattern := range []string{"etc/systemd/system", "usr/lib/systemd/system-generators", "usr/lib/systemd/system/*.wants", "usr/lib/systemd/system/*.requires"} {
		paths, _ := filepath.Glob(filepath.Join(root, pattern)) // the patterns are well formed
		for _, p := range paths {
			errs = append(errs, os.RemoveAll(p))
		}
	}
	return errors.Join(errs...)
}

// lay copies the tree of files over the root; *.service and the like are plain files like everything else.
func lay(from, root string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := root + strings.TrimPrefix(path, from)
		if e.IsDir() {
			return os.MkdirAll(to, 0o755)
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		return copyFile(path, to, info.Mode().Perm())
	})
}

func copyFile(from, to string, mode fs.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, os.Chmod(to, mode), out.Close())
}

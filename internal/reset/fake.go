package reset

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// fakeSysrq writes "b" to DIR/proc/sysrq-trigger, a plain file that whoever simulates the machine watches. It makes the file and its directory
// where they are missing. The path cannot leave DIR by a symbolic link, and a file of the real procfs, mounted or linked into DIR, is refused.
func fakeSysrq(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	if err := root.Mkdir("proc", 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	// Nonblocking: a pipe in its place must not hang. Not truncated before it is known to be a plain file of no kernel file system.
	f, err := root.OpenFile("proc/sysrq-trigger", os.O_WRONLY|os.O_CREATE|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if err := inspect(f); err != nil {
		return err
	}
	if _, err := f.WriteAt([]byte("b"), 0); err != nil {
		return err
	}
	return f.Sync()
}

// inspect is plain; a test replaces it to prove that it is asked before anything is written.
var inspect = plain

// plain refuses everything but a plain file outside procfs and sysfs.
func plain(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: %s is not a plain file", ErrForbidden, f.Name())
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil { // #nosec G115: a file descriptor
		return err
	}
	if st.Type == unix.PROC_SUPER_MAGIC || st.Type == unix.SYSFS_MAGIC {
		return fmt.Errorf("%w: %s belongs to the kernel", ErrForbidden, f.Name())
	}
	return nil
}

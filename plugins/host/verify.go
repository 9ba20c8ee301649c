package host

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// verify says why the file at path must not be run as a plugin, nil if it may be (V15). The file and every directory above it must belong
// to root, or to the user this process runs as, and be writable by no one else; only a sticky directory (/tmp) may be. It returns the
// path without symbolic links, which is the one to run.
func verify(path, checksum string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	if real, err = filepath.Abs(real); err != nil {
		return "", err
	}
	info, err := os.Lstat(real)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is no regular file", real)
	}
	if info.Mode().Perm()&0o111 == 0 {
		return "", fmt.Errorf("%s is not executable", real)
	}
	if info.Mode()&(os.ModeSetuid|os.ModeSetgid) != 0 {
		return "", fmt.Errorf("%s is setuid or setgid, which would outlive its parent", real)
	}
	for p := real; ; p = filepath.Dir(p) {
		if err := trusted(p); err != nil {
			return "", err
		}
		if p == filepath.Dir(p) {
			break
		}
	}
	if checksum == "" {
		return real, nil
	}
	return real, checkSum(real, checksum)
}

// trusted reports whether nobody but root and this user can change path.
func trusted(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("cannot read the owner of %s", path)
	}
	if owner := int(st.Uid); owner != 0 && owner != os.Geteuid() {
		return fmt.Errorf("%s belongs to uid %d, it must belong to root", path, owner)
	}
	if info.Mode().Perm()&0o022 != 0 && (!info.IsDir() || info.Mode()&os.ModeSticky == 0) {
		return fmt.Errorf("%s has mode %04o, others than its owner can write it", path, info.Mode().Perm())
	}
	return nil
}

func checkSum(path, want string) error {
	got, err := Checksum(path)
	if err != nil {
		return err
	}
	if got != strings.ToLower(strings.TrimSpace(want)) {
		return fmt.Errorf("%s has the SHA-256 sum %s, the configuration says %s", path, got, want)
	}
	return nil
}

// largestPlugin bounds the file that is hashed, in bytes.
const largestPlugin = 512 << 20

// Checksum returns the SHA-256 sum of a file in hexadecimal, as the configuration wants it.
func Checksum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(f, largestPlugin+1))
	if err != nil {
		return "", err
	}
	if n > largestPlugin {
		return "", errors.New("the file is larger than 512 MiB")
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

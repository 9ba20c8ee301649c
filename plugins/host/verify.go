package host

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/fenced-project/fenced/plugins/trust"
)

// Verify says why the file at path must not be run as a plugin, nil if it may be (V15): who may change it, and its checksum where one is
// configured ("" for unchecked). It returns the path without symbolic links, which is the one to run.
func Verify(path, checksum string) (string, error) {
	real, err := trust.Program(path)
	if err != nil || checksum == "" {
		return real, err
	}
	return real, checkSum(real, checksum)
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

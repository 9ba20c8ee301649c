package store

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"
)

const identityBytes = 16

// identityFile is where a state directory keeps its identity.
func identityFile(dir string, deadline time.Duration) *File {
	return NewFile(filepath.Join(dir, "identity"), 0o600, deadline)
}

// Identity returns the random id of the store in dir (R3). The error wraps fs.ErrNotExist where the store has none yet: making one is a
// decision of the caller (CreateIdentity), and a damaged one is never replaced.
func Identity(dir string) (string, error) {
	b, err := identityFile(dir, 0).Read()
	if err != nil {
		return "", err
	}
	if raw, err := hex.DecodeString(string(b)); err != nil || len(raw) != identityBytes {
		return "", fmt.Errorf("cannot read the identity of store %s: %w", dir, ErrCorrupt)
	}
	return string(b), nil
}

// CreateIdentity gives the store in dir a new random id. It refuses where one is, whole or damaged: a store never changes who it is (R3).
func CreateIdentity(dir string, deadline time.Duration) (string, error) {
	f := identityFile(dir, deadline)
	switch _, err := f.Read(); {
	case err == nil:
		return "", fmt.Errorf("cannot give store %s an identity: it has one", dir)
	case !errors.Is(err, fs.ErrNotExist):
		return "", err
	}
	var raw [identityBytes]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return "", fmt.Errorf("cannot make an identity: %w", err)
	}
	id := hex.EncodeToString(raw[:])
	if err := f.Write([]byte(id)); err != nil {
		return "", err
	}
	return id, nil
}

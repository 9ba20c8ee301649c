package store

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// disk is the system calls that a durable write needs, one method each, so that a test can stop between any two of them.
type disk interface {
	// create makes or truncates a file for writing; appendTo opens one at its end.
	create(path string, mode os.FileMode) (handle, error)
	appendTo(path string, mode os.FileMode) (handle, error)
	rename(from, to string) error
	truncate(path string, size int64) error
	syncDir(dir string) error
	open(path string) (io.ReadCloser, error)
}

type handle interface {
	io.Writer
	Sync() error
	Close() error
}

// osDisk is the real one.
type osDisk struct{}

func (osDisk) create(path string, mode os.FileMode) (handle, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode) // #nosec G304: the daemon's own paths
}

func (osDisk) appendTo(path string, mode os.FileMode) (handle, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, mode) // #nosec G304
}

func (osDisk) rename(from, to string) error { return os.Rename(from, to) }

func (osDisk) truncate(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0) // #nosec G304
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Sync(), f.Close())
}

func (osDisk) open(path string) (io.ReadCloser, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for its writer
		return nil, &os.PathError{Op: "open", Path: path, Err: errors.New("not a plain file")}
	}
	return os.Open(path) // #nosec G304
}

func (osDisk) syncDir(dir string) error {
	d, err := os.Open(filepath.Clean(dir)) // #nosec G304
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

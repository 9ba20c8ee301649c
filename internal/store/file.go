package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// DefaultDeadline bounds one write where the maker of a File or History names none: a healthy disk needs milliseconds.
const DefaultDeadline = 2 * time.Second

// File is one record on disk that is only ever replaced as a whole. Its methods are safe for concurrent use; two writes at once give ErrSlow
// to one of them. One process writes a File.
type File struct {
	path     string
	mode     os.FileMode
	deadline time.Duration
	disk     disk
	lane     lane
}

// NewFile names a record; it touches no disk. The deadline bounds each Write, zero means DefaultDeadline.
func NewFile(path string, mode os.FileMode, deadline time.Duration) *File {
	if deadline <= 0 {
		deadline = DefaultDeadline
	}
	return &File{path: path, mode: mode, deadline: deadline, disk: osDisk{}}
}

// Path is where the record lives.
func (f *File) Path() string { return f.path }

// Poisoned reports whether a write is still under way; after ErrSlow it tells when the disk has answered.
func (f *File) Poisoned() bool { return f.lane.poisoned() }

// Write replaces the record. When it returns nil the new bytes survive a crash; when it returns an error the reader finds the old or the new
// bytes, whole (V16). After ErrSlow the write may still happen later.
func (f *File) Write(data []byte) error {
	if len(data) > MaxRecord {
		return fmt.Errorf("cannot write %s: %w: %d bytes", f.path, ErrTooLarge, len(data))
	}
	framed := encodeRecord(data) // copied: after ErrSlow the caller may reuse data while the disk still writes
	return f.lane.do(f.path, f.deadline, func() error {
		if err := replace(f.disk, f.path, f.mode, framed); err != nil {
			return fmt.Errorf("cannot write %s: %w", f.path, err)
		}
		return nil
	})
}

// replace is the one way to change a file as a whole: write beside it, make that durable, rename, make the name durable.
func replace(d disk, path string, mode os.FileMode, bytes []byte) error {
	temp := path + ".new" // one name: a leftover of a crash is overwritten, not collected
	h, err := d.create(temp, mode)
	if err != nil {
		return err
	}
	if _, err := h.Write(bytes); err != nil {
		return errors.Join(err, h.Close())
	}
	if err := h.Sync(); err != nil {
		return errors.Join(err, h.Close())
	}
	if err := h.Close(); err != nil {
		return err
	}
	if err := d.rename(temp, path); err != nil {
		return err
	}
	return d.syncDir(filepath.Dir(path))
}

// Read returns the record. The error wraps fs.ErrNotExist where there is none and ErrCorrupt where it is damaged; any other error means that
// it could not be read, which callers must take for damaged, not for absent. Read has no deadline: callers that fear a hung disk give it a
// goroutine, as package residual does.
func (f *File) Read() ([]byte, error) { return readRecord(f.disk, f.path) }

// Read returns the record at path, for readers that never write it.
func Read(path string) ([]byte, error) { return readRecord(osDisk{}, path) }

func readRecord(d disk, path string) ([]byte, error) {
	b, err := readAll(d, path, MaxRecord+1024)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", path, err)
	}
	data, err := decodeRecord(b)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", path, err)
	}
	return data, nil
}

func readAll(d disk, path string, most int64) ([]byte, error) {
	r, err := d.open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(b)) > most {
		return nil, fmt.Errorf("%w: larger than %d bytes", ErrCorrupt, most)
	}
	return b, err
}

package embedded

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// lockWait is how long another process may hold the store until this one gives up.
const lockWait = 2 * time.Second

// boltOptions are those of every store. The map is read in at once: a page that had to come from a disk that hangs would stop the goroutine in
// the kernel, and Go's collector, and so the deciding loop, waits for it.
var boltOptions = bbolt.Options{Timeout: lockWait, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType, MmapFlags: unix.MAP_POPULATE}

// prepare makes a store that is not there, whole or not at all, and looks at one that is there before anything opens it. An *UnusableError names
// what is damaged; the format is "" for a store of an earlier build.
func prepare(dir, path string) (format string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("cannot make state directory: %w", err)
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if names, _ := os.ReadDir(filepath.Join(dir, "snapshots")); len(names) > 0 {
			return "", unusable(path, "it is missing, and snapshots of it are there")
		}
		return string(format3), create(dir, path)
	}
	unlock, err := lock(path)
	if err != nil {
		return "", err
	}
	defer unlock()
	format, err = verify(path)
	if errors.Is(err, fs.ErrPermission) {
		return "", fmt.Errorf("cannot read %s: %w", path, err)
	}
	if err != nil {
		return "", unusable(path, "%v", err)
	}
	return format, nil
}

// lock waits until nobody else has the file open as a store, at most lockWait: while somebody writes it looks damaged.
func lock(path string) (unlock func(), err error) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return func() {}, nil //nolint:nilerr // verify says what is wrong with it
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0) // #nosec G304: the daemon's own file
	if err != nil {
		return nil, fmt.Errorf("cannot open %s: %w", path, err)
	}
	for end := time.Now().Add(lockWait); ; time.Sleep(20 * time.Millisecond) {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) || time.Now().After(end) {
			_ = f.Close()
			return nil, fmt.Errorf("cannot open %s: another fenced is running on it (%w)", path, err)
		}
	}
}

// create makes an empty store beside its name and renames it, so that a crash leaves none or a whole one.
func create(dir, path string) error {
	fresh := path + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	options := boltOptions
	db, err := bbolt.Open(fresh, 0o600, &options)
	if err != nil {
		return fmt.Errorf("cannot make %s: %w", path, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, b := range allBuckets {
			if _, err := tx.CreateBucketIfNotExists(b); err != nil {
				return err
			}
		}
		return in(tx, bucketMeta).Put(metaFormat, format3)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("cannot make %s: %w", path, err)
	}
	if err := os.Rename(fresh, path); err != nil {
		return err
	}
	d, err := os.Open(dir) // #nosec G304
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// readEnds looks where the log begins and ends; its entries must follow each other without a hole.
func (s *store) readEnds() error {
	return s.db.View(func(tx *bbolt.Tx) error {
		return in(tx, bucketLog).ForEach(func(k, v []byte) error {
			l, err := decodeLog(k, v)
			if err != nil {
				return unusable(s.path, "%v", err)
			}
			if s.last != 0 && (l.Index != s.last+1 || l.Term < s.top.Term) {
				return unusable(s.path, "entry %d of term %d follows entry %d of term %d", l.Index, l.Term, s.last, s.top.Term)
			}
			if s.first == 0 {
				s.first = binary.BigEndian.Uint64(k)
			}
			s.last, s.top = l.Index, position{l.Term, l.Index}
			return nil
		})
	})
}

// snapshotMeta is what Raft keeps of a snapshot beside its bytes, once more within them, where the checksum covers it.
type snapshotMeta struct {
	Index, Term, ConfigurationIndex uint64
	Servers                         []raft.Server
}

// checkSnapshots demands that every snapshot is whole and that the log follows the newest one. Raft would pass over a damaged one without a word
// and begin with an older story.
func (s *store) checkSnapshots() error {
	dir := filepath.Dir(s.path)
	root := filepath.Join(dir, "snapshots")
	names, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		names, err = nil, nil
	}
	if err != nil {
		return unusable(root, "%v", err)
	}
	newest := uint64(0)
	for _, n := range names {
		if strings.HasSuffix(n.Name(), ".tmp") { // a crash left it: it was never told to be there
			continue
		}
		m, err := readSnapshot(dir, n.Name())
		if err != nil {
			return unusable(filepath.Join(root, n.Name()), "%v", err)
		}
		newest = max(newest, m.Index)
	}
	if s.first > newest+1 {
		return unusable(root, "the log begins with entry %d, and the newest snapshot goes to entry %d", s.first, newest)
	}
	return nil
}

func readSnapshot(dir, name string) (*raft.SnapshotMeta, error) {
	files, err := raft.NewFileSnapshotStoreWithLogger(dir, 2, hclog.NewNullLogger())
	if err != nil {
		return nil, err
	}
	m, r, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	var file snapshotFile
	if err := json.NewDecoder(r).Decode(&file); err != nil {
		return nil, fmt.Errorf("it does not decode: %w", err)
	}
	if in := file.Meta; in != nil && (in.Index != m.Index || in.Term != m.Term || in.ConfigurationIndex != m.ConfigurationIndex || !slices.Equal(in.Servers, m.Configuration.Servers)) {
		return nil, errors.New("what is written beside it is not what is in it")
	}
	return m, nil
}

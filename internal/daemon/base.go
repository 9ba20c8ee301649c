package daemon

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/fenced-project/fenced/internal/store"
)

// rosterBase is the newest committed roster that this node's own file was equal to: what an edited file was made from. Without it nobody
// could tell a file that is newer than the committed roster from one that is older (S5.8).
type rosterBase struct {
	Version uint64 `json:"version"`
	Hash    string `json:"hash"`
}

// baseFile keeps it over restarts: an edit between a stop and a start is an edit all the same.
type baseFile struct {
	file *store.File
	base rosterBase
}

// openBase reads the record. One that is absent or damaged says that nothing is known, which is the careful side.
func openBase(stateDir string) (*baseFile, error) {
	b := &baseFile{file: store.NewFile(filepath.Join(stateDir, "roster-base"), 0o600, diskDeadline)}
	data, err := b.file.Read()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return b, nil
	case err == nil:
		err = json.Unmarshal(data, &b.base)
	}
	if err != nil {
		b.base = rosterBase{}
	}
	return b, err
}

// equalNow notes that the file of this node and the committed roster are equal. The write happens off the loop; if it is lost, the next start
// knows less than it could, and asks for --force once too often.
func (d *Daemon) equalNow() {
	dom := d.member.Domain()
	now := rosterBase{Version: dom.Roster.Version, Hash: dom.RosterHash}
	if now == d.base.base || now.Version == 0 {
		return
	}
	d.base.base = now
	b, err := json.Marshal(now)
	if err != nil { // a number and a string: cannot happen
		return
	}
	write := func() {
		if err := d.base.file.Write(b); err != nil {
			d.log.Warn("cannot note that this node's file is the committed roster", "error", err)
		}
	}
	select {
	case d.disk <- write:
	default:
		d.log.Warn("cannot note that this node's file is the committed roster: the disk does not keep up")
	}
}

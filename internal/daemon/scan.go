package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/internal/config"
	"github.com/fenced-project/fenced/internal/store"
	"github.com/fenced-project/fenced/residual"
)

// SessionPath is where the session record of a boot lives. A record of another boot is never read (R26).
func SessionPath(stateDir, boot string) string {
	return filepath.Join(stateDir, "session", boot+".json")
}

// armedPath marks, for all boots, that this node was a member of an armed cluster: from then on leftover state is dirty, not unguarded.
func armedPath(stateDir string) string { return filepath.Join(stateDir, "armed") }

// ResidualOptions say what a scan of this node looks at. helper is the program that looks (residual.Options.Helper).
func ResidualOptions(c *config.Config, boot string, helper []string) residual.Options {
	r := c.Residual
	return residual.Options{
		SystemRoot: c.SystemRoot, Boot: boot, Helper: helper, Devices: r.Devices, Directories: r.Directories, Commands: r.Commands,
		Probe: time.Duration(r.ProbeMS) * time.Millisecond, Total: time.Duration(r.TotalMS) * time.Millisecond,
		Session: func() ([]byte, error) { return store.Read(SessionPath(c.StateDir, boot)) },
	}
}

// Scanner reads the kernel and this node's own records, and puts what it sees in the words of the start table.
func Scanner(o residual.Options, stateDir string) func(context.Context) member.ResidualScanned {
	s := residual.New(o)
	return func(ctx context.Context) member.ResidualScanned {
		in := Scanned(s.Scan(ctx), stateDir)
		in.Session.Restart = restartRecord(o)
		return in
	}
}

// Scanned puts a report in the words of the start table. It reads the marker of armed clusters in stateDir.
func Scanned(r residual.Report, stateDir string) member.ResidualScanned {
	out := member.ResidualScanned{
		Session: member.Session{State: sessionState(r.Session), Boot: r.Boot, EverArmed: everArmed(stateDir)},
		Unsure:  r.Unknown() || !r.Complete(), NoAnswer: r.Complete() && r.NoAnswer(), Resettable: r.ResetClears(), Print: r.Print(),
	}
	var why []string
	for _, f := range r.Residue() {
		out.State = true
		if f.What == residual.WhatUnknown {
			why = append(why, fmt.Sprintf("%s %s: %s", f.Probe, f.Path, f.Why))
			continue
		}
		why = append(why, fmt.Sprintf("%s %s", f.What, f.Path))
	}
	out.Why = strings.Join(why, "; ")
	return out
}

// sessionState translates the record's state; a word that is not known is unreadable.
func sessionState(s residual.SessionState) member.SessionState {
	switch s {
	case residual.SessionNone:
		return member.SessionNone
	case residual.SessionOpenStateless:
		return member.SessionStateless
	case residual.SessionOpenStateful:
		return member.SessionStateful
	case residual.SessionClosed:
		return member.SessionClosed
	}
	return member.SessionUnreadable
}

// everArmed reads the marker; one that cannot be read counts as set: suspicion is the safe side.
func everArmed(stateDir string) bool {
	_, err := store.Read(armedPath(stateDir))
	return !errors.Is(err, fs.ErrNotExist)
}

// sessionFiles are this boot's record and the marker for all boots; one store.File each, because a late write poisons its File.
type sessionFiles struct {
	dir           string
	record, armed *store.File
}

func newSessionFiles(stateDir, boot string) *sessionFiles {
	return &sessionFiles{
		dir:    stateDir,
		record: store.NewFile(SessionPath(stateDir, boot), 0o600, diskDeadline),
		armed:  store.NewFile(armedPath(stateDir), 0o600, diskDeadline),
	}
}

// save writes the record of this boot, and the marker before it.
func (f *sessionFiles) save(s member.Session) error {
	if s.EverArmed && !everArmed(f.dir) {
		if err := f.armed.Write([]byte("armed")); err != nil {
			return err
		}
	}
	record := residual.Session{
		Boot: s.Boot, Instance: s.Instance, Stateful: s.State == member.SessionStateful, CleanLeave: s.State == member.SessionClosed, Armed: s.EverArmed,
	}
	if r := s.Restart; r.Nonce != "" {
		record.Restart = &residual.SessionRestart{Nonce: r.Nonce, UntilMS: r.UntilMS, Print: r.Print, Cores: r.Cores}
	}
	b, err := json.Marshal(record)
	if err != nil {
		return err
	}
	return f.record.Write(b)
}

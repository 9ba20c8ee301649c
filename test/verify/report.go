package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Entry is one stage in build/verify.json (INTERFACES.md).
type Entry struct {
	Stage   string  `json:"stage"`
	Seconds float64 `json:"seconds"`
	Result  string  `json:"result"`
	Skips   []Skip  `json:"skips"`
	// Stamp names the sources and settings that were verified; Resumed says that an earlier run on the same ones passed.
	Stamp   string `json:"stamp"`
	Resumed bool   `json:"resumed,omitempty"`
}

func findEntry(es []Entry, stage string) (Entry, bool) {
	for _, e := range es {
		if e.Stage == stage {
			return e, true
		}
	}
	return Entry{}, false
}

// resumable finds an earlier pass of the same stage on the very same sources and settings.
func resumable(before []Entry, stage, stamp string) (Entry, bool) {
	e, ok := findEntry(before, stage)
	return e, ok && e.Result == resultPass && e.Stamp == stamp
}

func readReport(path string) ([]Entry, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var es []Entry
	if err == nil {
		err = json.Unmarshal(data, &es)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the last report, so nothing is taken over from it: %w", err)
	}
	return es, nil
}

func writeReport(path string, es []Entry) error {
	for i := range es {
		if es[i].Skips == nil {
			es[i].Skips = []Skip{}
		}
	}
	data, err := json.MarshalIndent(es, "", "  ")
	if err == nil {
		err = os.WriteFile(path, append(data, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	return nil
}

// sourceStamp hashes the names and contents of all sources, and salt. A pass counts again only under the same stamp.
func sourceStamp(root, salt string) (string, error) {
	h := sha256.New()
	_, _ = io.WriteString(h, salt)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		if d.IsDir() && (rel == ".git" || rel == "build") {
			return filepath.SkipDir
		}
		if !d.Type().IsRegular() {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(h, "%q %x\n", rel, sha256.Sum256(data))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("cannot read the sources: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

const markName = "FENCED_TEST_VERIFY="

func newMark() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

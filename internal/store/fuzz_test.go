package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// FuzzRecord: whatever is on disk, the reader returns exactly what was written or ErrCorrupt.
func FuzzRecord(f *testing.F) {
	f.Add(encodeRecord([]byte("x")))
	f.Add(encodeRecord(nil))
	for _, s := range []string{"", "\n", magic, magic + "\n", magic + "-1 x\n", magic + "+0 x\n", magic + "9999999999999999999999 x\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		data, err := decodeRecord(b)
		if err == nil && !bytes.Equal(encodeRecord(data), b) {
			t.Fatalf("%q reads as %q, which is written otherwise", b, data)
		}
		if err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
	})
}

// FuzzHistory: whatever is on disk, opening ends, whole lines are found, and an append after it is found too.
func FuzzHistory(f *testing.F) {
	f.Add(append(encodeLine([]byte("a")), encodeLine([]byte("b"))...))
	f.Add([]byte("00000000 x\n\n\n"))
	f.Add([]byte{})
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(dir, "h")
		_ = os.Remove(path + ".1")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		h, r, err := OpenHistory(path, 3, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Append([]byte("end")); err != nil {
			t.Fatal(err)
		}
		got, err := h.Last(1 << 20)
		if err != nil || len(got) != r.Entries+1 || string(got[len(got)-1]) != "end" {
			t.Fatalf("%d entries of %d: %v", len(got), r.Entries+1, err)
		}
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

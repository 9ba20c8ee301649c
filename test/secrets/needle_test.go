package secrets

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// needle is one form of one secret.
type needle struct {
	secret, form string
	bytes        []byte
}

// finding is a needle at a place where it may not be. It never holds the secret itself.
type finding struct{ secret, form, where string }

func (f finding) String() string { return fmt.Sprintf("%s in %s: %s", f.secret, f.form, f.where) }

// needles are all forms in which a secret is looked for.
func needles(secret string, value []byte) []needle {
	h := hex.EncodeToString(value)
	numbers := strings.Trim(fmt.Sprint(value), "[]")
	quoted := strconv.Quote(string(value))
	text, _ := json.Marshal(string(value)) // a string: cannot fail
	forms := map[string]string{
		"clear": string(value), "hexadecimal": h, "capital hexadecimal": strings.ToUpper(h), "numbers": numbers,
		"numbers of JSON": strings.ReplaceAll(numbers, " ", ","), "Go's quotes": quoted[1 : len(quoted)-1], "JSON's quotes": string(text[1 : len(text)-1]),
	}
	for shift := range 3 {
		forms[fmt.Sprintf("base64 after 3n+%d bytes", shift)] = inBase64(base64.RawStdEncoding, shift, value)
		forms[fmt.Sprintf("base64 of URLs after 3n+%d bytes", shift)] = inBase64(base64.RawURLEncoding, shift, value)
	}
	var out []needle
	for form, text := range forms {
		out = append(out, needle{secret, form, []byte(text)})
	}
	slices.SortFunc(out, func(a, b needle) int { return strings.Compare(a.form, b.form) })
	return out
}

// inBase64 is what of value's encoding does not depend on what stands before and behind it, where shift bytes stand before it.
func inBase64(e *base64.Encoding, shift int, value []byte) string {
	text := e.EncodeToString(append(make([]byte, shift), value...))
	return text[(shift*8+5)/6 : (shift+len(value))*8/6]
}

// haystack collects what was found. It is used by one goroutine at a time.
type haystack struct {
	needles  []needle
	findings []finding
	places   int
	bytes    int64
}

// search looks at one place.
func (h *haystack) search(where string, b []byte) {
	h.places++
	h.bytes += int64(len(b))
	told := map[string]bool{}
	for _, n := range h.needles {
		if !told[n.secret] && bytes.Contains(b, n.bytes) {
			told[n.secret] = true
			h.findings = append(h.findings, finding{n.secret, n.form, where})
		}
	}
}

// largest bounds a file that is read; a larger one is an error, because half a search is none.
const largest = 256 << 20

// tree searches all files below dir, and their names, but for those in except.
func (h *haystack) tree(dir string, except ...string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it went while we looked
		}
		if err != nil {
			return err
		}
		h.search("the name "+path, []byte(path))
		if !d.Type().IsRegular() || slices.Contains(except, path) {
			return nil
		}
		info, err := d.Info()
		if err == nil && info.Size() > largest {
			return fmt.Errorf("%s has %d bytes: too large to search", path, info.Size())
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		h.search(path, b)
		return nil
	})
}

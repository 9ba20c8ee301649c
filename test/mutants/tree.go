package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// errStale says that a patch's lines are not in the tree, or not once.
var errStale = errors.New("does not apply any more")

// tree is a scratch copy of the sources that may be broken and mended.
type tree struct {
	dir string
	// before is what the files of the mutant that is in force held.
	before map[string][]byte
}

// copyTree copies all sources but what git and make keep for themselves.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path != from {
			return nil // an editor's or a test's file that is gone again
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case rel == ".git" || rel == "build":
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case d.IsDir():
			return os.MkdirAll(target, 0o755)
		case d.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		case !d.Type().IsRegular():
			return nil // a socket or pipe that a test left
		}
		return copyFile(path, target)
	})
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	return put(to, in, info.Mode().Perm())
}

func put(to string, in io.Reader, mode fs.FileMode) error {
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode|0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// archive copies the tree of a git revision.
func archive(ctx context.Context, repository, rev, to string) error {
	cmd := exec.CommandContext(ctx, "git", "-C", repository, "archive", "--format=tar", rev)
	var said strings.Builder
	cmd.Stderr = &said
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	uerr := unpack(pipe, to)
	_, _ = io.Copy(io.Discard, pipe)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("cannot copy revision %s: %w: %s", rev, err, strings.TrimSpace(said.String()))
	}
	return uerr
}

func unpack(in io.Reader, to string) error {
	for r := tar.NewReader(in); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !filepath.IsLocal(h.Name) && h.Name != "pax_global_header" {
			return fmt.Errorf("%q leads out of the tree", h.Name)
		}
		target := filepath.Join(to, h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(target, 0o755)
		case tar.TypeSymlink:
			err = os.Symlink(h.Linkname, target)
		case tar.TypeReg:
			if err = os.MkdirAll(filepath.Dir(target), 0o755); err == nil {
				err = put(target, r, fs.FileMode(h.Mode).Perm()) // #nosec G115: a file's mode
			}
		}
		if err != nil {
			return err
		}
	}
}

// apply breaks the tree as the patch says, or leaves it as it was.
func (t *tree) apply(p *Patch) error {
	after := map[string][]byte{}
	t.before = map[string][]byte{}
	for _, e := range p.Edits {
		text, ok := after[e.File]
		if !ok {
			b, err := os.ReadFile(filepath.Join(t.dir, e.File))
			if err != nil {
				return fmt.Errorf("%w: %w", errStale, err)
			}
			t.before[e.File], text = b, b
		}
		changed, err := replace(string(text), e)
		if err != nil {
			return err
		}
		after[e.File] = []byte(changed)
	}
	for file, b := range after {
		if err := os.WriteFile(filepath.Join(t.dir, file), b, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// mend undoes apply.
func (t *tree) mend() error {
	var errs []error
	for file, b := range t.before {
		errs = append(errs, os.WriteFile(filepath.Join(t.dir, file), b, 0o600))
	}
	t.before = nil
	return errors.Join(errs...)
}

// replace puts the new lines where the old ones stand, which must be one place.
func replace(text string, e edit) (string, error) {
	lines := strings.Split(text, "\n")
	at, places := 0, 0
	for i := range len(lines) - len(e.Old) + 1 {
		if slices.Equal(lines[i:i+len(e.Old)], e.Old) {
			at, places = i, places+1
		}
	}
	switch {
	case places == 0:
		return "", fmt.Errorf("%w: %s has no line %q with what is around it", errStale, e.File, firstChanged(e))
	case places > 1:
		return "", fmt.Errorf("%w: %s has the line %q with what is around it %d times; give it more context", errStale, e.File, firstChanged(e), places)
	}
	return strings.Join(slices.Replace(lines, at, at+len(e.Old), e.New...), "\n"), nil
}

func firstChanged(e edit) string {
	for i, l := range e.Old {
		if i >= len(e.New) || e.New[i] != l {
			return strings.TrimSpace(l)
		}
	}
	return strings.TrimSpace(e.Old[0])
}

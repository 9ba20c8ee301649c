package trust

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func chmod(mode os.FileMode, of func(dir, file string) string) func(*testing.T, string, string) {
	return func(t *testing.T, dir, file string) { must(t, os.Chmod(of(dir, file), mode)) }
}

func theFile(_, file string) string { return file }
func theDir(dir, _ string) string   { return dir }

func give(of func(dir, file string) string) func(*testing.T, string, string) {
	return func(t *testing.T, dir, file string) {
		if os.Geteuid() != 0 {
			t.Skip("SKIP " + t.Name() + ": needs root to give a file away")
		}
		must(t, os.Chown(of(dir, file), 65534, 65534))
	}
}

// behind puts a link in the program's place; the program lies in a directory of its own, and spoil may do something to the link's way.
func behind(spoil func(t *testing.T, elsewhere, program string)) func(*testing.T, string, string) {
	return func(t *testing.T, dir, file string) {
		elsewhere := filepath.Join(filepath.Dir(dir), "elsewhere")
		must(t, os.Mkdir(elsewhere, 0o755))
		program := filepath.Join(elsewhere, "program")
		must(t, os.Rename(file, program))
		must(t, os.Symlink(program, file))
		spoil(t, elsewhere, program)
	}
}

// Whatever somebody else could change is not run (V15).
func TestProgram(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, dir, file string)
		want  string // "" means that it may run
	}{
		"good":                   {func(*testing.T, string, string) {}, ""},
		"file group-writable":    {chmod(0o775, theFile), "others than its owner can write it"},
		"file writable by all":   {chmod(0o757, theFile), "others than its owner can write it"},
		"file not executable":    {chmod(0o644, theFile), "not executable"},
		"file setuid":            {chmod(0o755|os.ModeSetuid, theFile), "setuid"},
		"directory writable":     {chmod(0o777, theDir), "others than its owner can write it"},
		"directory sticky":       {chmod(0o777|os.ModeSticky, theDir), ""},
		"file of another user":   {give(theFile), "must belong to root"},
		"directory of another":   {give(theDir), "must belong to root"},
		"a directory":            {func(t *testing.T, _, file string) { must(t, os.Remove(file)); must(t, os.Mkdir(file, 0o755)) }, "no regular file"},
		"link":                   {behind(func(*testing.T, string, string) {}), ""},
		"link to a writable":     {behind(func(t *testing.T, _, program string) { must(t, os.Chmod(program, 0o777)) }), "others than its owner can write it"},
		"link to a writable dir": {behind(func(t *testing.T, elsewhere, _ string) { must(t, os.Chmod(elsewhere, 0o777)) }), "others than its owner can write it"},
		"link in a writable dir": {func(t *testing.T, dir, file string) {
			behind(func(*testing.T, string, string) {})(t, dir, file)
			must(t, os.Chmod(dir, 0o777))
		}, "others than its owner can write it"},
		"link through a writable dir": {behind(func(t *testing.T, elsewhere, program string) {
			open := filepath.Join(filepath.Dir(elsewhere), "open") // the link leads to a link that anybody can replace
			must(t, os.Mkdir(open, 0o755))
			must(t, os.Symlink(program, filepath.Join(open, "program")))
			first := filepath.Join(filepath.Dir(elsewhere), "plugins", "fenced-plugin-x")
			must(t, os.Remove(first))
			must(t, os.Symlink("../open/program", first))
			must(t, os.Chmod(open, 0o777))
		}), "others than its owner can write it"},
		"linked directory in a writable one": {func(t *testing.T, dir, _ string) {
			top := filepath.Dir(dir) // plugins becomes a link to kept, in a directory that anybody can write
			kept := filepath.Join(t.TempDir(), "kept")
			must(t, os.Rename(dir, kept))
			must(t, os.Symlink(kept, dir))
			must(t, os.Chmod(top, 0o777))
		}, "others than its owner can write it"},
		"directory linked through a writable one": {func(t *testing.T, dir, _ string) {
			top := filepath.Dir(dir) // plugins leads to open/hop, which anybody can make lead elsewhere
			kept, open := filepath.Join(top, "kept"), filepath.Join(top, "open")
			must(t, os.Rename(dir, kept))
			must(t, os.Mkdir(open, 0o755))
			must(t, os.Symlink("../kept", filepath.Join(open, "hop")))
			must(t, os.Symlink("open/hop", dir))
			must(t, os.Chmod(open, 0o777))
		}, "others than its owner can write it"},
		"directory linked by another": {func(t *testing.T, dir, _ string) {
			top := filepath.Dir(dir) // in a sticky directory who owns a link can replace it
			must(t, os.Rename(dir, filepath.Join(top, "kept")))
			must(t, os.Symlink("kept", dir))
			must(t, os.Chmod(top, 0o777|os.ModeSticky))
			if os.Geteuid() != 0 {
				t.Skip("SKIP " + t.Name() + ": needs root to give a link away")
			}
			must(t, os.Lchown(dir, 65534, 65534))
		}, "must belong to root"},
		"link by another": {func(t *testing.T, dir, file string) {
			behind(func(*testing.T, string, string) {})(t, dir, file)
			must(t, os.Chmod(dir, 0o777|os.ModeSticky))
			if os.Geteuid() != 0 {
				t.Skip("SKIP " + t.Name() + ": needs root to give a link away")
			}
			must(t, os.Lchown(file, 65534, 65534))
		}, "must belong to root"},
		"link of a directory, up and down": {func(t *testing.T, dir, _ string) {
			top := filepath.Dir(dir)
			must(t, os.MkdirAll(filepath.Join(top, "a", "b"), 0o755))
			must(t, os.Rename(dir, filepath.Join(top, "a", "kept")))
			must(t, os.Symlink("a/b", filepath.Join(top, "hop")))
			must(t, os.Symlink("hop/../kept/./", dir)) // .. is above where hop leads, as the kernel has it
		}, ""},
		"directories linked in a ring": {func(t *testing.T, dir, _ string) {
			must(t, os.RemoveAll(dir))
			must(t, os.Symlink("plugins", dir))
		}, "links"},
		"link to itself": {func(t *testing.T, _, file string) { must(t, os.Remove(file)); must(t, os.Symlink(file, file)) }, "links"},
	} {
		t.Run(name, func(t *testing.T) {
			top, err := filepath.EvalSymlinks(t.TempDir())
			must(t, err)
			dir := filepath.Join(top, "plugins")
			must(t, os.Mkdir(dir, 0o755))
			file := filepath.Join(dir, "fenced-plugin-x")
			must(t, os.WriteFile(file, []byte("#!/bin/sh\n"), 0o755)) //nolint:gosec // a program
			c.spoil(t, dir, file)
			real, err := Program(file)
			if c.want == "" && (err != nil || real == file && strings.HasPrefix(name, "link")) {
				t.Fatalf("it is %s, %v", real, err)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Fatalf("it says %v, want %q", err, c.want)
			}
		})
	}
}

// What is obeyed is judged like what is run, though it need not be executable.
func TestFileAndDirectory(t *testing.T) {
	for name, c := range map[string]struct {
		spoil               func(t *testing.T, dir, file string)
		asFile, asDirectory string // "" means that it may be used
	}{
		"good":                {chmod(0o644, theFile), "", ""},
		"file writable":       {chmod(0o664, theFile), "others than its owner can write it", ""},
		"file of another":     {give(theFile), "must belong to root", ""},
		"directory writable":  {chmod(0o777, theDir), "others than its owner can write it", "others than its owner can write it"},
		"directory of others": {give(theDir), "must belong to root", "must belong to root"},
		"no file":             {func(t *testing.T, _, file string) { must(t, os.Remove(file)); must(t, os.Mkdir(file, 0o755)) }, "no regular file", ""},
		"no directory": {func(t *testing.T, dir, file string) {
			must(t, os.Remove(file))
			must(t, os.Remove(dir))
			must(t, os.WriteFile(dir, nil, 0o600))
		}, "is no directory", "is no directory"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "tables")
			must(t, os.Mkdir(dir, 0o755))
			path := filepath.Join(dir, "mine.yaml")
			must(t, os.WriteFile(path, []byte("name: mine\n"), 0o600))
			c.spoil(t, dir, path)
			if _, err := File(path); (err == nil) != (c.asFile == "") || err != nil && !strings.Contains(err.Error(), c.asFile) {
				t.Errorf("of the file it says %v, want %q", err, c.asFile)
			}
			if _, err := Directory(dir); (err == nil) != (c.asDirectory == "") || err != nil && !strings.Contains(err.Error(), c.asDirectory) {
				t.Errorf("of the directory it says %v, want %q", err, c.asDirectory)
			}
		})
	}
}

func TestWhatIsNotThere(t *testing.T) {
	if _, err := Program(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it says %v", err)
	}
}

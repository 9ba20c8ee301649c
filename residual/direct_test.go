package residual

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// What is opened by one call is what os.Root opens component by component, and what is refused or missing is so for both: nobody leaves the root by a
// link, an absolute one or dots, and a link that leads nowhere is something (V12).
func TestDirectSaysWhatRootSays(t *testing.T) {
	root := tree(t, "sys/a/file=text", "sys/a/b/deep=x", "sys/empty")
	outside := filepath.Join(t.TempDir(), "secret")
	write(t, outside, "outside")
	symlink(t, root, "sys/out", outside)
	symlink(t, root, "sys/up", "../../../../../../../../"+outside)
	symlink(t, root, "sys/in", "a/file")
	symlink(t, root, "sys/dir", "a")
	symlink(t, root, "sys/dead", "nowhere")
	symlink(t, root, "sys/circle", "circle")
	symlink(t, root, "sys/a/b/ns", "mnt:[4026531832]")
	l := &look{o: Options{SystemRoot: root}}
	if f, ok := l.open(ProbeDLM); !ok {
		t.Fatal(f)
	}
	defer l.close()
	for _, p := range []string{
		"", ".", "..", "/", "/etc/passwd", "../x", "sys", "sys/", "sys/a/file", "sys/a/file/", "sys/a/file/x", "sys/a/../a/file", "sys/a/b/deep", "sys/a/b/ns", "sys/a/none", "sys/none/none",
		"sys/out", "sys/up", "sys/in", "sys/in/x", "sys/dir", "sys/dir/file", "sys/dir/none", "sys/dead", "sys/dead/x", "sys/circle", "sys/empty", "sys/a\x00",
	} {
		same(t, p+" read", func() (string, error) { b, err := l.read(p, maxValue); return string(b), err }, func() (string, error) {
			f, err := l.root.Open(p)
			if err != nil {
				return "", err
			}
			defer f.Close()
			b, err := io.ReadAll(f)
			return string(b), err
		})
		same(t, p+" link", func() (string, error) { return l.link(p) }, func() (string, error) { return l.root.Readlink(p) })
		_, err := l.root.Lstat(p)
		if got := l.dangling(p); got == (gone(err) || errors.Is(err, syscall.ENOTDIR)) {
			t.Errorf("%q is there: %t, and to os.Root %v", p, got, err)
		}
		same(t, p+" list", func() (string, error) { d, err := l.directory(p); return names(d, err) }, func() (string, error) { d, err := l.root.Open(p); return names(d, err) })
	}
}

// names lists a directory, and closes it.
func names(d *os.File, err error) (string, error) {
	if err != nil {
		return "", err
	}
	defer d.Close()
	entries, err := d.ReadDir(-1)
	text := ""
	for _, e := range entries {
		text += e.Name() + " " + e.Type().String() + "\n"
	}
	return text, err
}

// same demands the same answer twice: of errors, whether it is missing, and what a report makes of it.
func same(t *testing.T, what string, got, want func() (string, error)) {
	t.Helper()
	g, err := got()
	w, wantErr := want()
	l := &look{}
	if g != w || (err == nil) != (wantErr == nil) {
		t.Errorf("%q: %q, %v; os.Root says %q, %v", what, g, err, w, wantErr)
		return
	}
	if err == nil {
		return
	}
	if a, b := l.unreadable("", "", err), l.unreadable("", "", wantErr); gone(err) != gone(wantErr) || errors.Is(err, fs.ErrNotExist) != errors.Is(wantErr, fs.ErrNotExist) || a.Reset != b.Reset {
		t.Errorf("%q: %v and %v; os.Root says %v and %v", what, err, a, wantErr, b)
	}
}

// Nothing looks at the entries of a directory that is listed: one may be a mount that hangs.
// part of: S2.13
func TestListedEntriesAreNotTouched(t *testing.T) {
	root := tree(t, "srv/plain/x=1")
	symlink(t, root, "srv/link", "plain")
	l := &look{o: Options{SystemRoot: root}}
	if f, ok := l.open(ProbeDirectories); !ok {
		t.Fatal(f)
	}
	defer l.close()
	for _, p := range []string{"srv/plain", "srv/link"} {
		write(t, filepath.Join(root, "srv/plain/x"), "1")
		entries, err := l.list(p)
		if err != nil || len(entries) != 1 {
			t.Fatal(p, entries, err)
		}
		if info, err := entries[0].Info(); err != nil || info.Size() != 1 {
			t.Errorf("%s: who asks what the entry is, is told of something else: %v, %v", p, info, err)
		}
		if entries, err = l.list(p); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(root, "srv/plain/x")); err != nil {
			t.Fatal(err)
		}
		if info, err := entries[0].Info(); err == nil { // who had looked would still know
			t.Errorf("%s: the entry was looked at when it was listed: %v", p, info)
		}
	}
}

// A kernel without openat2 is read as before.
func TestWithoutTheOneCall(t *testing.T) {
	root, want := grown(t)
	r, err := os.OpenRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	l := &look{o: Options{SystemRoot: root}, root: r, at: closedFile(t)}
	if _, err := l.direct("sys", 0); !errors.Is(err, syscall.EBADF) {
		t.Fatal(err)
	}
	pids, err := l.processes()
	if err != nil || len(pids) == 0 {
		t.Error(pids, err)
	}
	if v, err := l.value("sys/fs/ocfs2/active_cluster_plugin"); err != nil || v != "o2cb" {
		t.Error(v, err)
	}
	if v, err := l.link("proc/41/ns/mnt"); err != nil || v == "" {
		t.Error(v, err)
	}
	if l.dangling("sys/none") || !l.dangling("sys/fs") || want == "" {
		t.Error("what is there is not seen")
	}
	_ = r.Close()
}

// V12: where the kernel does not say whether something is there, it may be: only a path that does not exist is nothing.
func TestWhatCannotBeLookedAtMayBeThere(t *testing.T) {
	r, err := os.OpenRoot(tree(t))
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	l := &look{root: r, at: closedFile(t)}
	if _, err := l.root.Lstat("sys"); err == nil || absent(err) {
		t.Fatal("the look does not fail:", err)
	}
	if !l.dangling("sys") {
		t.Error("it is taken for nothing")
	}
}

func closedFile(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	return f
}

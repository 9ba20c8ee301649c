//go:build linux && (amd64 || arm64)

package libcorosync

import (
	"errors"
	"strings"
	"testing"
)

func TestMissingLibraryNamesItsPackage(t *testing.T) {
	var call func() Status
	for _, tt := range []struct {
		name string
		lib  library
		want []string
	}{
		{"no file", library{"libcpg.so.999", "libcpg999", nil}, []string{"libcpg.so.999", "Debian package libcpg999", "no such file"}},
		{
			"another version",
			library{"libc.so.6", "libcpg4", map[string]any{"cpg_of_another_version": &call}},
			[]string{"libc.so.6", "Debian package libcpg4", "it has no cpg_of_another_version"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.lib.load()
			var missing *MissingError
			if !errors.As(err, &missing) {
				t.Fatalf("got %v", err)
			}
			for _, w := range tt.want {
				if !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(w)) {
					t.Errorf("%q does not say %q", err, w)
				}
			}
			if errors.Unwrap(err) == nil {
				t.Error("the loader's own error is lost")
			}
		})
	}
}

// Without corosync the libraries say so in a status, at once; nothing waits.
func TestLibrariesLoadAndCorosyncIsNotThere(t *testing.T) {
	if err := Load(); err != nil {
		var missing *MissingError
		if !errors.As(err, &missing) {
			t.Fatalf("Load: %v", err)
		}
		skip(t, missing.Package+" is not installed")
	}
	var s Status
	if m, err := OpenMap(); err == nil {
		_ = m.Close()
		skip(t, "a corosync runs on this machine")
	} else if !errors.As(err, &s) || !s.Gone() {
		t.Errorf("cmap without corosync: %v", err)
	}
	if _, err := OpenGroup(); !errors.As(err, &s) || !s.Gone() {
		t.Errorf("cpg without corosync: %v", err)
	}
	if _, err := OpenQuorum(); !errors.As(err, &s) || !s.Gone() {
		t.Errorf("quorum without corosync: %v", err)
	}
	if _, err := OpenVoteQuorum(); !errors.As(err, &s) || !s.Gone() {
		t.Errorf("votequorum without corosync: %v", err)
	}
	if err := KillNode(1, "test"); !errors.As(err, &s) || !s.Gone() {
		t.Errorf("cfg without corosync: %v", err)
	}
}

func TestStatusesHaveTheirNames(t *testing.T) {
	for s, want := range map[Status]string{TryAgain: "CS_ERR_TRY_AGAIN", Library: "CS_ERR_LIBRARY", 77: "CS_ERR_77"} {
		if s.Error() != want {
			t.Errorf("%d is %q, want %q", int(s), s.Error(), want)
		}
	}
	if failed("call", OK) != nil {
		t.Error("OK is an error")
	}
	if err := failed("call", TryAgain); !errors.Is(err, TryAgain) || TryAgain.Gone() {
		t.Errorf("%v", err)
	}
}

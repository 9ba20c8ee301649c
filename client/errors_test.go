package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
)

// The numbers are pinned by INTERFACES.md: scripts and Pacemaker's users know them.
func TestCodesAreThePinnedTable(t *testing.T) {
	want := []Code{0, 1, 64, 75, 77, 78, 90, 91, 92, 95, 96, 102, 105, 106, 107, 112, 113, 124}
	if got := Codes(); !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	if s := CodeNoQuorum.String(); s != "no quorum" {
		t.Errorf("106 is %q", s)
	}
	if s := Code(7).String(); s != "code 7" {
		t.Errorf("a code that is in no table is %q", s)
	}
}

func TestCodeOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Code
	}{
		{nil, CodeOK},
		{errors.New("x"), CodeError},
		{fmt.Errorf("cannot fence: %w", Errorf(CodeNoQuorum, "no quorum")), CodeNoQuorum},
		{fmt.Errorf("asking: %w", context.DeadlineExceeded), CodeTimeout},
		{wrap(CodeUnknown, context.DeadlineExceeded, "lost"), CodeUnknown},
	} {
		if got := CodeOf(c.err); got != c.want {
			t.Errorf("%v has code %d, want %d", c.err, got, c.want)
		}
	}
}

func TestNear(t *testing.T) {
	known := []string{"node-1", "node-2", "node-3", "storage", "db"}
	for name, want := range map[string][]string{
		"node3":   {"node-3", "node-1", "node-2"},
		"NODE-2":  {"node-2", "node-1", "node-3"},
		"stor":    {"storage"},
		"zzz":     nil,
		"":        nil,
		"xx":      nil, // two letters apart from "db" is all of it
		"storgae": {"storage"},
	} {
		if got := Near(name, known); !slices.Equal(got, want) {
			t.Errorf("near %q: %v, want %v", name, got, want)
		}
	}
	e := NoSuch("node", "node3", known)
	if e.Code != CodeNoSuch || e.Near[0] != "node-3" || e.Error() != `no such node: "node3"` {
		t.Errorf("%+v", e)
	}
}

func FuzzNear(f *testing.F) {
	f.Add("node3")
	f.Add("\xff\x00")
	f.Fuzz(func(t *testing.T, name string) {
		got := Near(name, []string{name, "node-1", name + "x"})
		if len(got) > maxNear {
			t.Fatalf("%d names", len(got))
		}
		if len(name) > 1 && len(name) < MaxName && !slices.Contains(got, name) {
			t.Fatalf("%q is not near itself: %q", name, got)
		}
	})
}

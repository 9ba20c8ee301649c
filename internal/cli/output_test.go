package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/internal/config"
)

func TestUnknownIsNeverGreen(t *testing.T) {
	for _, state := range []string{
		client.StateUnknown, client.StateAbsent, client.StateJoining, client.StateSuspect, client.StateFailed, client.StateFencing,
		client.StateFenced, client.StateNeedsOperator, client.StateDirty, client.StateLeaving, client.StateLeft, "", "a state of tomorrow",
	} {
		if symbol, colour := look(state); colour == green || symbol == "●" {
			t.Errorf("%q looks like a member: %s", state, symbol)
		}
	}
	if _, colour := look(client.StateMember); colour != green {
		t.Error("a member is green")
	}
}

// With the most of everything, a status of five nodes stays on one screen of 24 lines.
func TestStatusFitsOnOneScreen(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "docs", "busy.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s client.Status
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	s.Simulated, s.Frozen, s.FrozenWhy = true, true, "a broken invariant"
	var out bytes.Buffer
	a := newApp(Deps{}, nil, &out, &out)
	a.statusText(a.out, s)
	if n := strings.Count(out.String(), "\n"); n > 24 {
		t.Errorf("%d lines:\n%s", n, out.String())
	}
}

func TestTablesAreCleanedThenPaddedThenPainted(t *testing.T) {
	var table table
	table.add("A", "B")
	table.add("é\x1b[32m", "x\ny")
	table.paint(0, red)
	var out bytes.Buffer
	table.write(&out, true, "")
	if want := "A       B\n" + red + "é?[32m" + plain + "  x?y\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	out.Reset()
	table.write(&out, false, "  ")
	if want := "  A       B\n  é?[32m  x?y\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func FuzzClean(f *testing.F) {
	f.Add("\x1b[2J\x9b\r\xff")
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range clean(s, false) {
			if r < ' ' || r >= 0x7f && r < 0xa0 {
				t.Fatalf("%q lets %q through", s, r)
			}
		}
	})
}

func TestDurations(t *testing.T) {
	for in, want := range map[string]time.Duration{"90s": 90 * time.Second, "12h": 12 * time.Hour, "7d": 168 * time.Hour, "2w": 336 * time.Hour} {
		if got, err := since(in); err != nil || got != want {
			t.Errorf("%s is %s, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "0s", "-1h", "d", "-3d", "1.5d", "99999999d", "soon"} {
		if got, err := since(in); client.CodeOf(err) != client.CodeUsage {
			t.Errorf("%q is %s, %v", in, got, err)
		}
	}
	for in, want := range map[time.Duration]string{
		-time.Second: "00:00", 14 * time.Second: "00:14", 59*time.Minute + 59*time.Second: "59:59", 5*time.Hour + 7*time.Minute: "5h07m",
		146 * time.Hour: "6d02h",
	} {
		if got := span(in); got != want {
			t.Errorf("%s is shown as %s, want %s", in, got, want)
		}
	}
	for in, want := range map[int64]string{0: "0ms", 850: "850ms", 12340: "12.3s", 125000: "2m05s"} {
		if got := took(in); got != want {
			t.Errorf("%d ms is shown as %s, want %s", in, got, want)
		}
	}
}

// The commands and the configuration must know the same variables.
func TestEnvironmentIsTheConfigurations(t *testing.T) {
	unknown := func(name string) bool {
		_, problems := config.Load(config.Options{Path: filepath.Join(t.TempDir(), "none.yaml"), Env: []string{name + "=x"}})
		for _, p := range problems {
			if strings.Contains(p.Text, name) {
				return true
			}
		}
		return false
	}
	for _, name := range variables {
		if unknown(name) {
			t.Errorf("internal/config does not know %s", name)
		}
	}
	if !unknown("FENCED_SOKCET") {
		t.Error("internal/config knows FENCED_SOKCET")
	}
}

func TestErrorsEndWithTheirCode(t *testing.T) {
	for _, x := range []struct {
		err  error
		want client.Code
	}{
		{nil, client.CodeOK},
		{errors.New("x"), client.CodeError},
		{config.Problems{{Text: "x"}}, client.CodeConfig},
		{&fs.PathError{Op: "open", Path: "x", Err: fs.ErrPermission}, client.CodeNotPermitted},
		{client.Errorf(client.CodeNotArmed, "x"), client.CodeNotArmed},
		{silent(client.CodeDirty), client.CodeDirty},
	} {
		a := newApp(Deps{}, nil, &bytes.Buffer{}, &bytes.Buffer{})
		if got := a.finish(x.err); got != int(x.want) {
			t.Errorf("%v ends with %d, want %d", x.err, got, x.want)
		}
	}
}

// A status that could not be written was not shown.
func TestAFullDiskIsNoSuccess(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("SKIP full disk: " + err.Error())
	}
	defer full.Close() //nolint:errcheck // nothing can be lost
	var talk bytes.Buffer
	if code := Main([]string{"fenced", "version"}, Deps{Version: "1"}, nil, full, &talk); code != 1 || !strings.Contains(talk.String(), "cannot write") {
		t.Errorf("exit code %d, %q", code, talk.String())
	}
}

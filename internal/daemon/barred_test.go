package daemon

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence/member"

	"github.com/fenced-project/fenced/client"
)

// lost ends a life for a process that died, as a member: it is admitted first, which ends every row but this one.
func lost(t *testing.T, dir, boot string) {
	t.Helper()
	if err := Barred(dir, boot, silent()); err != nil {
		t.Fatalf("boot %s: %v", boot, err)
	}
	d := life(dir, boot)
	if d.settled(); len(d.disk) > 0 {
		(<-d.disk)()
	}
	d.speak(d.words, member.SelfFence{Why: "core process a.service died", Lost: true})
	d = life(dir, boot)
	d.speak(d.words, member.SelfFence{Why: "core process a.service died", Lost: true}) // still here: no longer row
}

// R24: after three lives in a row that ended for a process that died fenced stays off the cluster, in each boot, until somebody starts it once more in
// the same boot; then the row begins anew.
func TestAProcessThatDiesAfterEachAdmissionBarsItsNode(t *testing.T) {
	dir := t.TempDir()
	for _, boot := range []string{"a", "b", "c"} {
		lost(t, dir, boot)
	}
	if err := Barred(dir, "c", silent()); err != nil {
		t.Errorf("in the boot of the last of them the start table judges: %v", err)
	}
	for _, boot := range []string{"d", "e"} { // the others reset it, or somebody did: that is no repair
		err := Barred(dir, boot, silent())
		var e *client.Error
		if !errors.As(err, &e) || e.Code != client.CodeNeedsOperator || !strings.Contains(e.Text, "core process a.service died") || e.Next == "" {
			t.Fatalf("boot %s starts: %v", boot, err)
		}
	}
	if err := Barred(dir, "e", silent()); err != nil {
		t.Fatalf("started by hand: %v", err)
	}
	if err := Barred(dir, "e", silent()); err != nil {
		t.Fatalf("once more: %v", err)
	}
	if d := life(dir, "f"); d.words.Losses != 0 || d.words.Barred != "" || d.words.Why == "" {
		t.Errorf("%+v", d.words)
	}
	lost(t, dir, "f")
	lost(t, dir, "g")
}

// An hour of calm ends the row, other rows do not, and what cannot be read or written says so.
func TestWhatBarsNobody(t *testing.T) {
	dir := t.TempDir()
	for _, boot := range []string{"a", "b"} {
		lost(t, dir, boot)
	}
	d := life(dir, "c")
	d.calm(true)
	(<-d.disk)()
	for _, boot := range []string{"c", "d"} {
		lost(t, dir, boot)
	}
	for _, boot := range []string{"e", "f", "g"} {
		d = life(dir, boot)
		d.speak(d.words, member.SelfFence{Why: "withdrawn", Withdrawn: true})
	}
	if err := Barred(dir, "h", silent()); err != nil {
		t.Error(err)
	}
	lost(t, dir, "h")
	if err := os.Mkdir(LastWordsPath(dir)+".new", 0o700); err != nil { // nothing can be written
		t.Fatal(err)
	}
	for range 2 {
		if err := Barred(dir, "i", silent()); err == nil || !strings.Contains(err.Error(), "could not be noted") {
			t.Fatalf("%v", err)
		}
	}
	if err := os.WriteFile(LastWordsPath(dir), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Barred(dir, "i", silent()); err != nil {
		t.Errorf("torn: %v", err)
	}
}

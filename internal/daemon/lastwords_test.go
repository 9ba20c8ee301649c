package daemon

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/internal/config"
	"github.com/fenced-project/fenced/internal/store"
	"github.com/fenced-project/fenced/membership"

	"github.com/fenced-project/fenced/client"
)

// life is a daemon as far as its last words need one.
func life(dir, boot string) *Daemon {
	d := &Daemon{cfg: Config{Config: &config.Config{StateDir: dir}, Self: membership.Self{Boot: boot}}, log: slog.New(slog.NewTextHandler(io.Discard, nil)), disk: make(chan func(), 1)}
	d.readLastWords()
	return d
}

// R24: each life that ends itself makes the row longer, whatever it tries within one boot; an admission ends it, and the words stay.
func TestLastWordsCountARow(t *testing.T) {
	dir := t.TempDir()
	for i, boot := range []string{"a", "b", "c"} {
		d := life(dir, boot)
		if d.words.Count != i {
			t.Fatalf("boot %s knows of %d", boot, d.words.Count)
		}
		d.speak(d.words, member.SelfFence{Why: "dirty"})
		again := life(dir, boot)
		again.speak(again.words, member.SelfFence{Why: "still here"})
	}
	d := life(dir, "d")
	if d.words.Count != 3 || d.words.Why != "still here" || d.words.Boot != "c" {
		t.Fatalf("%+v", d.words)
	}
	d.settled()
	(<-d.disk)()
	if d = life(dir, "e"); d.words.Count != 0 || d.words.Why != "still here" {
		t.Fatalf("after an admission: %+v", d.words)
	}
}

// The next boot shows them; what cannot be read counts as none.
func TestLastWordsAreShown(t *testing.T) {
	dir := t.TempDir()
	d := life(dir, "a")
	d.speak(d.words, member.SelfFence{Why: "a lockspace was left"})
	if b, err := store.Read(LastWordsPath(dir)); err != nil || !strings.Contains(string(b), "a lockspace was left") {
		t.Fatalf("%s %v", b, err)
	}
	if err := os.WriteFile(LastWordsPath(dir), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	if d = life(dir, "b"); d.words != (lastWords{}) {
		t.Errorf("%+v", d.words)
	}
}

// R24: a life that only its watchdog may end leaves last words as well, and its feeding ends; one that nothing may end has said nothing.
func TestLastWordsBeforeTheWatchdog(t *testing.T) {
	dir := t.TempDir()
	d := life(dir, "a")
	d.endLife(member.SelfFence{Why: "nothing can"})
	d.wg.Wait()
	if d = life(dir, "a"); d.words != (lastWords{}) {
		t.Errorf("%+v", d.words)
	}
	h := &holderFake{state: openState()}
	d.keeper = newKeeper(h, nil)
	d.endLife(member.SelfFence{Why: "its lease ended"})
	d.wg.Wait()
	if d = life(dir, "b"); d.words.Why != "its lease ended" || d.words.Count != 1 || len(h.words) != 1 || h.words[0] != "expire" {
		t.Errorf("%+v, %q", d.words, h.words)
	}
}

// R24, S2.15: a machine that was to be reset and still runs is shown, whether its means failed or it has none. One whose watchdog is about to end it is not.
func TestAMachineThatStillRunsIsShown(t *testing.T) {
	failed := errors.New("cannot reset (dirty): this machine is still running: sysrq: denied")
	for name, c := range map[string]struct {
		reset func(string) error
		dog   bool
		want  string
	}{
		"its means failed": {func(string) error { return failed }, false, "sysrq: denied"},
		"it has none":      {nil, false, "nothing here may reset it (dirty)"},
		"its watchdog may": {nil, true, ""},
	} {
		d := life(t.TempDir(), "a")
		d.cfg.Reset, d.inputs = c.reset, make(chan any, 1)
		if c.dog {
			d.keeper = newKeeper(&holderFake{state: openState()}, nil)
		}
		d.endLife(member.SelfFence{Why: "dirty"})
		d.wg.Wait()
		for len(d.inputs) > 0 {
			(<-d.inputs).(func())()
		}
		var shown []string
		d.lastWordsAttention(func(code, _, text, _ string) {
			if code == client.AttentionStillHere {
				shown = append(shown, text)
			}
		})
		if (len(shown) == 1) != (c.want != "") || c.want != "" && !strings.Contains(shown[0], c.want) {
			t.Errorf("%s: %q", name, shown)
		}
	}
}

// R24: lives that ended for a withdrawn file system make a row of their own, once each. An admission does not end it: each of them was admitted.
func TestLastWordsOfWithdrawals(t *testing.T) {
	dir := t.TempDir()
	for i, boot := range []string{"a", "b"} {
		d := life(dir, boot)
		if d.words.Withdrawals != i {
			t.Fatalf("boot %s knows of %d", boot, d.words.Withdrawals)
		}
		d.speak(d.words, member.SelfFence{Why: "withdrawn", Withdrawn: true})
		d = life(dir, boot)
		d.speak(d.words, member.SelfFence{Why: "withdrawn", Withdrawn: true})
		d = life(dir, boot)
		if d.settled(); len(d.disk) > 0 {
			(<-d.disk)()
		}
	}
	d := life(dir, "c")
	if d.words.Withdrawals != 2 || d.words.Count != 0 {
		t.Fatalf("%+v", d.words)
	}
	d.calm(false)
	(<-d.disk)()
	if d = life(dir, "d"); d.words.Withdrawals != 0 || d.words.Why != "withdrawn" {
		t.Fatalf("%+v", d.words)
	}
	if d.calm(false); len(d.disk) > 0 {
		t.Error("written for nothing")
	}
}

package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/internal/store"

	"github.com/fenced-project/fenced/client"
)

// lastWords is what this machine said before it ended its own life, and how often in a row it did: written before anything else is tried, so
// that the next boot can say why, and stop a loop (R24).
type lastWords struct {
	Boot string    `json:"boot"`
	At   time.Time `json:"at"`
	Why  string    `json:"why"`
	// Count is how many lives in a row ended so; an admission ends the row.
	Count int `json:"count"`
	// Withdrawals is how many lives in a row ended for a file system that withdrew; an hour without one ends the row, an admission does not.
	Withdrawals int `json:"withdrawals,omitempty"`
	// Losses is how many lives in a row ended for a process that died; an hour with all of them there ends the row, or an operator (barred.go).
	Losses int `json:"losses,omitempty"`
	// Barred is the boot in which a start was refused for that row.
	Barred string `json:"barred,omitempty"`
}

// The deadline of that write: a disk that hangs must not hold up the reset. And for how long the words are shown.
const (
	lastWordsDeadline = time.Second
	lastWordsShown    = 24 * time.Hour
)

// LastWordsPath is where they are.
func LastWordsPath(stateDir string) string { return filepath.Join(stateDir, "lastwords.json") }

// readLastWords reads what an earlier life left. What cannot be read counts as none: the row is shorter then, and the node tries once more.
func (d *Daemon) readLastWords() {
	path := LastWordsPath(d.cfg.Config.StateDir)
	d.wordsFile = store.NewFile(path, 0o600, lastWordsDeadline)
	b, err := store.Read(path)
	if err == nil {
		err = json.Unmarshal(b, &d.words)
	}
	if err != nil {
		d.words = lastWords{}
		if !errors.Is(err, fs.ErrNotExist) {
			d.log.Warn("the last words of an earlier life cannot be read", "error", err)
		}
		return
	}
	d.log.Warn("this machine ended its own life", "boot", d.words.Boot, "at", d.words.At, "why", d.words.Why, "in_a_row", d.words.Count)
}

// speak makes the last words durable, or gives up at the deadline. A second try in one boot is no longer row.
func (d *Daemon) speak(w lastWords, e member.SelfFence) {
	again := w.Boot == d.cfg.Self.Boot
	if !again || w.Count == 0 {
		w.Count++
	}
	if e.Withdrawn && (!again || w.Withdrawals == 0) {
		w.Withdrawals++
	}
	if e.Lost && (!again || w.Losses == 0) {
		w.Losses++
	}
	w.Boot, w.At, w.Why = d.cfg.Self.Boot, time.Now().UTC(), e.Why
	b, err := json.Marshal(w)
	if err == nil {
		err = d.wordsFile.Write(b)
	}
	if err != nil {
		d.log.Error("cannot write the last words of this life", "error", err)
	}
}

// settled ends the row: this life was admitted. The words stay, to be read.
func (d *Daemon) settled() {
	if d.words.Count > 0 {
		d.words.Count = 0
		d.keepWords("this life was admitted")
	}
}

// calm ends the row of lives that ended for a withdrawn file system, or for a process that died.
func (d *Daemon) calm(lost bool) {
	row, what := &d.words.Withdrawals, "nothing withdrew for long"
	if lost {
		row, what = &d.words.Losses, "no process died for long"
	}
	if *row > 0 {
		*row = 0
		d.keepWords(what)
	}
}

// keepWords writes what ended a row.
func (d *Daemon) keepWords(what string) {
	b, err := json.Marshal(d.words)
	if err != nil {
		return
	}
	write := func() {
		if err := d.wordsFile.Write(b); err != nil {
			d.log.Warn("cannot note what ends a row of resets: a later row is counted from before", "what", what, "error", err)
		}
	}
	select {
	case d.disk <- write:
	default: // the disk is far behind; the row is only longer than it was
	}
}

// lastWordsAttention shows them for a day; and that this life was to end, if it goes on.
func (d *Daemon) lastWordsAttention(add func(code, node, text, next string)) {
	if d.stillHere != "" {
		add(client.AttentionStillHere, d.me(), "this machine was to be reset and still runs: "+d.stillHere, "on another node: fenced off "+d.me())
	}
	w := d.words
	if w.Why == "" || time.Since(w.At) > lastWordsShown {
		return
	}
	text := fmt.Sprintf("this machine ended its own life at %s: %s", w.At.UTC().Format(time.RFC3339), w.Why)
	if w.Count > 1 {
		text += fmt.Sprintf(" (%d times in a row)", w.Count)
	}
	add(client.AttentionLastWords, d.me(), text, "fenced history "+d.me())
}

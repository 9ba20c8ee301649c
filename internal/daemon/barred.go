package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/internal/store"

	"github.com/fenced-project/fenced/client"
)

// Barred says why fenced does not start in this boot, nil where it may: too many lives of this machine in a row ended themselves because a process
// died, and one more would end so as well (R24, ADR 0104). It is refused once in each boot: who starts it once more in the same boot has seen to that
// process, because the unit starts nothing again that ended with CodeNeedsOperator, and with that the row is over. What cannot be read bars nothing.
func Barred(stateDir, boot string, log *slog.Logger) error {
	path := LastWordsPath(stateDir)
	var w lastWords
	b, err := store.Read(path)
	if err == nil {
		err = json.Unmarshal(b, &w)
	}
	switch {
	case err != nil:
		if !errors.Is(err, fs.ErrNotExist) {
			log.Warn("the last words of an earlier life cannot be read, so nothing bars this one", "error", err)
		}
		return nil
	case !member.Barred(w.Losses) || w.Boot == boot: // in the boot of the last of them the start table judges what it left
		return nil
	}
	again := w.Barred == boot
	refusal := client.Errorf(client.CodeNeedsOperator,
		"%d lives of this machine in a row ended themselves because a process died (the last at %s: %s), so fenced stays off the cluster; see to that process, then start fenced once more in this boot, which ends the row",
		w.Losses, w.At.UTC().Format(time.RFC3339), w.Why)
	refusal.Next = "systemctl start fenced"
	if w.Barred = boot; again {
		w.Losses, w.Barred = 0, ""
		log.Warn("started again by an operator in the boot in which it was refused: the row of lives that ended for a process is over", "why", w.Why)
	}
	if b, err = json.Marshal(w); err == nil {
		err = store.NewFile(path, 0o600, lastWordsDeadline).Write(b)
	}
	switch {
	case again && err != nil:
		log.Warn("cannot note that the row is over: it is refused again after the next boot", "error", err)
		return nil
	case again:
		return nil
	case err != nil:
		refusal.Text += fmt.Sprintf(" (which could not be noted, so it is refused again: %v)", err)
	}
	return refusal
}

package host

import (
	"time"
	"unicode"
	"unicode/utf8"
)

// noise is what a plugin writes that is no text, and how much of it was not told yet.
type noise struct {
	at    time.Time // of the last line of it
	told  time.Time
	bytes int64
}

// Lines this short say nothing of themselves: shortly after noise they are part of it.
const (
	shortLine  = 16
	afterNoise = time.Second
)

// is reports whether a line is noise: more than a tenth of it is neither printable nor white space.
func (n *noise) is(text string, now time.Time) bool {
	bad, all := 0, 0
	for i, r := range text {
		all++
		broken := false
		if r == utf8.RuneError {
			_, size := utf8.DecodeRuneInString(text[i:])
			broken = size == 1 && len(text)-i >= utf8.UTFMax // a line may be cut in the middle of a letter
		}
		if broken || !unicode.IsPrint(r) && !unicode.IsSpace(r) && r != utf8.RuneError {
			bad++
		}
	}
	if bad*10 > all || len(text) < shortLine && !n.at.IsZero() && now.Sub(n.at) < afterNoise {
		n.at = now
		return true
	}
	return false
}

package host

import (
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// noise is what a plugin writes that is no text, and how much of it was not told yet.
type noise struct {
	at    time.Time // of the last line of it
	bytes int64
	gate  *gate
}

// gate lets one line about noise through in ten seconds. The processes of a lane share it: one that is started again and again, each time to
// write noise, is told of as often as one that goes on.
type gate struct {
	mu   sync.Mutex
	told time.Time
}

func (g *gate) pass(now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.told.IsZero() && now.Sub(g.told) < reportPeriod {
		return false
	}
	g.told = now
	return true
}

// gate is that of a lane; it goes with the lane.
func (h *Host) gate(plugin, label string) *gate {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := laneKey{plugin, label}
	if h.gates[key] == nil {
		h.gates[key] = &gate{}
	}
	return h.gates[key]
}

// Lines this short say nothing of themselves: shortly after noise they are part of it.
const (
	shortLine  = 16
	afterNoise = time.Second
)

// is reports whether a line is noise, or a short one that belongs to it.
func (n *noise) is(text string, now time.Time) bool {
	if noisy(text) || len(text) < shortLine && !n.at.IsZero() && now.Sub(n.at) < afterNoise {
		n.at = now
		return true
	}
	return false
}

// noisy reports whether more than a tenth of a text is neither printable nor white space.
func noisy(text string) bool {
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
	return bad*10 > all
}

package cli

import (
	"fmt"
	"io"

	"github.com/fenced-project/fenced/internal/config"
)

// turns is by how much the turns of two nodes lie apart, and what that is the sum of (R23); in `config check -o json` and `config explain -o json`.
type turns struct {
	First     string `json:"first"`
	Second    string `json:"second"`
	DelayMS   int64  `json:"delay_ms"`
	GapMS     int64  `json:"gap_ms"`
	Slowest   string `json:"slowest"`
	WalkMS    int64  `json:"walk_ms"`
	EffectMS  int64  `json:"effect_ms"`
	RingMS    int64  `json:"ring_ms"`
	FailureMS int64  `json:"failure_timeout_ms"`
}

func turnsOf(t *config.TwoNode) *turns {
	if t == nil {
		return nil
	}
	return &turns{
		First: t.First, Second: t.Second, DelayMS: t.DelayMS, GapMS: t.GapMS, Slowest: t.Slowest,
		WalkMS: t.Off.WalkMS, EffectMS: t.Off.EffectMS, RingMS: t.RingMS, FailureMS: t.FailureMS,
	}
}

// turnsText is the worked example; nothing where there are no turns.
func turnsText(w io.Writer, t *turns) {
	if t == nil {
		return
	}
	fmt.Fprintf(w, "Two nodes that lose each other at 0 s, as corosync calls either quorate alone (R23):\n")
	fmt.Fprintf(w, "  %-7s %s switches %s off, if it lives\n", milliseconds(t.DelayMS), t.First, t.Second)
	fmt.Fprintf(w, "  %-7s %s switches %s off, if it lives: a gap later; and so on by turns\n", milliseconds(t.DelayMS+t.GapMS), t.Second, t.First)
	fmt.Fprintf(w, "  %s\n", t.sum())
}

// sum is the gap in words. Its last millisecond makes it longer than what it must exceed.
func (t *turns) sum() string {
	return fmt.Sprintf("gap %s: more than %s for the longest power-off (%s's) + %s until that has taken effect + %s for corosync's token and consensus + 2 x %s failure timeout",
		milliseconds(t.GapMS), milliseconds(t.WalkMS), t.Slowest, milliseconds(t.EffectMS), milliseconds(t.RingMS), milliseconds(t.FailureMS))
}

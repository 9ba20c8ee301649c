package playground

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/fenced-project/fenced/client"
)

// timeline prints what happens while it happens: text for people, or one JSON document for each line.
type timeline struct {
	out    io.Writer
	json   bool
	colour bool
	zero   time.Duration // Event.Since of the line +0 ms
	mu     sync.Mutex
}

// newTimeline colours only on a terminal, and never with NO_COLOR.
func newTimeline(out io.Writer, asJSON bool) *timeline {
	f, ok := out.(*os.File)
	return &timeline{out: out, json: asJSON, colour: ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == ""}
}

// startAt makes a moment the zero of the lines that follow.
func (t *timeline) startAt(zero time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.zero = zero
}

// note is a line about the playground itself: what it does, not what fenced saw.
func (t *timeline) note(at time.Duration, what, node, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.json {
		_ = json.NewEncoder(t.out).Encode(client.Event{API: client.API, At: client.At(time.Now()), Event: what, Node: node, Text: text, Simulated: true})
		return
	}
	t.line(at, what, node, text, "1")
}

// say is a line of text about what is being built; JSON readers get only events.
func (t *timeline) say(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.json {
		fmt.Fprintln(t.out, text)
	}
}

// event is a line about what one node saw.
func (t *timeline) event(e Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.json {
		_ = json.NewEncoder(t.out).Encode(e.Event)
		return
	}
	t.line(e.Since, e.Event.Event, e.Node, describeEvent(e.Event), colours[e.Event.Event])
}

// colours are SGR numbers; what proves is green, what takes a node away is red.
var colours = map[string]string{
	client.EventSuspect: "33", client.EventVictim: "31", client.EventClaim: "36", client.EventAttempt: "36",
	client.EventEvidence: "32", client.EventVerdict: "32", client.EventRelease: "32", client.EventPowerOn: "36",
	client.EventClean: "32", client.EventDirty: "31", client.EventRefused: "31", client.EventFrozen: "31",
}

func (t *timeline) line(at time.Duration, what, node, text, colour string) {
	word := fmt.Sprintf("%-12s", what)
	if t.colour && colour != "" {
		word = "\x1b[" + colour + "m" + word + "\x1b[0m"
	}
	line := fmt.Sprintf("%+8d ms  %s %-7s %s", (at - t.zero).Milliseconds(), word, node, text)
	fmt.Fprintln(t.out, strings.TrimRight(line, " "))
}

// describeEvent says in one line what an event carries beside its word and its node.
func describeEvent(e client.Event) string {
	var parts []string
	add := func(when bool, format string, args ...any) {
		if when {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(e.Verdict != "", "%s", e.Verdict)
	if e.Event == client.EventAttempt {
		add(true, "%s asked for %s: %s", e.Device, e.Action, e.Class)
		add(e.Result != "", "read back %s", e.Result)
	} else {
		add(e.Action != "", "%s", e.Action)
		add(e.Result != "" && e.Result != e.Action, "%s", e.Result)
		add(e.Device != "", "%s", e.Device)
	}
	add(e.Cause != "", "cause %s", e.Cause)
	add(e.Actor != "", "by %s", e.Actor)
	if e.Evidence != nil {
		add(true, "proof: %s", describeEvidence(*e.Evidence))
	}
	add(len(e.Members) > 0, "members %s", strings.Join(e.Members, " "))
	add(e.Incarnation != "", "life %.8s", e.Incarnation)
	add(e.Text != "", "%s", e.Text)
	add(e.Index == 0 && e.By != "" && e.Event != client.EventAttempt, "seen by %s", e.By)
	return strings.Join(parts, ", ")
}

func describeEvidence(e client.Evidence) string {
	parts := []string{e.Kind}
	for _, p := range []string{e.Device, e.Detail} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, " ")
}

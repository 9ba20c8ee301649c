package cli

import (
	"fmt"
	"strings"

	"github.com/fenced-project/fenced/client"
)

// eventLine is one event on one line: when, what, who, and whatever else it carries, in one order for all kinds of event.
func eventLine(e client.Event) string {
	var more []string
	add := func(format string, args ...any) { more = append(more, fmt.Sprintf(format, args...)) }
	if e.Client != "" {
		add("client %s", e.Client)
	}
	if len(e.Members) > 0 {
		add("members %s", strings.Join(e.Members, ","))
	}
	if e.Quorate != nil {
		if *e.Quorate {
			add("quorate")
		} else {
			add("no quorum")
		}
	}
	if e.Cause != "" {
		add("cause %s", e.Cause)
	}
	if e.Action != "" {
		add("%s", e.Action)
	}
	if e.Level > 0 {
		add("level %d", e.Level)
	}
	if e.Device != "" {
		add("%s", e.Device)
	}
	if e.Attempt > 0 {
		add("attempt %d/%d", e.Attempt, e.Attempts)
	}
	if e.Phase != "" {
		add("%s", e.Phase)
	}
	for _, s := range []string{e.Class, e.Result, e.Verdict} {
		if s != "" && (len(more) == 0 || more[len(more)-1] != s) {
			add("%s", s)
		}
	}
	if e.Evidence != nil {
		add("%s", evidenceText(*e.Evidence))
	}
	if e.MS > 0 {
		add("in %s", took(e.MS))
	}
	if e.Actor != "" {
		add("by %s", e.Actor)
	}
	if e.Text != "" {
		add("%s", e.Text)
	}
	line := fmt.Sprintf("%s  %-13s %-10s %s", stampMS(e.At), e.Event, e.Node, strings.Join(more, ", "))
	if e.Operation > 0 {
		line += fmt.Sprintf(" (op %d)", e.Operation)
	}
	return strings.TrimRight(line, " ")
}

func evidenceText(e client.Evidence) string {
	s := proof(e.Kind)
	if e.Device != "" {
		s += " from " + e.Device
	}
	if e.Detail != "" {
		s += " (" + e.Detail + ")"
	}
	return s
}

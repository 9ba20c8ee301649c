package host

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/fenced-project/fenced/plugins/proto"
)

// Class says how a call ended (INTERFACES.md, attempt class).
type Class string

// The classes. ok, lied and mismatch are for those who compare states and identities; the host itself never gives them.
const (
	ClassOK          Class = "ok"
	ClassRefused     Class = "refused"
	ClassTimeout     Class = "timeout"
	ClassAuth        Class = "auth"
	ClassUnreachable Class = "unreachable"
	ClassLied        Class = "lied"
	ClassLimbo       Class = "limbo"
	ClassMismatch    Class = "mismatch"
	ClassPluginDied  Class = "plugin-died"
	ClassUnsupported Class = "unsupported"
	ClassUnknown     Class = "unknown"
)

// fromPlugin are the classes that a plugin may give.
var fromPlugin = []Class{ClassRefused, ClassTimeout, ClassAuth, ClassUnreachable, ClassLimbo, ClassUnsupported}

// CallError is what every failed call returns. Text is bounded, one line, and holds no secret of a configured device.
type CallError struct {
	Class Class
	Text  string
}

func (e *CallError) Error() string { return string(e.Class) + ": " + e.Text }

// Is makes errors.Is(err, context.DeadlineExceeded) true for a timeout.
func (e *CallError) Is(target error) bool {
	return e.Class == ClassTimeout && target == context.DeadlineExceeded
}

// ClassOf returns the class of a call's error: ok for nil, unknown for an error that is no CallError.
func ClassOf(err error) Class {
	var e *CallError
	switch {
	case err == nil:
		return ClassOK
	case errors.As(err, &e):
		return e.Class
	}
	return ClassUnknown
}

func fail(c Class, text string) *CallError { return &CallError{Class: c, Text: line(text)} }

// failed turns the plugin's own failure into an error; a class it may not give is unknown.
func failed(f *proto.Failure) error {
	if f == nil {
		return nil
	}
	c := Class(f.Class)
	if !slices.Contains(fromPlugin, c) {
		c = ClassUnknown
	}
	if f.Text == "" {
		return fail(c, "the plugin gave no reason")
	}
	return fail(c, f.Text)
}

// textLimit bounds every text that comes from a plugin, in bytes.
const textLimit = 512

// line makes foreign text fit for a log, a history and a terminal: one line, printable, bounded.
func line(s string) string {
	if len(s) > textLimit {
		s = s[:textLimit] + "…"
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r == '\r' {
			return ' '
		}
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?")))
}

package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Error is what the API answers when it does not do what was asked. It carries the exit code of the command that asked.
type Error struct {
	API  string `json:"api"`
	Code Code   `json:"code"`
	// Text is one line: what could not be done and why.
	Text string `json:"error"`
	// Near are names that the caller may have meant (CodeNoSuch).
	Near List[string] `json:"near"`
	// Problems are all that is wrong at once, each with its place and remedy (CodeConfig).
	Problems []string `json:"problems,omitempty"`
	// Next is the command to type next, where there is one.
	Next string `json:"next,omitempty"`

	cause error
}

// Error is the text with what may help.
func (e *Error) Error() string { return e.Text }

// Unwrap is the cause on this side of the socket, if there is one.
func (e *Error) Unwrap() error { return e.cause }

// wrap makes an error that carries an exit code and its cause.
func wrap(code Code, cause error, format string, args ...any) *Error {
	e := Errorf(code, format, args...)
	e.cause = cause
	return e
}

// Errorf makes an error that carries an exit code.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{API: API, Code: code, Text: fmt.Sprintf(format, args...)}
}

// NoSuch is the error for an unknown name of a kind of thing ("node"), with those of the known names that are near it.
func NoSuch(kind, name string, known []string) *Error {
	e := Errorf(CodeNoSuch, "no such %s: %q", kind, name)
	e.Near = Near(name, known)
	return e
}

// CodeOf returns the exit code that an error carries: CodeOK for nil, CodeTimeout for a passed deadline, CodeError where there is none.
func CodeOf(err error) Code {
	var e *Error
	switch {
	case err == nil:
		return CodeOK
	case errors.As(err, &e):
		return e.Code
	case errors.Is(err, context.DeadlineExceeded):
		return CodeTimeout
	}
	return CodeError
}

const maxNear = 3

// Near returns at most three of the known names that a person may have meant: same letters in another case, the same beginning, or at most two letters apart.
func Near(name string, known []string) []string {
	type near struct {
		name string
		cost int
	}
	var found []near
	lower := strings.ToLower(name)
	for _, k := range known {
		l := strings.ToLower(k)
		cost := distance(lower, l)
		if lower != "" && strings.HasPrefix(l, lower) {
			cost = min(cost, 1)
		}
		if cost <= 2 && cost < max(len(l), 2) {
			found = append(found, near{k, cost})
		}
	}
	slices.SortFunc(found, func(a, b near) int {
		if a.cost != b.cost {
			return a.cost - b.cost
		}
		return strings.Compare(a.name, b.name)
	})
	var out []string
	for _, f := range found[:min(len(found), maxNear)] {
		out = append(out, f.name)
	}
	return out
}

// distance is Levenshtein's, over at most MaxName bytes of each.
func distance(a, b string) int {
	a, b = a[:min(len(a), MaxName)], b[:min(len(b), MaxName)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}

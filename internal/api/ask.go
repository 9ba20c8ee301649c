package api

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fenced-project/fenced/client"
)

const maxProgram = 64 // bytes of what a client calls itself

// body reads what was sent, strictly: a field that this daemon does not know could be the one that says "only a dry run".
func body(w http.ResponseWriter, r *http.Request, into any) error {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		var big *http.MaxBytesError
		if errors.As(err, &big) {
			return client.Errorf(client.CodeUsage, "the request has more than %d bytes", maxBody)
		}
		return client.Errorf(client.CodeUsage, "cannot read the request: %v", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return client.Errorf(client.CodeUsage, "cannot read the request: something follows its end")
	}
	return nil
}

// query returns the parameters of a request, each at most once and none that is not known.
func query(r *http.Request, known ...string) (url.Values, error) {
	v, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, client.Errorf(client.CodeUsage, "cannot read the query: %v", err)
	}
	for name, values := range v { // order decides nothing: any unknown one is refused
		if !slices.Contains(known, name) {
			return nil, client.Errorf(client.CodeUsage, "unknown parameter %q, known are %s", name, strings.Join(known, ", "))
		}
		if len(values) != 1 {
			return nil, client.Errorf(client.CodeUsage, "parameter %s is given %d times", name, len(values))
		}
	}
	return v, nil
}

func number(v url.Values, name string) (uint64, error) {
	s := v.Get(name)
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return 0, client.Errorf(client.CodeUsage, "parameter %s must be a number, not %q", name, s)
	}
	return n, nil
}

func flag(v url.Values, name string) (bool, error) {
	switch v.Get(name) {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	}
	return false, client.Errorf(client.CodeUsage, "parameter %s must be true or false, not %q", name, v.Get(name))
}

// text checks what a person wrote: it goes into the log, into history and onto terminals.
func text(what, s string, limit int, need bool) error {
	switch {
	case need && strings.TrimSpace(s) == "":
		return client.Errorf(client.CodeUsage, "%s is missing", what)
	case len(s) > limit:
		return client.Errorf(client.CodeUsage, "%s has %d bytes, at most %d are allowed", what, len(s), limit)
	case !utf8.ValidString(s):
		return client.Errorf(client.CodeUsage, "%s is not UTF-8", what)
	case strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }):
		return client.Errorf(client.CodeUsage, "%s has control characters", what)
	}
	return nil
}

func action(s string) error {
	switch s {
	case client.ActionOff, client.ActionReboot, client.ActionOn, client.ActionUnfence:
		return nil
	}
	return client.Errorf(client.CodeUsage, "action must be off, reboot, on or unfence, not %q", s)
}

// requestID checks an id, or makes one.
func requestID(id string) (string, error) {
	if id == "" {
		return strings.ToLower(rand.Text()), nil
	}
	bad := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	}
	if len(id) > client.MaxID || strings.ContainsFunc(id, bad) {
		return "", client.Errorf(client.CodeUsage, "a request id has at most %d letters, digits, dots, dashes and underscores", client.MaxID)
	}
	return id, nil
}

// printable keeps the printable ASCII of a string that somebody else chose, without spaces, up to limit bytes.
func printable(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, s[:min(len(s), 4*limit)])
	return s[:min(len(s), limit)]
}

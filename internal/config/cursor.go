package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// reader reads typed values out of a map and reports what does not fit.
type reader struct {
	n    *node
	path string
	rep  *report
}

// mapAt reads the map under n; a node of another kind is reported and read as empty. known is what the map may
// contain, nothing for a map of names.
func mapAt(n *node, path string, rep *report, known ...string) reader {
	r := reader{n: n, path: path, rep: rep}
	if n == nil {
		r.n = &node{kind: mapping}
		return r
	}
	if n.kind != mapping {
		if n.kind != null {
			rep.at(n, "write `NAME: VALUE` in lines of their own below it", "%s must be a map, not %s", path, n.kind)
		}
		r.n = &node{file: n.file, line: n.line, col: n.col, kind: mapping}
		return r
	}
	if known == nil {
		return r
	}
	for _, f := range n.fields {
		if !contains(known, f.key.value) {
			rep.at(f.key, known2remedy(f.key.value, known), "%s has no field %s", r.name(), quote(f.key.value))
		}
	}
	return r
}

func (r reader) name() string {
	if r.path == "" {
		return "the configuration"
	}
	return r.path
}

func (r reader) sub(key string) string {
	if r.path == "" {
		return key
	}
	return r.path + "." + key
}

// key is where to point for a field: its key, or the map where the field is missing.
func (r reader) key(name string) *node { return r.n.key(name) }

func (r reader) has(name string) bool { return r.n.get(name) != nil }

// text reads a scalar; "" and false where it is absent, empty or of another kind (the last two are reported).
func (r reader) text(name string) (string, bool) {
	v := r.n.get(name)
	if v == nil || v.bad {
		return "", false
	}
	if v.kind != scalar {
		r.rep.at(v, "write a value, or remove the line", "%s must be a value, not %s", r.sub(name), v.kind)
		return "", false
	}
	if strings.TrimSpace(v.value) == "" {
		r.rep.at(v, "write a value, or remove the line", "%s is empty", r.sub(name))
		return "", false
	}
	return v.value, true
}

func (r reader) str(name, def string) string {
	if s, ok := r.text(name); ok {
		return s
	}
	return def
}

// enum reads one of a few words.
func (r reader) enum(name, def string, words ...string) string {
	s, ok := r.text(name)
	if !ok {
		return def
	}
	if !contains(words, s) {
		r.rep.at(r.n.get(name), "write one of: "+strings.Join(words, ", "), "%s cannot be %s", r.sub(name), quote(s))
		return def
	}
	return s
}

func (r reader) boolean(name string, def bool) bool {
	s, ok := r.text(name)
	if !ok {
		return def
	}
	switch {
	case r.n.get(name).quoted:
	case s == "true":
		return true
	case s == "false":
		return false
	}
	r.rep.at(r.n.get(name), "write true or false", "%s cannot be %s", r.sub(name), quote(s))
	return def
}

func (r reader) number(name string, def, least, most int) int {
	s, ok := r.text(name)
	if !ok {
		return def
	}
	i, err := strconv.Atoi(s)
	if err != nil || i < least || i > most {
		r.rep.at(r.n.get(name), fmt.Sprintf("write a whole number from %d to %d", least, most), "%s cannot be %s", r.sub(name), quote(s))
		return def
	}
	return i
}

// duration reads a duration such as 2s or 100ms and returns milliseconds. A bare number is refused: nobody remembers the unit.
func (r reader) duration(name string, def, most time.Duration) int64 {
	s, ok := r.text(name)
	if !ok {
		return def.Milliseconds()
	}
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		r.rep.at(r.n.get(name), "write a duration with its unit, such as "+def.String(), "%s cannot be %s", r.sub(name), quote(s))
	case d < 0 || d > most:
		r.rep.at(r.n.get(name), fmt.Sprintf("write a duration from 0s to %s", most), "%s cannot be %s", r.sub(name), quote(s))
	case d%time.Millisecond != 0:
		r.rep.at(r.n.get(name), "milliseconds are the finest unit here", "%s cannot be %s", r.sub(name), quote(s))
	default:
		return d.Milliseconds()
	}
	return def.Milliseconds()
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

func known2remedy(got string, known []string) string {
	if near := nearest(got, known); near != "" {
		return "did you mean " + near + "?"
	}
	return "it may have: " + strings.Join(known, ", ")
}

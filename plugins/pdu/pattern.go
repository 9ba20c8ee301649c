package main

import (
	"fmt"
	"strconv"
	"strings"
)

// pattern is an OID with {1}, {2} in the places of an outlet's numbers.
type pattern string

// maxParts is how many numbers an outlet has at most: UNIT:OUTLET.
const maxParts = 2

func (p pattern) fields() []string { return strings.Split(strings.TrimPrefix(string(p), "."), ".") }

// check says what is wrong with it.
func (p pattern) check() error {
	next := 1
	fields := p.fields()
	if len(fields) < 4 || len(fields) > 64 {
		return fmt.Errorf("%q is no OID", string(p))
	}
	for _, f := range fields {
		if f == fmt.Sprintf("{%d}", next) && next <= maxParts {
			next++
			continue
		}
		if _, err := strconv.ParseUint(f, 10, 32); err != nil || (len(f) > 1 && f[0] == '0') {
			return fmt.Errorf("%q is no OID: %q", string(p), f)
		}
	}
	return nil
}

// parts is how many numbers it wants.
func (p pattern) parts() int { return strings.Count(string(p), "{") }

// at is the OID of an outlet.
func (p pattern) at(outlet []int) string {
	s := string(p)
	for i, n := range outlet {
		s = strings.ReplaceAll(s, fmt.Sprintf("{%d}", i+1), strconv.Itoa(n))
	}
	return "." + strings.TrimPrefix(s, ".")
}

// root is what is before the first number: where a walk begins.
func (p pattern) root() string {
	s, _, _ := strings.Cut(string(p), ".{1}")
	return "." + strings.TrimPrefix(s, ".")
}

// match reads an outlet's numbers from an OID.
func (p pattern) match(oid string) ([]int, bool) {
	have, want := pattern(oid).fields(), p.fields()
	if len(have) != len(want) {
		return nil, false
	}
	var outlet []int
	for i, w := range want {
		if strings.HasPrefix(w, "{") {
			n, err := strconv.ParseUint(have[i], 10, 31)
			if err != nil {
				return nil, false
			}
			outlet = append(outlet, int(n))
		} else if have[i] != w {
			return nil, false
		}
	}
	return outlet, true
}

// numbers reads a target that is a number, or numbers with colons, as people count; ok is false for a name.
func (f family) numbers(target string) (outlet []int, ok bool) {
	fields := strings.Split(target, ":")
	if len(fields) != f.Write.OID.parts() {
		return nil, false
	}
	for i, s := range fields {
		n, err := strconv.ParseUint(s, 10, 16)
		if err != nil {
			return nil, false
		}
		outlet = append(outlet, int(n))
		if i == len(fields)-1 {
			outlet[i] += f.first() - 1
		}
	}
	return outlet, true
}

// label is an outlet's number as people count.
func (f family) label(outlet []int) string {
	s := make([]string, len(outlet))
	for i, n := range outlet {
		if i == len(outlet)-1 {
			n -= f.first() - 1
		}
		s[i] = strconv.Itoa(n)
	}
	return strings.Join(s, ":")
}

package residual

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Class says what a finding means (DESIGN.md).
type Class string

// The classes. State: shared state is held in this kernel, only a reset clears it; it counts. Access: the shared thing can be reached, which
// survives a reset. Hint: proves nothing alone.
const (
	ClassState  Class = "state"
	ClassAccess Class = "access"
	ClassHint   Class = "hint"
)

// WhatUnknown is Finding.What where a probe could not look: it did not answer, was refused, or found more than it may read (V12).
const WhatUnknown = "unknown"

// Finding is one thing that was found, or that could not be looked at.
type Finding struct {
	Probe string `json:"probe"`
	Path  string `json:"path"`
	Class Class  `json:"class"`
	What  string `json:"what"`
	Why   string `json:"why"`
	// Holders are the processes that hold it, as far as they are known.
	Holders []Holder `json:"holders"`
	// Reset says that a reset of the machine would clear it. What a reset cannot clear never self-fences (R25).
	Reset bool `json:"reset"`
}

// Holder is a process, named so that a later one with the same number is not taken for it.
type Holder struct {
	PID       int    `json:"pid"`
	Comm      string `json:"comm"`
	StartTime uint64 `json:"starttime"` // clock ticks since boot, as in /proc/PID/stat
}

// Report is what one scan found. The zero Report is not a clean one: ask Complete.
type Report struct {
	// Boot is the boot that was scanned.
	Boot string `json:"boot"`
	// Session is the record of this boot; its finding, if it is one, is in Findings too, under ProbeSession.
	Session  SessionState `json:"session"`
	Findings []Finding    `json:"findings"`
	// Probes that ran, whether or not they answered.
	Probes []string `json:"probes"`
	// Silent are those that did not answer in time.
	Silent []string      `json:"-"`
	Took   time.Duration `json:"-"`
}

// Residue returns the findings of class state but for our own session record, which the start table judges in a column of its own.
func (r Report) Residue() []Finding {
	var out []Finding
	for _, f := range r.Findings {
		if f.Class == ClassState && f.Probe != ProbeSession {
			out = append(out, f)
		}
	}
	return out
}

// Print stands for the residue: equal for two scans that found the same things in use, "" for none. Why it is in use and who holds it is not in it:
// both change while nothing else does.
func (r Report) Print() string {
	var lines []string
	for _, f := range r.Residue() {
		lines = append(lines, fmt.Sprintf("%q %q %q", f.Probe, f.Path, f.What))
	}
	if len(lines) == 0 {
		return ""
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:16])
}

// Unknown reports whether a probe could not look at something that would count (exit 96). What might be access at most is not asked about.
func (r Report) Unknown() bool {
	for _, f := range r.Findings {
		if f.What == WhatUnknown && f.Class == ClassState {
			return true
		}
	}
	return false
}

// NoAnswer reports whether nothing counts against this node but probes that did not answer in time.
func (r Report) NoAnswer() bool {
	silent := false
	for _, f := range r.Findings {
		if f.Class != ClassState || f.Probe == ProbeSession && f.What != WhatUnknown { // the record is judged by itself
			continue
		}
		if !slices.Contains(r.Silent, f.Probe) {
			return false
		}
		silent = true
	}
	return silent
}

// ResetClears reports whether a reset would clear all residue; where it is false a reset would only be repeated (R25).
// Kept for R25: S2.1, V12.
func (r Report) ResetClears() bool {
	for _, f := range r.Residue() {
		if !f.Reset {
			return false
		}
	}
	return true
}

// Complete reports whether all probes of a scan are in the report, as they are in every Report that Scan returns.
func (r Report) Complete() bool { return len(r.Probes) == len(probes) }

// printable makes a name from the kernel fit for a line of log: names may hold line ends and worse.
func printable(s string) string {
	const most = 300
	if len(s) > most {
		s = s[:most] + "…"
	}
	odd := func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }
	if strings.IndexFunc(s, odd) < 0 {
		return s
	}
	return strconv.Quote(s)
}

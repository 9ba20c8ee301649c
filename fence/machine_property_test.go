package fence

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestSpellingsAreComparedAsWrittenOut holds what is compared quickly against what is compared by writing both out: machines are told apart by it.
func TestSpellingsAreComparedAsWrittenOut(t *testing.T) {
	const canonical = "01234567-89ab-4def-8123-456789abcdef"
	spell := rapid.Custom(func(t *rapid.T) string {
		digit := rapid.SampledFrom(strings.Split("0123456789abcdefABCDEF0f", ""))
		u := rapid.SampledFrom([]string{canonical, strings.ReplaceAll(canonical, "-", ""), strings.Repeat("0", 32), strings.Repeat("f", 32), strings.Repeat("F", 36), ""}).Draw(t, "base")
		for range rapid.IntRange(0, 2).Draw(t, "edits") {
			at := rapid.IntRange(0, len(u)).Draw(t, "at")
			to := min(len(u), at+rapid.IntRange(0, 1).Draw(t, "cut"))
			u = u[:at] + rapid.OneOf(digit, rapid.SampledFrom([]string{"-", "{", "}", " ", ":", "x", "\u212a", ""})).Draw(t, "put") + u[to:]
		}
		u = rapid.SampledFrom([]string{"", "urn:uuid:", " ", "{"}).Draw(t, "front") + u + rapid.SampledFrom([]string{"", "}", " ", "\n"}).Draw(t, "back")
		if rapid.Bool().Draw(t, "upper") {
			u = strings.ToUpper(u)
		}
		return u
	})
	// Two spellings drawn freely are hardly ever of one UUID: half of the pairs are written from one, each in its own way.
	plain := rapid.Custom(func(t *rapid.T) string {
		u := rapid.SampledFrom([]string{"", "urn:uuid:", " "}).Draw(t, "front") + rapid.SampledFrom([]string{canonical, strings.ReplaceAll(canonical, "-", "")}).Draw(t, "dashes")
		if rapid.Bool().Draw(t, "upper") {
			u = strings.ToUpper(u)
		}
		return u
	})
	same := 0
	rapid.Check(t, func(t *rapid.T) {
		from := spell
		if rapid.Bool().Draw(t, "one UUID") {
			from = plain
		}
		a, b := from.Draw(t, "a"), from.Draw(t, "b")
		na, nb := NormalUUID(a), NormalUUID(b)
		if got := (Machine{UUID: a}).Known(); got != (na != "") {
			t.Fatalf("%q is written out as %q, and known %v", a, na, got)
		}
		if got := (Machine{UUID: a}).Same(Machine{UUID: b}); got != (na != "" && na == nb) {
			t.Fatalf("%q and %q are %q and %q, and the same %v", a, b, na, nb, got)
		}
		if got := (Identity{UUIDs: []string{a}}).Matches(Machine{UUID: b}); got != (na != "" && na == nb) {
			t.Fatalf("%q and %q are %q and %q, and match %v", a, b, na, nb, got)
		}
		if na != "" && na == nb && a != b {
			same++
		}
	})
	if same == 0 {
		t.Error("no two spellings of one UUID were drawn: this tests nothing")
	}
}

package main

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// mib is what a vendor's MIB says: the OID of each name, and the number of each word of an enumeration.
type mib struct {
	oid   map[string]string
	words map[string]map[string]int
}

var (
	object = regexp.MustCompile(`(?s)(\w+)\s+OBJECT(?:-TYPE| IDENTIFIER)(.*?)::=\s*\{\s*(\w+)\s+(\d+)\s*\}`)
	syntax = regexp.MustCompile(`(?s)SYNTAX INTEGER\s*\{(.*?)\}`)
	word   = regexp.MustCompile(`(\w+)\s*\((\d+)\)`)
)

func parseMIB(t *testing.T, text string) mib {
	t.Helper()
	m := mib{oid: map[string]string{"enterprises": ".1.3.6.1.4.1"}, words: map[string]map[string]int{}}
	for _, o := range object.FindAllStringSubmatch(text, -1) {
		parent, ok := m.oid[o[3]]
		if !ok {
			t.Fatalf("%s stands under %s, which was not said before", o[1], o[3])
		}
		m.oid[o[1]], m.words[o[1]] = parent+"."+o[4], map[string]int{}
		if s := syntax.FindStringSubmatch(o[2]); s != nil {
			for _, w := range word.FindAllStringSubmatch(s[1], -1) {
				m.words[o[1]][w[1]], _ = strconv.Atoi(w[2])
			}
		}
	}
	return m
}

// apc-rpdu2 is held against the vendor's own text, as the manual quotes it: which device, which objects, what each number means.
func TestRPDU2AgainstAPCsMIB(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/howto/power-strips.md")
	must(t, err)
	_, rest, ok := strings.Cut(string(page), "## What APC's MIB says of rPDU2")
	parts := strings.Split(rest, "```")
	if !ok || len(parts) != 3 {
		t.Fatal("the manual does not quote the MIB")
	}
	m := parseMIB(t, parts[1])
	const state, pending, command = "rPDU2OutletSwitchedStatusState", "rPDU2OutletSwitchedStatusCommandPending", "rPDU2OutletSwitchedControlCommand"
	all, err := families("")
	must(t, err)
	for _, f := range all {
		if f.Name != "apc-rpdu2" {
			continue
		}
		if len(f.Identify) != 1 || f.Identify[0] != m.oid["masterSwitchrPDU2"] {
			t.Errorf("it is recognised by %v, and rPDU2 is %s", f.Identify, m.oid["masterSwitchrPDU2"])
		}
		for oid, want := range map[pattern]string{
			f.Read[0].OID: state, f.Read[1].OID: pending, f.Write.OID: command, f.Names: "rPDU2OutletSwitchedStatusName",
		} {
			if m.oid[want] == "" || string(oid) != m.oid[want]+".{1}" {
				t.Errorf("%s is not %s, which is %s", oid, want, m.oid[want])
			}
		}
		is := func(what string, got []int, name, word string) {
			t.Helper()
			if n, ok := m.words[name][word]; !ok || len(got) != 1 || got[0] != n {
				t.Errorf("%s is %v, and %s (%d) in %s", what, got, word, n, name)
			}
		}
		is("off", f.Read[0].Off, state, "off")
		is("on", f.Read[0].On, state, "on")
		is("nothing to come", f.Read[1].Off, pending, "noCommandPending")
		is("the command off", []int{f.Write.Off}, command, "immediateOff")
		is("the command on", []int{f.Write.On}, command, "immediateOn")
		return
	}
	t.Fatal("there is no family apc-rpdu2")
}

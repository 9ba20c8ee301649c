package main

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/fenced-project/fenced/plugins/sdk"
)

// renamed are the names that the field gave up, with those that it uses now. Metadata of newer agents lists both; older ones know the first only.
var renamed = [][2]string{
	{"ipaddr", "ip"},
	{"login", "username"},
	{"passwd", "password"},
	{"passwd_script", "password_script"},
	{"port", "plug"},
	{"secure", "ssh"},
	{"cmd_prompt", "command_prompt"},
	{"sudo", "use_sudo"},
	{"option", "action"},
	{"debug", "debug_file"},
}

// reserved are parameters that are not the administrator's to set, with what to do instead.
var reserved = map[string]string{
	"action": "fenced decides what is asked for", "option": "fenced decides what is asked for",
	"debug": "it would write secrets into a file", "debug_file": "it would write secrets into a file",
	"delay": "a delay that its caller does not know of spoils every deadline; fenced has post_fail_delay",
	"help":  "it does nothing", "version": "it does nothing",
	"method": "fenced asks for off and on only, and reads in between; a cycle proves nothing",
	"quiet":  "what it says is how its failures are told apart",
}

// secretish are the words by which a parameter is taken for a secret: what it holds is never shown.
var secretish = []string{"passw", "secret", "token", "key", "community"}

func isSecret(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(secretish, func(w string) bool { return strings.Contains(name, w) })
}

// settings are checked parameters under the names that the agent is to get.
type settings map[string]sdk.Secret

// resolve checks what the configuration gives against the agent's metadata and returns it under the agent's newest names, with what is sent unless
// the configuration says otherwise. The error names every problem at once and no value of anything that may be secret.
//
// An agent's own time-outs are off, because the deadline of a call is fenced's, and shorter ones would end what only needs a moment more. Where
// the configuration sets disable_timeout nothing is added, also where of a flag that is off nothing is sent: false lets a dead device fail sooner.
func (m metadata) resolve(given map[string]sdk.Secret) (settings, error) {
	out, from := settings{}, map[string]string{}
	var problems []string
	names := make([]string, 0, len(given))
	for name := range given {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		p, ok := m.find(name)
		if why := reserved[canonical(name)]; why != "" {
			problems = append(problems, fmt.Sprintf("option %s cannot be set: %s", name, why))
			continue
		}
		if !ok {
			problems = append(problems, fmt.Sprintf("option %q is unknown to %s%s", name, m.Name, m.near(name)))
			continue
		}
		if from[p.Name] != "" {
			problems = append(problems, fmt.Sprintf("options %s and %s are the same", from[p.Name], name))
			continue
		}
		from[p.Name] = name
		v, send, err := p.value(given[name].Reveal())
		switch {
		case err != nil:
			problems = append(problems, fmt.Sprintf("option %s: %v", name, err))
		case send:
			out[p.Name] = sdk.NewSecret(v)
		}
	}
	problems = append(problems, m.missing(out)...)
	if len(problems) > 0 {
		return nil, sdk.Refused(fmt.Errorf("%s", strings.Join(problems, "; ")))
	}
	if p, ok := m.find("disable_timeout"); ok && from[p.Name] == "" {
		out[p.Name] = sdk.NewSecret("1")
	}
	return out, nil
}

// missing names the required parameters that nobody gave. The plug may come as the target of a step; a name and its successor are one.
func (m metadata) missing(have settings) []string {
	var out []string
	for _, p := range m.Params {
		newest, _ := m.find(p.Name)
		if !p.Required || p.Default != "" || newest.Name != p.Name || reserved[canonical(p.Name)] != "" || p.Name == m.plugName() {
			continue
		}
		if _, ok := have[p.Name]; !ok {
			out = append(out, fmt.Sprintf("option %s is required by %s", p.Name, m.Name))
		}
	}
	return out
}

// canonical is a name as fencing agents compare it: - and _ are one.
func canonical(name string) string { return strings.ReplaceAll(strings.ToLower(name), "-", "_") }

// find returns the parameter that a name stands for, under its newest name.
func (m metadata) find(name string) (param, bool) {
	alias := []string{canonical(name)}
	for _, r := range renamed {
		if r[0] == alias[0] {
			alias = []string{r[1], r[0]}
		} else if r[1] == alias[0] {
			alias = append(alias, r[0])
		}
	}
	for _, p := range m.Params { // a newer name that this one became
		if p.Obsoletes != "" && canonical(p.Obsoletes) == canonical(name) {
			return p, true
		}
	}
	for _, a := range alias {
		for _, p := range m.Params {
			if canonical(p.Name) == a {
				return p, true
			}
		}
	}
	return param{}, false
}

// plugName is the parameter that says which outlet or machine is meant, "" where an agent has only one.
func (m metadata) plugName() string {
	if p, ok := m.find("plug"); ok {
		return p.Name
	}
	return ""
}

func (m metadata) near(name string) string {
	for _, p := range m.Params {
		if c := canonical(p.Name); len(c) > 2 && (strings.HasPrefix(c, canonical(name)) || strings.HasPrefix(canonical(name), c)) {
			return fmt.Sprintf(", did you mean %s?", p.Name)
		}
	}
	return ""
}

// value checks one value and returns it as the agent reads it. Of a flag nothing is sent where it is off, unless it is on by default: many
// agents only look whether a name is there.
func (p param) value(v string) (text string, send bool, err error) {
	shown := strconv.Quote(v)
	if isSecret(p.Name) {
		shown = "***"
	}
	if strings.ContainsAny(v, "\n\r\x00") {
		return "", false, fmt.Errorf("%s has a line break or a zero byte, which cannot be handed to an agent", shown)
	}
	switch p.Type {
	case "boolean":
		switch {
		case truthy(v):
			return "1", true, nil
		case slices.Contains([]string{"0", "no", "off", "false"}, strings.ToLower(v)):
			return "0", truthy(p.Default), nil
		}
		return "", false, fmt.Errorf("it is %s, it must be true or false", shown)
	case "integer", "second":
		if n, err := strconv.Atoi(v); err != nil || (p.Type == "second" && n < 0) {
			return "", false, fmt.Errorf("it is %s, it must be a whole number", shown)
		}
	case "select":
		if len(p.Values) > 0 && !slices.Contains(p.Values, v) {
			return "", false, fmt.Errorf("it is %s, it must be one of %s", shown, strings.Join(p.Values, ", "))
		}
	}
	if v != strings.TrimSpace(v) || (len(v) > 1 && v[0] == '"' && v[len(v)-1] == '"') {
		v = `"` + v + `"` // agents strip white space and one pair of quotes
	}
	return v, true, nil
}

package residual

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// The probes of what only the administrator knows of (the configuration's residual section).
const (
	ProbeDirectories = "directories"
	ProbeCommands    = "commands"
)

// Command is a program that says whether something of its own is left over: status 0 for nothing, any other for something, which its first lines
// describe. One that cannot be run, hangs or floods is unknown.
type Command struct {
	Argv []string `json:"argv"`
	// Reset says that a reset clears what it finds (R25).
	Reset bool `json:"reset"`
}

// volatile are the directories in which nothing survives a boot.
var volatile = []string{"/sys/", "/proc/", "/run/", "/dev/"}

// directoriesProbe takes every entry of a configured directory for state. Where the directory stands tells whether a reset clears it.
func directoriesProbe(l *look) []Finding {
	if f, ok := l.open(ProbeDirectories); !ok {
		return []Finding{f}
	}
	defer l.close()
	var found []Finding
	for _, dir := range l.o.Directories {
		p := strings.TrimPrefix(path.Clean("/"+dir), "/")
		clears := slices.ContainsFunc(volatile, func(v string) bool { return strings.HasPrefix("/"+p+"/", v) })
		entries, err := l.list(p)
		for _, e := range entries {
			found = append(found, Finding{
				Probe: ProbeDirectories, Path: printable(l.path(path.Join(p, e.Name()))), Class: ClassState, Reset: clears,
				What: printable(e.Name()) + " in " + printable(dir), Why: "the configuration says that whatever is there is left over",
			})
		}
		if err != nil {
			f := l.unreadable(ProbeDirectories, p, err)
			f.Reset = f.Reset && clears
			found = append(found, f)
		}
	}
	return found
}

// commandsProbe runs the configured commands side by side.
func commandsProbe(l *look) []Finding {
	answers := make([]chan Finding, len(l.o.Commands))
	for i, c := range l.o.Commands {
		answers[i] = make(chan Finding, 1)
		go func() { answers[i] <- l.command(c) }()
	}
	var found []Finding
	for i := range answers {
		if f := <-answers[i]; f.What != "" {
			found = append(found, f)
		}
	}
	return found
}

func (l *look) command(c Command) Finding {
	f := Finding{Probe: ProbeCommands, Path: printable(strings.Join(c.Argv, " ")), Class: ClassState, Reset: c.Reset}
	out, status, err := runCommand(l.commandTime(), l.path(c.Argv[0]), c.Argv[1:]...)
	switch {
	case err != nil:
		f.What, f.Why = WhatUnknown, "cannot tell: "+printable(err.Error())
	case status != 0:
		text, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		if text == "" {
			text = "something is left over"
		}
		f.What, f.Why = printable(text), fmt.Sprintf("the command ended with status %d", status)
	}
	return f
}

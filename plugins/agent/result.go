package main

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"sort"
	"strings"

	"github.com/fenced-project/fenced/plugins/sdk"
)

// What agents write when they fail. Their exit code is 1 for everything; the words are what there is. Order matters: what ends in "timed out
// waiting to power off" is a device that does not change, not one that does not answer.
var words = []struct {
	is   *regexp.Regexp
	make func(error) error
}{
	{regexp.MustCompile(`(?i)no module named|ModuleNotFoundError|ImportError|command not found|bad interpreter`), sdk.Unsupported},
	{regexp.MustCompile(`(?i)unrecogni[sz]ed action|unsupported action|not supported|unable to (find|locate) .*(tool|binary|executable)`), sdk.Unsupported},
	{regexp.MustCompile(`(?i)waiting to power o(n|ff)`), sdk.Limbo},
	{regexp.MustCompile(`(?i)rakp 2|hmac is invalid|unauthori[sz]ed|authentication fail|authorizationError|permission denied|incorrect password|invalid (user|password|credential)|wrong (user|password)|access denied|correct privileges|\b401\b|\b403\b`), sdk.Auth},
	{regexp.MustCompile(`(?i)timed out|timeout`), sdk.Timeout},
	{regexp.MustCompile(`(?i)unable to connect|connection (refused|lost|reset)|no route to host|network is unreachable|name or service not known|could not resolve|unable to establish`), sdk.Unreachable},
	{regexp.MustCompile(`(?i)invalid arguments|have to (set|enter)|required|unable to obtain correct plug status|plug is not available|unknown plug|parse error`), sdk.Refused},
}

// failure is what a run that did not succeed means. Of what the agent wrote only its last words are shown, without what may be secret.
func (o outcome) failure(agent, action string, s settings) error {
	said := s.lastWords(o.whole())
	text := fmt.Sprintf("%s %s: %s", agent, action, o.how())
	if o.overran {
		return sdk.Timeout(errors.New(s.redact(join(fmt.Sprintf("%s %s did not end in time and was killed", agent, action), said))))
	}
	err := errors.New(s.redact(join(text, said)))
	if o.signal != 0 {
		return err // unknown: nothing it said before is its answer
	}
	all := string(o.stderr) + "\n" + string(o.stdout)
	for _, w := range words {
		if w.is.MatchString(all) {
			return w.make(err)
		}
	}
	return err
}

func join(a, b string) string {
	if b == "" {
		return a
	}
	return a + ": " + b
}

// stamp is how fencing agents begin a line of log.
var stamp = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ (ERROR|WARNING|INFO|DEBUG): `)

// whole are the lines of both outputs without the one that the bound of a run may have cut (sink): a piece of a secret is nothing that can be found.
func (o outcome) whole() (stderr, stdout []byte) {
	stderr, stdout = o.stderr, o.stdout
	if len(stderr) >= maxStderr {
		_, stderr, _ = bytes.Cut(stderr, []byte("\n"))
	}
	if len(stdout) >= maxStdout {
		stdout = stdout[:bytes.LastIndexByte(stdout, '\n')+1]
	}
	return stderr, stdout
}

// lastWords is the last line that says something, for people; of errors the last one goes before other lines.
func (s settings) lastWords(outputs ...[]byte) string {
	last := ""
	for _, out := range outputs {
		lines := bytes.Split(out, []byte("\n"))
		for i := len(lines) - 1; i >= 0; i-- {
			l := bytes.TrimSpace(lines[i])
			if len(l) == 0 {
				continue
			}
			m := stamp.FindSubmatch(l)
			if m != nil {
				l = l[len(m[0]):]
			}
			failed := m != nil && string(m[1]) == "ERROR"
			if len(l) == 0 || last != "" && !failed || bytes.HasPrefix(l, []byte("Please use '-h'")) || bytes.Contains(l, []byte("DeprecationWarning")) {
				continue
			}
			last = s.shown(string(l))
			if failed {
				return last
			}
		}
	}
	return last
}

// shown is a line for people, without secrets and bounded. What is secret is looked for before the bound, behind which only a piece may be left, and
// all at once: what one search hid would be missing where the next one looks for a longer one.
func (s settings) shown(l string) string {
	return bounded(strings.ToValidUTF8(s.redact(collapsed(l)), "?"))
}

func sorted(s settings) []string {
	names := make([]string, 0, len(s))
	for n := range s {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// targets reads what action list writes: id, separator, alias on each line.
func targets(out []byte, separator string) []sdk.Target {
	var ts []sdk.Target
	for _, l := range strings.Split(string(out), "\n") {
		l = strings.TrimSpace(strings.ToValidUTF8(l, "?"))
		if l == "" || l == "N/A" || strings.HasPrefix(l, "NOTICE:") {
			continue
		}
		id, alias, _ := strings.Cut(l, separator)
		if id = strings.TrimSpace(id); id != "" {
			ts = append(ts, sdk.Target{ID: id, Alias: strings.TrimSpace(alias)})
		}
	}
	return ts
}

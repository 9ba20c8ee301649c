package main

import (
	"strings"
	"testing"

	"github.com/fenced-project/fenced/plugins/sdk"
)

// Of a secret nothing is shown, wherever it stands in what an agent says: not what lies before the bound of a text, not its spelling on one line, not
// the rest of one that another one begins or overlaps, not the end that is left of a line whose beginning was too long ago (V19).
func TestNothingOfASecretIsShown(t *testing.T) {
	t.Parallel()
	const long = "correct  horse\tbattery staple"
	for name, c := range map[string]struct {
		secrets        map[string]string
		stderr, stdout string
		want           string // the last words
	}{
		"across the bound":        {map[string]string{"password": "hunter2hunter2"}, strings.Repeat("x", 195) + "hunter2hunter2", "", strings.Repeat("x", 195) + "***"},
		"across it on stdout":     {map[string]string{"password": "hunter2hunter2"}, "", strings.Repeat("x", 195) + "hunter2hunter2 and more", strings.Repeat("x", 195) + "*** a…"},
		"with white space":        {map[string]string{"password": long}, "login with " + long + " failed", "", "login with *** failed"},
		"collapsed by the agent":  {map[string]string{"password": long}, "login with correct horse battery staple failed", "", "login with *** failed"},
		"collapsed by us":         {map[string]string{"password": long}, "login with correct   horse\vbattery\t\tstaple failed", "", "login with *** failed"},
		"collapsed on the bound":  {map[string]string{"password": long}, strings.Repeat("x ", 95) + "correct horse  battery staple", "", strings.Repeat("x ", 95) + "***"},
		"white space at its ends": {map[string]string{"password": " a  secret "}, "login with  a  secret ", "", "login with ***"},
		"in quotes":               {map[string]string{"password": `"quoted" `}, `login with "quoted" `, "", "login with ***"},
		"one begins the other":    {map[string]string{"password": "horse", "token": "horsebattery"}, "it was horsebattery", "", "it was ***"},
		"one begins it, spread":   {map[string]string{"password": "horse", "token": "horse  battery"}, "it was horse   battery", "", "it was ***"},
		"one ends the other":      {map[string]string{"password": "battery", "token": "horsebattery"}, "it was horsebattery", "", "it was ***"},
		"two overlap":             {map[string]string{"password": "horsebat", "token": "battery"}, "it was horsebattery", "", "it was ***"},
		"one overlaps itself":     {map[string]string{"password": "abab"}, "it was abababx", "", "it was ***x"},
		"no text at all":          {map[string]string{"password": "p\xffq"}, "it was p\xffq", "", "it was ***"},
		"a script's path":         {map[string]string{"password_script": "/run/secret"}, "cannot run /run/secret", "", "cannot run ***"},
		"no secret":               {map[string]string{"username": "admin"}, "admin is unknown", "", "admin is unknown"},
		"behind a stamp":          {map[string]string{"password": "2026", "token": "ERROR"}, "2026-01-01 00:00:00,000 ERROR: 2026 is wrong\nmore", "", "*** is wrong"},
		"half of a line":          {map[string]string{"password": "hunter2hunter2"}, half("hunter2hunter2", maxStderr), "", ""},
		"half, and a whole one":   {map[string]string{"password": "hunter2hunter2"}, half("hunter2hunter2", maxStderr-6) + "\nwhole", "", "whole"},
		"half of stdout":          {map[string]string{"password": "hunter2hunter2"}, "", strings.Repeat("\n", maxStdout-12) + "with hunter2", ""},
	} {
		s := settings{}
		for n, v := range c.secrets {
			p := param{Name: n}
			v, _, err := p.value(v)
			if err != nil {
				t.Fatal(err)
			}
			s[n] = sdk.NewSecret(v)
		}
		want := join("fence_x off: it exited with 1", c.want)
		if err := (outcome{stderr: []byte(c.stderr), stdout: []byte(c.stdout), code: 1}).failure("fence_x", "off", s); err.Error() != want {
			t.Errorf("%s: %q, want %q", name, err, want)
		}
	}
}

// half is what a sink keeps of a line that is too long and had a secret where it was cut: size bytes.
func half(secret string, size int) string {
	return secret[4:] + strings.Repeat(" ", size-len(secret)+4)
}

// A secret as long as a parameter may be, said over and over: it is found in time that grows with the text.
func TestManyOverlapsAreFound(t *testing.T) {
	t.Parallel()
	s := settings{"password": sdk.NewSecret(strings.Repeat("x", 100_000))}
	if got := s.redact("a" + strings.Repeat("x", maxStdout-2) + "b"); got != "a***b" {
		t.Errorf("%d bytes are shown: %.50q", len(got), got)
	}
}

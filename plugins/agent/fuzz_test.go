package main

import (
	"os"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/plugins/sdk"
)

// FuzzMetadata: whatever an agent writes, it is read in bounds or refused, and options are judged by it without a panic.
func FuzzMetadata(f *testing.F) {
	fake, err := os.ReadFile("testdata/fence_fake")
	if err != nil {
		f.Fatal(err)
	}
	_, doc, _ := strings.Cut(string(fake), "<<'X'\n")
	doc, _, _ = strings.Cut(doc, "\nX\n")
	f.Add([]byte(doc), "ssl", "yes")
	f.Add([]byte("<resource-agent name='x'><parameters><parameter name='a-b' obsoletes='c'/></parameters></resource-agent>"), "c", "\"v\"")
	f.Add([]byte("<resource-agent>"), "", "")
	f.Fuzz(func(t *testing.T, out []byte, name, value string) {
		m, err := parseMetadata(out)
		if err != nil {
			return
		}
		if len(m.Params) > maxParams || len(m.Actions) > maxActions {
			t.Fatalf("%d parameters, %d actions", len(m.Params), len(m.Actions))
		}
		classify("/usr/sbin/fence_x", m)
		m.sample("fence_x", class{kind: sdk.Power})
		s, err := m.resolve(map[string]sdk.Secret{name: sdk.NewSecret(value)})
		if err != nil {
			return
		}
		for _, l := range strings.Split(strings.TrimSuffix(string(s.input("off")), "\n"), "\n")[1:] {
			if !strings.Contains(l, "=") || strings.HasPrefix(canonical(l), "action=") {
				t.Fatalf("it would be handed %q", l)
			}
		}
	})
}

// FuzzOutput: what an agent says is bounded, classified and shown without a secret, nor a piece of one that it says in full.
func FuzzOutput(f *testing.F) {
	const long, rest = "hunter2 Kq7  vZ", "7 vZ" // it begins with the other secret; how its end looks on one line
	f.Add([]byte("2026-01-01 00:00:00,000 ERROR: Unable to connect/login to fencing device\n"), []byte("n1,one\nn2"), ",")
	f.Add([]byte(strings.Repeat("x", 190)), []byte("\n"), ",")
	f.Fuzz(func(t *testing.T, stderr, stdout []byte, separator string) {
		s := settings{"password": sdk.NewSecret("hunter2"), "snmp_priv_passwd": sdk.NewSecret(long)}
		err := outcome{stdout: stdout, stderr: stderr, code: 1}.failure("fence_x", "off", s)
		if err == nil || strings.Contains(err.Error(), "hunter2") || len(err.Error()) > 1024 {
			t.Fatalf("%v", err)
		}
		said := string(stderr) + long + string(stdout)
		err = outcome{stderr: []byte(said), code: 1}.failure("fence_x", "off", s)
		for _, piece := range []string{"hunte", "Kq7", "7  vZ", rest} {
			if strings.Contains(err.Error(), piece) && !strings.Contains(collapsed(string(stderr)+"\n"+string(stdout)), collapsed(piece)) {
				t.Fatalf("%q is shown of what it said: %v", piece, err)
			}
		}
		for _, target := range targets(stdout, separator) {
			if target.ID == "" || strings.ContainsAny(target.ID, "\n") {
				t.Fatalf("%q", target)
			}
		}
	})
}

package config

import (
	"sort"
	"strings"
)

// variables are the environment of production (INTERFACES.md); nothing else that begins with FENCED_ means anything.
var variables = []string{"FENCED_CONFIG", "FENCED_SOCKET", "FENCED_NODE", "FENCED_LOG_LEVEL", "FENCED_LOG_FORMAT", "FENCED_ALLOW_RESET"}

// checkEnv reports unknown FENCED_* variables: an error where the daemon runs, because a misspelt one silently does nothing.
func checkEnv(o Options, rep *report) {
	env := append([]string(nil), o.Env...)
	sort.Strings(env)
	for _, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, "FENCED_") || contains(variables, name) {
			continue
		}
		if strings.HasPrefix(name, "FENCED_TEST_") || name == "FENCED_SEED" || name == "FENCED_UPDATE" {
			continue
		}
		remedy := "unset it; known are " + strings.Join(variables, ", ")
		if near := nearest(name, variables); near != "" {
			remedy = "did you mean " + near + "?"
		}
		rep.add(Problem{Text: "unknown environment variable " + quote(name), Remedy: remedy, Warning: !o.Strict})
	}
}

// lookup returns the value of a variable in an environment, the last one as the kernel's users do.
func lookup(env []string, name string) string {
	value := ""
	for _, kv := range env {
		if k, v, ok := strings.Cut(kv, "="); ok && k == name {
			value = v
		}
	}
	return value
}

package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/fenced-project/fenced/client"
)

// variables are the environment of production (INTERFACES.md). `run` and `config check` have them checked by internal/config, which knows
// the same ones (a test compares).
var variables = []string{"FENCED_CONFIG", "FENCED_SOCKET", "FENCED_NODE", "FENCED_LOG_LEVEL", "FENCED_LOG_FORMAT", "FENCED_ALLOW_RESET"}

// warnEnv warns of FENCED_* variables that mean nothing: a misspelt one silently does nothing.
func (a *app) warnEnv() {
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		switch {
		case !strings.HasPrefix(name, "FENCED_"), slices.Contains(variables, name), strings.HasPrefix(name, "FENCED_TEST_"),
			name == "FENCED_SEED", name == "FENCED_UPDATE":
			continue
		}
		hint := ""
		if near := client.Near(name, variables); len(near) > 0 {
			hint = ", did you mean " + near[0] + "?"
		}
		fmt.Fprintf(a.err, "%s: warning: unknown environment variable %s%s\n", a.name, name, hint)
	}
}

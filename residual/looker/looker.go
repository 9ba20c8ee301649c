// Package looker is the process that looks for leftover state and may hang: whoever imports it is that process when it is started with Word as its
// one argument, and then main never begins. It does its work in init: the runtime initialises this package as soon as what it needs itself is
// ready, so before most packages of the daemon, whose start would cost a scan more than the scan itself.
package looker

import (
	"fmt"
	"os"

	"github.com/fenced-project/fenced/residual"
)

// Word is the one argument by which a program runs probes for itself. It is no command: nobody types it.
const Word = "residual-look"

// Helper is this very program, also when another version was installed over it: the probes are of one version with whoever asks.
func Helper() []string { return []string{"/proc/self/exe", Word} }

func init() {
	if len(os.Args) == 2 && os.Args[1] == Word {
		os.Exit(look()) //nolint:forbidigo // this is that process's main
	}
}

// look answers one request. The process ends at once when it is done, whatever of it still hangs.
func look() int {
	if err := residual.Serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "fenced "+Word+":", err)
		return 1
	}
	return 0
}

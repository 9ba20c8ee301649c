package main

import (
	"fmt"
	"os"

	"github.com/fenced-project/fenced/residual"
)

// helperWord is the one argument by which this program runs probes for itself. It is no command: nobody types it.
const helperWord = "residual-look"

// lookHelper is this very program, also when another version was installed over it: the probes are of one version with whoever asks.
func lookHelper() []string { return []string{"/proc/self/exe", helperWord} }

// look is the process that looks and may hang. It ends at once when it is done, whatever of it still hangs.
func look() int {
	if err := residual.Serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "fenced "+helperWord+":", err)
		return 1
	}
	return 0
}

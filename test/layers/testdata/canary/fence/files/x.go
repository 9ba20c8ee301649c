// Package x is a canary of test/layers: I/O.
package x

// want: import of os
// want: import of net
// want: import of sync
// want: import of log/slog
import (
	"fmt"
	_ "log/slog"
	_ "net"
	"os"
	_ "sync"
)

// Write does I/O in three ways.
// want: I/O (fmt.Println)
// want: I/O (println)
func Write() {
	fmt.Println(os.Args)
	println()
}

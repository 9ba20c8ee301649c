// Package x is a canary of test/layers: nobody but two may hold what ends this machine.
package x

// want: only cmd/fenced and plugins/selffence may
import _ "github.com/fenced-project/fenced/internal/reset"

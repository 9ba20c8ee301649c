// Package x is a canary of test/layers: a bundled plugin gets no more than a vendor has.
package x

// want: may not import fence
import _ "github.com/fenced-project/fenced/fence"

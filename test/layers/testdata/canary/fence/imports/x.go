// Package x is a canary of test/layers: the words may import nobody.
package x

// want: may not import membership
import _ "github.com/fenced-project/fenced/membership"

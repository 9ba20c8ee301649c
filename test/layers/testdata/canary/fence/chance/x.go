// Package x is a canary of test/layers: chance.
package x

// want: import of math/rand/v2
// want: import of crypto/rand
import (
	"crypto/rand"
	rand2 "math/rand/v2"
)

// want: chance without a seed (rand.IntN)
var _ = rand2.IntN

// Reader is of crypto/rand.
var _ = rand.Reader

// Package x is a canary of test/layers: the simulator may roll dice that a seed made, and no others.
package x

import "math/rand/v2"

// Roll is allowed from a seed and refused without.
// want: chance without a seed (rand.IntN)
func Roll(seed uint64) int { return rand.New(rand.NewPCG(seed, 0)).IntN(6) + rand.IntN(6) }

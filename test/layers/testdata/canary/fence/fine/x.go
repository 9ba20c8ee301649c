// Package x is a canary of test/layers: what a pure room may do; a check that refuses this refuses too much.
package x

import (
	"maps"
	"slices"
	"time"
)

// Wait is a duration, which is no clock.
const Wait = 2 * time.Second

// Sum adds up in no order, First in the order of the keys.
func Sum(m map[int]int) (sum int) {
	// order: a sum is the same in any
	for _, v := range m {
		sum += v
	}
	return sum
}

// First is the value of the lowest key.
func First(m map[int]int) int {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		return m[k]
	}
	return 0
}

// Prune forgets what is old.
func Prune(m map[int]int, now int) {
	for k, v := range m {
		if v < now {
			delete(m, k)
		}
	}
}

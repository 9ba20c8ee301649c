// Package x is a canary of test/layers: the order of a map.
package x

import "maps"

var other map[int]int

// First gives whatever comes first.
// want: loop over a map
// want: loop over a map
// want: map order
func First(m map[int]int) int {
	for k := range m {
		return k
	}
	for k := range m { // deletes from another map, and stops
		delete(other, k)
		break
	}
	for k := range maps.Keys(m) {
		return k
	}
	return 0
}

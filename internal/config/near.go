package config

import (
	"sort"
	"strings"
)

// nearest returns the word that the writer probably meant, "" where nothing is near.
func nearest(got string, known []string) string {
	best, bestAt := "", 1+min(3, len(got)/3)
	words := append([]string(nil), known...)
	sort.Strings(words)
	for _, k := range words {
		if d := distance(strings.ToLower(got), strings.ToLower(k)); d < bestAt {
			best, bestAt = k, d
		}
	}
	return best
}

// distance counts the insertions, deletions, substitutions and exchanges of neighbours between two words; words longer than 64 bytes are not
// compared.
func distance(a, b string) int {
	const most = 64
	if len(a) > most || len(b) > most {
		return most
	}
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}

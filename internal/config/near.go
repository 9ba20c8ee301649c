package config

import (
	"sort"
	"strings"
)

// nearest returns the word that the writer probably meant, "" where nothing is near.
func nearest(got string, known []string) string {
	best, bestAt := "", 1+min(2, len(got)/3)
	words := append([]string(nil), known...)
	sort.Strings(words)
	for _, k := range words {
		if d := distance(strings.ToLower(got), strings.ToLower(k)); d < bestAt {
			best, bestAt = k, d
		}
	}
	return best
}

// distance counts the insertions, deletions and substitutions between two words; words longer than 64 bytes are not compared.
func distance(a, b string) int {
	const most = 64
	if len(a) > most || len(b) > most {
		return most
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

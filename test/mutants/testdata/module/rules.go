// Package rules is what the runner's own tests break.
package rules

// Quorate is guarded by a test.
func Quorate(have, need int) bool {
	return have >= need
}

// Limit is guarded by nobody.
func Limit(n int) int {
	return min(n, 64)
}

// Count ends.
func Count(n int) int {
	sum := 0
	for i := 0; i < n; i++ {
		sum++
	}
	return sum
}

// Background is done elsewhere.
func Background() {
	done := make(chan int)
	go func() {
		close(done)
	}()
	<-done
}

// Twice one line.
func Twice(n int) int {
	n++
	n++
	return n
}

package sim

import "math/rand/v2"

// Durations of virtual time, in microseconds.
const (
	MS     int64 = 1000
	Second       = 1000 * MS
	Minute       = 60 * Second
)

// Network carries messages between nodes, which are known by their place. Times are microseconds.
type Network struct {
	Cut    [][]int8 // Cut[from][to]: how many faults cut this direction
	Loss   float64  // of datagrams
	Slow   int64    // the longest extra delay of a message
	Delays *rand.Rand
}

// Seeded is chance that a seed repeats.
func Seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// NewNetwork is a whole network of n nodes.
func NewNetwork(n int, delays *rand.Rand) *Network {
	w := &Network{Cut: make([][]int8, n), Delays: delays}
	for i := range w.Cut {
		w.Cut[i] = make([]int8, n)
	}
	return w
}

// Reach reports whether what from sends arrives at to now.
func (w *Network) Reach(from, to int) bool { return w.Cut[from][to] == 0 }

// Both reports whether messages arrive in both directions.
func (w *Network) Both(a, b int) bool { return w.Reach(a, b) && w.Reach(b, a) }

// Heal joins every link.
func (w *Network) Heal() {
	for i := range w.Cut {
		clear(w.Cut[i])
	}
}

// Hop is how long a message is on its way.
func (w *Network) Hop() int64 {
	d := Span(w.Delays, 100, 1500)
	if w.Slow > 0 && w.Delays.IntN(4) == 0 {
		d += Span(w.Delays, 0, w.Slow)
	}
	return d
}

// Loses draws whether a datagram is lost.
func (w *Network) Loses() bool { return w.Loss > 0 && w.Delays.Float64() < w.Loss }

// Span draws a duration between two bounds.
func Span(r *rand.Rand, low, high int64) int64 {
	if high <= low {
		return low
	}
	return low + r.Int64N(high-low)
}

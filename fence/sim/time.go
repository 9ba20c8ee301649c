package sim

// Event is something that happens at an instant, to somebody or in a process P.
type Event[P any] struct {
	At  int64 // microseconds
	Seq uint64
	Of  P
	Do  func()
}

// Queue is what is going to happen. Events of one instant happen in the order in which they were put. It is a heap of four children.
type Queue[P any] struct {
	seq  uint64
	heap []Event[P]
}

// Len is how many wait.
func (q *Queue[P]) Len() int { return len(q.heap) }

// Next is when the next one happens; there must be one.
func (q *Queue[P]) Next() int64 { return q.heap[0].At }

// Put adds an event.
func (q *Queue[P]) Put(at int64, of P, do func()) {
	q.seq++
	e := Event[P]{At: at, Seq: q.seq, Of: of, Do: do}
	h := append(q.heap, e)
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 4
		if h[up].At <= at { // of one instant this one is the last
			break
		}
		h[i] = h[up]
		i = up
	}
	h[i] = e
	q.heap = h
}

// Take removes the next event; there must be one.
func (q *Queue[P]) Take() Event[P] {
	h := q.heap
	top := h[0]
	n := len(h) - 1
	last := h[n]
	h[n] = Event[P]{}
	h = h[:n]
	q.heap = h
	if n == 0 {
		return top
	}
	i := 0
	for {
		least, at, seq := i, last.At, last.Seq
		for c := 4*i + 1; c <= 4*i+4 && c < n; c++ {
			if k := &h[c]; k.At < at || k.At == at && k.Seq < seq {
				least, at, seq = c, k.At, k.Seq
			}
		}
		if least == i {
			break
		}
		h[i] = h[least]
		i = least
	}
	h[i] = last
	return top
}

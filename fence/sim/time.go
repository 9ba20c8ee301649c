package sim

// Event is something that happens at an instant, to somebody or in a process P.
type Event[P any] struct {
	At  int64 // microseconds
	Seq uint64
	Of  P
	Do  func()
}

func (e *Event[P]) before(o *Event[P]) bool { return e.At < o.At || e.At == o.At && e.Seq < o.Seq }

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
	h := append(q.heap, Event[P]{At: at, Seq: q.seq, Of: of, Do: do})
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 4
		if !h[i].before(&h[up]) {
			break
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
	q.heap = h
}

// Take removes the next event; there must be one.
func (q *Queue[P]) Take() Event[P] {
	h := q.heap
	top := h[0]
	n := len(h) - 1
	h[0] = h[n]
	h[n] = Event[P]{}
	h = h[:n]
	for i := 0; ; {
		least := i
		for c := 4*i + 1; c <= 4*i+4 && c < n; c++ {
			if h[c].before(&h[least]) {
				least = c
			}
		}
		if least == i {
			break
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
	q.heap = h
	return top
}

package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// The body of a ping: nine numbers, four texts with their lengths, the domains that were given up, then every node that it speaks of once, by growing ids. Numbers are those of
// encoding/binary. Where all hear all, as nearly always, sixty-four nodes fit into one packet of 1280 bytes, the least that every network
// carries whole; a datagram in pieces is lost with any of them.

// What a ping says of one node.
const (
	hasAck   = 1 << iota // acknowledges a ping of it
	hasRow               // has its row
	sameTag              // the row is of the same run as the acknowledgement
	hearsAll             // the row names every other node of this ping
	allWords = 1<<iota - 1
)

// maxSubjects is how many nodes a ping may speak of: a roster's, and as many that were just replaced.
const maxSubjects = 2 * membership.MaxNodes

var errPingBody = errors.New("ping does not decode")

// subjects are the nodes that a ping speaks of, sorted.
func (p ping) subjects() []fence.NodeID {
	var ids []fence.NodeID
	for _, a := range p.Acks {
		ids = append(ids, a.Node)
	}
	for _, r := range p.Rows {
		ids = append(append(ids, r.Node), r.Heard...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// appendPing appends the body.
func appendPing(b []byte, p ping) ([]byte, error) {
	healthy := uint64(0)
	if p.Healthy {
		healthy = 1
	}
	for _, n := range []uint64{
		healthy, uint64(p.Node), p.Starts, p.Seq, p.Epoch, p.Applied, p.Position.Term, p.Position.Index, uint64(max(p.DurableMS, 0)),
	} {
		b = binary.AppendUvarint(b, n)
	}
	for _, s := range []string{p.Domain, p.Boot, p.Instance, p.Store} {
		b = appendText(b, s)
	}
	was := p.Was[max(0, len(p.Was)-maxWas):]
	b = binary.AppendUvarint(b, uint64(len(was)))
	for _, s := range was {
		b = appendText(b, s)
	}
	ids := p.subjects()
	if len(ids) > maxSubjects {
		return nil, fmt.Errorf("ping speaks of %d nodes, at most %d", len(ids), maxSubjects)
	}
	b = binary.AppendUvarint(b, uint64(len(ids)))
	last := fence.NodeID(0)
	for _, id := range ids {
		b = binary.AppendUvarint(b, uint64(id-last))
		last = id
		b = appendSubject(b, p, id, ids)
	}
	return b, nil
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendSubject(b []byte, p ping, id fence.NodeID, ids []fence.NodeID) []byte {
	a := slices.IndexFunc(p.Acks, func(a ack) bool { return a.Node == id })
	r := slices.IndexFunc(p.Rows, func(r row) bool { return r.Node == id })
	what := byte(0)
	if a >= 0 {
		what |= hasAck
	}
	var bits []byte
	if r >= 0 {
		what |= hasRow
		if a >= 0 && p.Rows[r].Tag == p.Acks[a].Tag {
			what |= sameTag
		}
		var all bool
		if bits, all = heardBits(p.Rows[r], ids); all {
			what |= hearsAll
		}
	}
	b = append(b, what)
	if a >= 0 {
		b = append(b, p.Acks[a].Tag[:]...)
		b = binary.AppendUvarint(b, p.Acks[a].Seq)
	}
	if r < 0 {
		return b
	}
	if what&sameTag == 0 {
		b = append(b, p.Rows[r].Tag[:]...)
	}
	b = binary.AppendUvarint(b, p.Rows[r].Starts)
	b = binary.AppendUvarint(b, uint64(max(p.Rows[r].AgeMS, 0)))
	if what&hearsAll == 0 {
		b = append(b, bits...)
	}
	return b
}

// heardBits has a bit for each subject that a row names, and says whether it names all but its own node.
func heardBits(r row, ids []fence.NodeID) (bits []byte, all bool) {
	bits = make([]byte, (len(ids)+7)/8)
	all = true
	for i, id := range ids {
		_, heard := slices.BinarySearch(r.Heard, id)
		if heard {
			bits[i/8] |= 1 << (i % 8)
		}
		all = all && heard == (id != r.Node)
	}
	return bits, all
}

// pingReader takes a body apart. After the first mistake it gives zeros.
type pingReader struct {
	b     []byte
	bad   bool
	ids   []fence.NodeID
	named []bool   // of each of ids: something is said of it
	bits  [][]byte // of each row, whom it names; nil for all but its own node
}

func (r *pingReader) take(n int) []byte {
	if r.bad || n < 0 || n > len(r.b) {
		r.bad = true
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

// number reads one that is at most so large. Each has one way to be written: the shortest.
func (r *pingReader) number(limit uint64) uint64 {
	v, n := binary.Uvarint(r.b)
	if r.bad || n <= 0 || v > limit || n > 1 && r.b[n-1] == 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *pingReader) text() string { return string(r.take(int(r.number(maxPing)))) }

func (r *pingReader) tag() (t runTag) {
	copy(t[:], r.take(len(t)))
	return t
}

// readPing reads a body; what it takes, appendPing writes again in the same bytes.
func readPing(b []byte) (ping, error) {
	r := &pingReader{b: b}
	p := ping{Protocol: Protocol, Healthy: r.number(1) == 1, Node: fence.NodeID(r.number(math.MaxUint32))}
	for _, n := range []*uint64{&p.Starts, &p.Seq, &p.Epoch, &p.Applied, &p.Position.Term, &p.Position.Index} {
		*n = r.number(math.MaxUint64)
	}
	p.DurableMS = int64(r.number(math.MaxInt64))
	for _, s := range []*string{&p.Domain, &p.Boot, &p.Instance, &p.Store} {
		*s = r.text()
	}
	for range r.number(maxWas) {
		p.Was = append(p.Was, r.text())
	}
	r.ids = make([]fence.NodeID, r.number(maxSubjects))
	r.named = make([]bool, len(r.ids))
	for i := range r.ids {
		least := uint64(0)
		if i > 0 {
			least = uint64(r.ids[i-1])
		}
		r.ids[i] = fence.NodeID(least + r.number(math.MaxUint32-least))
		r.bad = r.bad || uint64(r.ids[i]) == least
		r.named[i] = r.subject(&p, r.ids[i])
	}
	for i := range p.Rows {
		r.heard(&p.Rows[i], r.bits[i])
	}
	if r.bad || len(r.b) != 0 || slices.Contains(r.named, false) {
		return ping{}, errPingBody
	}
	return p, nil
}

// subject reads what is said of one node; false is nothing, but that others hear it.
func (r *pingReader) subject(p *ping, id fence.NodeID) bool {
	var what byte
	if b := r.take(1); b != nil {
		what = b[0]
	}
	if what&^allWords != 0 || what&sameTag != 0 && what&(hasAck|hasRow) != hasAck|hasRow || what&hearsAll != 0 && what&hasRow == 0 {
		r.bad = true
	}
	var t runTag
	if what&hasAck != 0 {
		t = r.tag()
		p.Acks = append(p.Acks, ack{Node: id, Tag: t, Seq: r.number(math.MaxUint64)})
	}
	if what&hasRow == 0 {
		return what != 0
	}
	if what&sameTag == 0 {
		other := r.tag()
		r.bad = r.bad || what&hasAck != 0 && other == t // there is a shorter way to say so
		t = other
	}
	p.Rows = append(p.Rows, row{Node: id, Tag: t, Starts: r.number(math.MaxUint64), AgeMS: int64(r.number(math.MaxInt64))})
	var bits []byte
	if what&hearsAll == 0 {
		bits = r.take((len(r.ids) + 7) / 8)
		r.bad = r.bad || bits == nil
	}
	r.bits = append(r.bits, bits)
	return true
}

// heard fills in whom a row names, once all subjects are known.
func (r *pingReader) heard(w *row, bits []byte) {
	if r.bad {
		return
	}
	all := true
	for i, id := range r.ids {
		heard := id != w.Node
		if bits != nil {
			all = all && heard == (bits[i/8]>>(i%8)&1 == 1)
			heard = bits[i/8]>>(i%8)&1 == 1
		}
		if heard {
			if w.Heard == nil {
				w.Heard = make([]fence.NodeID, 0, len(r.ids))
			}
			w.Heard = append(w.Heard, id)
			r.named[i] = true
		}
	}
	if k := len(r.ids) % 8; bits != nil && (all || k != 0 && bits[len(bits)-1]>>k != 0) {
		r.bad = true // there is a shorter way to say all; bits of nobody
	}
}

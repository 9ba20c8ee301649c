package agreement

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
)

// chain adds an entry to the sum of those before it. Two logs with the same sum at an index have the same entries up to it.
func chain(sum uint64, e Entry) uint64 {
	b := binary.BigEndian.AppendUint64(nil, sum)
	e.Index = 0 // it says nothing that its place in the chain does not say
	said, err := json.Marshal(e)
	if err != nil { // plain structs: cannot happen
		panic("agreement: an entry does not encode: " + err.Error())
	}
	h := sha256.Sum256(append(b, said...))
	return binary.BigEndian.Uint64(h[:8])
}

// sum is of this whole log, what is not committed included.
func (m *Machine) sum() uint64 {
	sum := m.applied.Sum
	for _, e := range m.log[m.applied.Index-m.snapAt:] {
		sum = chain(sum, e)
	}
	return sum
}

package domain

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
)

// Snapshot encodes the whole state; equal states encode to equal bytes on every member.
func (s *State) Snapshot() ([]byte, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("cannot encode the domain: %w", err)
	}
	return b, nil
}

// Restore decodes a snapshot strictly. On an error nothing may be believed of it.
func Restore(b []byte) (*State, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	s := New()
	if err := d.Decode(s); err != nil {
		return nil, fmt.Errorf("cannot decode the domain: %w", err)
	}
	for i := 1; i < len(s.Nodes); i++ {
		if s.Nodes[i-1].ID >= s.Nodes[i].ID {
			return nil, fmt.Errorf("cannot decode the domain: nodes are not sorted")
		}
	}
	if !slices.IsSortedFunc(s.View.Members, byNode) {
		return nil, fmt.Errorf("cannot decode the domain: members of the view are not sorted")
	}
	s.counted()
	return s, nil
}

// Hash identifies the state; members exchange it to notice a divergence.
func (s *State) Hash() string {
	b, err := s.Snapshot()
	if err != nil { // only plain structs: cannot happen
		panic(err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

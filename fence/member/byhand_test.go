package member

import (
	"testing"

	"github.com/fenced-project/fenced/fence/domain"
)

// restored is a copy of a state that a test has changed by hand, as a snapshot installs it: with everything counted that is counted beforehand.
func restored(t *testing.T, s *domain.State) *domain.State {
	t.Helper()
	b, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if s, err = domain.Restore(b); err != nil {
		t.Fatal(err)
	}
	return s
}

package memory_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
	"github.com/fenced-project/fenced/membership/membershiptest"
	"github.com/fenced-project/fenced/membership/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// under adapts memory's cluster to what the contract tests need.
type under struct {
	*memory.Cluster
	timeout time.Duration
}

func (u under) Start(self membership.Self) (membership.Provider, error) { return u.Cluster.Start(self) }
func (u under) FailureTimeout() time.Duration                           { return u.timeout }

func TestContract(t *testing.T) {
	membershiptest.Run(t, func(t testing.TB, n int) membershiptest.Cluster {
		u := under{timeout: membershiptest.Slow(100 * time.Millisecond)}
		cfg := memory.Config{FailureTimeout: u.timeout}
		for i := 1; i <= n; i++ {
			cfg.Nodes = append(cfg.Nodes, membership.Voter{ID: fence.NodeID(i), Votes: 1})
		}
		u.Cluster = memory.New(cfg)
		return u
	})
}

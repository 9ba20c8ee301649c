package lab

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/internal/config"
	"github.com/fenced-project/fenced/membership/corosync"
)

// A slow host stretches all times together, so that their order stays what it is on a quiet one: what the machines are given has no mistake, and nothing
// that is even warned of. Most of all, a ring that forms without a node that died must not outlast the lease: the survivors would go down.
func TestWhatMachinesAreGivenIsRightOnEveryHost(t *testing.T) {
	for _, slow := range []float64{0.3, 1, 2.37, slowest, 100} {
		for _, setup := range []Setup{{}, {AllAsk: true, SelfFence: true}, {Watchdog: "softdog"}, {Watchdog: "i6300esb", Paused: true}, restarts} {
			l := &Lab{setup: setup, slow: slow, ports: []int{0, 31001, 31002, 31003}}
			token := l.stretch(token)
			ring := corosync.Settings{Cluster: "lab", Local: 1, Token: token, Written: token, Consensus: token * 12 / 10, Provider: "corosync_votequorum", Encrypted: true}
			for id := 1; id <= 3; id++ {
				m := &Machine{ID: id, lab: l}
				l.Machines = append(l.Machines, m)
				ring.Nodes = append(ring.Nodes, corosync.Listed{ID: fence.NodeID(id), Name: m.Name(), Addresses: []string{m.Address()}, Votes: 1})
			}
			file := filepath.Join(t.TempDir(), "fenced.yaml")
			must(t, os.WriteFile(file, []byte(l.fencedYAML()), 0o600))
			c, problems := config.Load(config.Options{Path: file, Node: "node-1", NoSecrets: true, Corosync: func() (corosync.Settings, error) { return ring, nil }})
			for _, p := range problems {
				t.Errorf("%v, %+v: %v", slow, setup, p)
			}
			if c == nil {
				t.Fatal("no configuration")
			}
			if formed := time.Duration(c.Roster.Timing.LeaseMS)*time.Millisecond - ring.Token - ring.Consensus; formed < l.stretch(failureTimeout)/2 {
				t.Errorf("%v: a lease outlasts the forming of a ring by %v only", slow, formed)
			}
		}
	}
}

// A quiet host, or one that is quicker, waits for no more than the constants say; a busy one as many times as long as its machines took to boot, up to a
// bound.
func TestABusyHostIsWaitedFor(t *testing.T) {
	for slow, want := range map[float64]time.Duration{0: 10 * time.Second, 0.3: 10 * time.Second, 1: 10 * time.Second, 2.37: 23700 * time.Millisecond, 100: slowest * 10 * time.Second} {
		if got := (&Lab{slow: slow}).stretch(10 * time.Second); got != want {
			t.Errorf("10 s on a host that is %v times as slow are %v, not %v", slow, got, want)
		}
	}
}

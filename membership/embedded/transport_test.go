package embedded

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/fenced-project/fenced/membership/membershiptest"
)

var errSilent = errors.New("no answer")

// fakeWire answers or not, as the test says, and counts.
type fakeWire struct {
	wire
	up                       atomic.Bool
	appends, beats, installs atomic.Int64
}

func (f *fakeWire) AppendEntries(_ raft.ServerID, _ raft.ServerAddress, a *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	if heartbeat(a) {
		f.beats.Add(1)
	} else {
		f.appends.Add(1)
	}
	if !f.up.Load() {
		return errSilent
	}
	*resp = *yes(a.Term)
	return nil
}

func (f *fakeWire) InstallSnapshot(_ raft.ServerID, _ raft.ServerAddress, _ *raft.InstallSnapshotRequest, _ *raft.InstallSnapshotResponse, data io.Reader) error {
	f.installs.Add(1)
	_, err := io.ReadAll(data)
	return err
}

// patient is a transport over a fake wire, with a pace that no test waits for unless it wants to.
func patient(t *testing.T, pace time.Duration) (*transport, *fakeWire, *atomic.Bool) {
	f, point := &fakeWire{}, &atomic.Bool{}
	point.Store(true)
	tr := newTransport(t.Context(), f, pace, func(uint64) bool { return true }, func(raft.ServerID, uint64) bool { return point.Load() })
	t.Cleanup(func() { tr.nudges.stop(); tr.nudges.wait() })
	return tr, f, point
}

// beside runs something beside the test; the channel has its error.
func beside(f func() error) <-chan error {
	c := make(chan error, 1)
	go func() { c <- f() }()
	return c
}

func result(t *testing.T, what string, c <-chan error) error {
	t.Helper()
	select {
	case err := <-c:
		return err
	case <-time.After(membershiptest.Slow(10 * time.Second)):
		t.Fatalf("%s does not end", what)
		return nil
	}
}

func awaits(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(membershiptest.Slow(10 * time.Second))
	for !ok() {
		select {
		case <-time.After(time.Millisecond):
		case <-deadline:
			t.Fatalf("no %s", what)
		}
	}
}

// asks sends one entry to a follower.
func (t *transport) asks() error {
	return t.AppendEntries("2/b", "2/b", appended(3, 1, 1, 0), &raft.AppendEntriesResponse{})
}

// Raft is not told that a follower is silent, so it does not wait longer and longer; the ping of a follower that returns ends the wait.
func TestReturnerIsAskedAtOnce(t *testing.T) {
	tr, f, _ := patient(t, time.Hour)
	got := beside(tr.asks)
	awaits(t, "first request", func() bool { return tr.silent("2/b") })
	tr.heard(3) // another node's
	tr.heard(2) // it lives, and does not answer yet
	awaits(t, "second request", func() bool { return f.appends.Load() == 2 })
	f.up.Store(true)
	tr.heard(2)
	if err := result(t, "request", got); err != nil {
		t.Fatal(err)
	}
	if n := f.appends.Load(); n != 3 {
		t.Errorf("%d requests, not one for the start and one for each ping", n)
	}
	if tr.silent("2/b") {
		t.Error("counts as silent after its answer")
	}
	tr.nudges.committed(1) // the answer counted as an acknowledgement
	awaits(t, "nudge", func() bool { return f.appends.Load() == 4 })
}

// It is tried at its pace too: pings are not everything.
func TestSilentFollowerIsTriedAgain(t *testing.T) {
	tr, f, _ := patient(t, time.Millisecond)
	got := beside(tr.asks)
	awaits(t, "fifth request", func() bool { return f.appends.Load() >= 5 })
	f.up.Store(true)
	if err := result(t, "request", got); err != nil {
		t.Fatal(err)
	}
}

// The wait ends with the leadership, with the follower's place in the configuration, and with the provider.
func TestPatienceEnds(t *testing.T) {
	tr, _, point := patient(t, time.Millisecond)
	got := beside(tr.asks)
	awaits(t, "first request", func() bool { return tr.silent("2/b") })
	point.Store(false)
	if err := result(t, "request without a point", got); !errors.Is(err, errSilent) {
		t.Errorf("got %v", err)
	}
	tr, _, _ = patient(t, time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	tr.ctx = ctx
	got = beside(tr.asks)
	awaits(t, "first request", func() bool { return tr.silent("2/b") })
	cancel()
	if err := result(t, "request of a closed provider", got); !errors.Is(err, errSilent) {
		t.Errorf("got %v", err)
	}
}

// Heartbeats are Raft's knowledge of whom it reaches: their failures are told at once, their successes acknowledge no entries; four fit into
// the timeout.
func TestHeartbeatsGoStraightThrough(t *testing.T) {
	const timeout = 80 * time.Millisecond
	tr, f, _ := patient(t, timeout)
	beat := &raft.AppendEntriesRequest{Term: 3}
	if err := tr.AppendEntries("2/b", "2/b", beat, &raft.AppendEntriesResponse{}); !errors.Is(err, errSilent) {
		t.Fatalf("got %v", err)
	}
	f.up.Store(true)
	began := time.Now()
	for range 4 {
		if err := tr.AppendEntries("2/b", "2/b", beat, &raft.AppendEntriesResponse{}); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took < timeout-timeout/8 {
		t.Errorf("four heartbeats in %v, the timeout is %v", took, timeout)
	}
	if tr.silent("2/b") || len(tr.nudges.followers) != 0 {
		t.Error("a heartbeat counts as more than it is")
	}
}

// A snapshot is a stream, which cannot be tried again: it begins once the follower answers.
func TestSnapshotWaitsForAnAnswer(t *testing.T) {
	tr, f, _ := patient(t, time.Hour)
	got := beside(func() error {
		return tr.InstallSnapshot("2/b", "2/b", &raft.InstallSnapshotRequest{Term: 3}, &raft.InstallSnapshotResponse{}, strings.NewReader("state"))
	})
	awaits(t, "knock", func() bool { return tr.silent("2/b") })
	if f.installs.Load() != 0 {
		t.Fatal("sent to nobody")
	}
	f.up.Store(true)
	tr.heard(2)
	if err := result(t, "snapshot", got); err != nil || f.installs.Load() != 1 || f.beats.Load() != 2 {
		t.Errorf("%v, %d snapshots, %d knocks", err, f.installs.Load(), f.beats.Load())
	}
}

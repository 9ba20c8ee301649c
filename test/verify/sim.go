package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// sweep is one call of the simulator.
type sweep struct {
	nodes, minutes int
	from, to       uint64
	corosync       bool // its membership, in place of the embedded one
}

// sameSeeds are simulated every time: a change that breaks one of them broke it itself. Past failures are tests of fence/sim/world.
var sameSeeds = []sweep{
	{5, 10, 0, 499, false},
	{3, 10, 0, 499, false},
	{16, 2, 0, 9, false},
	{64, 1, 0, 1, false},
	{3, 10, 0, 499, true},
	{5, 10, 0, 299, true},
	{16, 2, 0, 4, true},
	{2, 10, 0, 299, true},
}

// newSeeds are seeds that nobody has seen, of the commit's hash: one commit is judged by the same seeds again, another one by others. One that
// fails goes to fence/sim/world/testdata/failed.txt, whatever was to blame.
func newSeeds(hash string) ([]sweep, error) {
	hash = strings.TrimSpace(hash)
	if len(hash) < 12 {
		return nil, fmt.Errorf("%q is no commit's hash", hash)
	}
	n, err := strconv.ParseUint(hash[:12], 16, 64)
	if err != nil {
		return nil, fmt.Errorf("%q is no commit's hash: %w", hash, err)
	}
	return []sweep{{5, 10, n, n + 2999, false}, {3, 10, n, n + 499, false}, {16, 2, n, n + 9, false}, {3, 10, n, n + 999, true}}, nil
}

// sim simulates new seeds, then the same ones as always.
func sim(ctx context.Context, b *Bench) error {
	sweeps, err := b.newSeeds(ctx)
	if err != nil {
		return err
	}
	sweeps = slices.Concat(sweeps, sameSeeds)
	fenced := filepath.Join(b.root, "build", "fenced")
	for _, s := range sweeps {
		membership := "embedded"
		if s.corosync {
			membership = "corosync"
		}
		err := b.sh(ctx, fenced, "sim", "--membership", membership, "--nodes", strconv.Itoa(s.nodes), "--minutes", strconv.Itoa(s.minutes),
			"--seeds", fmt.Sprintf("%d..%d", s.from, s.to), "-o", "json")
		if err != nil {
			return err
		}
	}
	return nil
}

// newSeeds: where there is no git checkout the sources themselves give the hash.
func (b *Bench) newSeeds(ctx context.Context) ([]sweep, error) {
	hash, err := b.output(ctx, "git", "rev-parse", "HEAD")
	if err != nil {
		if hash, err = sourceStamp(b.root, ""); err != nil {
			return nil, err
		}
	}
	return newSeeds(hash)
}

package daemon

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/residual"

	"github.com/fenced-project/fenced/client"
)

// A withdrawn file system under a running member is shown, with why the node goes on; and with on_withdraw: self-fence the node ends its own life,
// by what may end it. Between is nothing but the member's word.
// proves: R24
func TestAWithdrawnFileSystemIsSeen(t *testing.T) {
	root := t.TempDir()
	fs := filepath.Join(root, "sys/fs/gfs2/a:b")
	if err := os.MkdirAll(fs, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(fs, "withdraw"), []byte("0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	l := newLab(t)
	look := Kernel(residual.Options{SystemRoot: root, Probe: testTimeout, Total: testTimeout})
	if in := look(l.ctx()); len(in.Troubles) > 0 {
		t.Fatalf("%+v", in)
	}
	if err := os.WriteFile(filepath.Join(fs, "withdraw"), []byte("1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	d := l.nodes[1].d
	see := func() {
		in := look(l.ctx())
		if !d.post(in) {
			t.Fatal("the daemon has ended")
		}
	}
	see()
	see()
	l.until(1, "what withdrew", func(s client.Status) bool {
		return slices.ContainsFunc(s.Attention, func(a client.Attention) bool {
			return a.Code == client.AttentionWithdrawn && strings.Contains(a.Text, "a:b has withdrawn") && strings.Contains(a.Text, "on_withdraw is attention")
		})
	})
	l.mu.Lock()
	l.withdraw = member.OnWithdrawSelfFence
	l.mu.Unlock()
	l.stop(1)
	l.until(2, "its verdict", func(s client.Status) bool { return l.count(1) == 1 && s.Nodes[0].Last != nil })
	l.start(1, "boot-2")
	l.until(2, "node 1 is back", func(s client.Status) bool { return members(s) == 3 })
	d = l.nodes[1].d
	see()
	see()
	l.until(2, "its confession", func(s client.Status) bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return strings.Contains(l.resets[1], "a:b has withdrawn") && s.Nodes[0].State != client.StateMember
	})
}

// The watch looks at once and again and again, tells the loop what it saw whole, and ends with the daemon also in the middle of a look.
func TestTheKernelIsWatched(t *testing.T) {
	d := life(t.TempDir(), "a")
	d.inputs, d.done = make(chan any, 1), make(chan struct{})
	var looks atomic.Int32
	d.cfg.Kernel = func(ctx context.Context) member.KernelSeen {
		if looks.Add(1) > 2 {
			<-ctx.Done()
		}
		return troubles([]residual.Finding{
			{Probe: residual.TroubleGFS2, Path: "/x", What: residual.WhatWithdrawn, Why: "w"},
			{Probe: residual.TroubleDM, Path: "/y", What: residual.WhatSuspended, Why: "s"},
			{Probe: residual.TroubleDRBD, Path: "/z", What: "a word of later", Why: "u"},
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { d.watchKernel(ctx, time.Millisecond); close(ended) }()
	for range 2 {
		in, ok := (<-d.inputs).(member.KernelSeen)
		if !ok || len(in.Troubles) != 3 || in.Troubles[0].Kind != member.TroubleWithdrawn || in.Troubles[1].Kind != member.TroubleSuspended || in.Troubles[2].Kind != member.TroubleUnknown {
			t.Fatalf("%+v", in)
		}
	}
	cancel()
	<-ended
	if len(d.inputs) > 0 {
		t.Error("a look that was called off was told")
	}
}

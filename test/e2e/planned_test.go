package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
	"github.com/fenced-project/fenced/residual/looker"
)

// mounted is a cluster at peace whose third node holds a lockspace.
func mounted(t *testing.T) (*peace, *playground.Node) {
	t.Helper()
	p := atPeace(t, func(o *playground.Options) { o.FailureTimeout = 10 * time.Second }) // a lease that a busy machine restarts within
	n := p.c.Node(3)
	must(t, os.Mkdir(filepath.Join(p.c.Dir(), n.Name, "root/sys/kernel/dlm/gfs"), 0o755))
	return p, n
}

func instanceOf(t *testing.T, n *playground.Node) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), answerTime)
	defer cancel()
	s, err := n.Client().Status(ctx)
	must(t, err)
	for _, o := range s.Nodes {
		if o.Name == n.Name {
			return o.Instance
		}
	}
	return ""
}

// childrenOf counts the zombies of a node's daemon, and the processes that wait for its next scan.
func childrenOf(t *testing.T, n *playground.Node) (zombies, waiting int) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*")
	must(t, err)
	for _, p := range all {
		stat, _ := os.ReadFile(p + "/stat")
		_, rest, _ := strings.Cut(string(stat), ") ")
		f := strings.Fields(rest)
		if len(f) < 2 || f[1] != strconv.Itoa(n.PID()) {
			continue
		}
		if f[0] == "Z" {
			zombies++
		}
		if args, _ := os.ReadFile(p + "/cmdline"); strings.HasSuffix(string(args), "\x00"+looker.Word+"\x00") {
			waiting++
		}
	}
	return zombies, waiting
}

// A daemon restarts with a lockspace in the kernel: another instance of the same life goes on, nobody is fenced, released or rebooted, and the next one within
// the hour is refused.
// proves: R26
func TestPlannedRestartUnderState(t *testing.T) {
	p, n := mounted(t)
	was := instanceOf(t, n)
	if out, code, err := n.Run(p.ctx, "restart", "--reason", "test"); err != nil || code != 0 {
		t.Fatalf("%d %v: %s", code, err, out)
	}
	if now := instanceOf(t, n); now == was || now == "" {
		t.Errorf("instance %q after %q", now, was)
	}
	must(t, p.c.Await(p.ctx, "one process that waits to look, and none that ended with the daemon before", func() bool {
		left, waits := childrenOf(t, n)
		return left == 0 && waits == 1
	}))
	p.kept()
	if out, code, err := n.Run(p.ctx, "restart"); err != nil || code != int(client.CodeTryAgain) {
		t.Errorf("the second ended with %d, %v: %s", code, err, out)
	}
	p.kept()
}

// The same, and the record says that something else was in use: the node ends its own life, or is fenced, and comes back by another boot.
// proves: R26
func TestPlannedRestartOverChangedState(t *testing.T) {
	p, n := mounted(t)
	other := filepath.Join(p.c.Dir(), n.Name, "root/sys/kernel/dlm/other")
	done := make(chan struct{})
	go func() { // as soon as the word is on the disk, another lockspace appears
		defer close(done)
		record := filepath.Join(p.c.Dir(), n.Name, "state/session", p.lives[n.Name]+".json")
		for p.ctx.Err() == nil {
			b, _ := os.ReadFile(record)
			if strings.Contains(string(b), "nonce") {
				_ = os.Mkdir(other, 0o755)
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	_, code, err := n.Run(p.ctx, "restart")
	<-done
	if err == nil && code == 0 && n.BootID() == p.lives[n.Name] {
		t.Fatal("it goes on over state that was not there")
	}
	must(t, p.c.Await(p.ctx, "another boot of node-3", func() bool { return n.BootID() != p.lives[n.Name] && n.BootID() != "" }))
	must(t, p.c.AwaitClean(p.ctx))
	for _, by := range p.c.Nodes()[:2] {
		if p.saw(by, client.EventVictim) != 1 || p.saw(by, client.EventVerdict) != 1 || by.BootID() != p.lives[by.Name] {
			t.Errorf("%s saw %d victims and %d verdicts, its life is %s", by.Name, p.saw(by, client.EventVictim), p.saw(by, client.EventVerdict), by.BootID())
		}
	}
}

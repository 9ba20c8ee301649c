package playground

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fenced-project/fenced/client"
)

// startDeadline bounds the way from nothing to an armed cluster.
const startDeadline = 40 * time.Second

// stayUp is the playground: it stays until ctx ends or `fenced dev stop` comes.
func stayUp(ctx context.Context, opt Options, tl *timeline) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	opt.Log = noteWriter{tl}
	var running atomic.Pointer[Cluster]
	ctl, err := listenControl(func(ctx context.Context, verb, node string) answer {
		if verb == "stop" {
			cancel()
			return answer{Text: "stopping"}
		}
		if c := running.Load(); c != nil {
			return c.do(ctx, verb, node)
		}
		return answer{Error: "the cluster is still starting", Code: int(client.CodeTryAgain)}
	})
	if err != nil {
		return err
	}
	defer ctl.close()
	startCtx, ready := context.WithTimeout(ctx, startDeadline)
	defer ready()
	c, err := Start(startCtx, opt)
	if err != nil {
		return err
	}
	running.Store(c)
	seen := newEcho()
	c.record.onEvent(func(e Event) {
		if tl.json || seen.first(e) {
			tl.event(e)
		}
	})
	if !tl.json {
		c.banner(tl.out)
	}
	<-ctx.Done()
	tl.note(c.Since(), "stop", "", "ending everything")
	return c.Stop()
}

// banner says what is simulated and what to try.
func (c *Cluster) banner(out io.Writer) {
	network := "all on the loopback; cutting networks needs root"
	if c.net.spaces != nil {
		network = "a network namespace each; networks can be cut"
	}
	first := c.nodes[0]
	fmt.Fprintf(out, `
  fenced playground: %d real daemons, each with a test BMC that speaks real IPMI   (%s)
  Simulated: the machines, their boot ids, watchdogs and resets. Nothing of this machine can be switched off.

  In another terminal:
    fenced dev kill node-%d                              # a crash; then watch it being fenced and coming back
    fenced watch --socket %s
    fenced history --socket %s

  also: fenced dev freeze|thaw|cut|heal NODE, fenced dev status, fenced dev stop (or Ctrl-C here)
  files: %s

`, len(c.nodes), network, len(c.nodes), first.Socket(), first.Socket(), c.dir)
}

// noteWriter makes lines of the timeline from the lines that Start writes.
type noteWriter struct{ tl *timeline }

func (w noteWriter) Write(b []byte) (int, error) {
	for line := range strings.Lines(string(b)) {
		w.tl.say(strings.TrimSpace(line))
	}
	return len(b), nil
}

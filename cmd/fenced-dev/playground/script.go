package playground

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/fenced-project/fenced/client"
)

// scriptTime bounds a script from its first process to its last: INTERFACES.md allows `make demo` 60 s.
const scriptTime = 55 * time.Second

// Results of a script.
const (
	resultPassed = "passed"
	resultFailed = "failed"
)

// outcome is what is known at the end of fail-one.
type outcome struct {
	victim    *Node
	oldLife   string
	newLife   string
	killed    time.Duration
	streams   map[int][]Event // of the survivors
	gaps      []string
	counts    map[string]Counts
	power     map[string]bool
	rejoined  []string // nodes whose status shows the victim as a member with its new life
	survivors []string
}

// failOne is the demo: one node dies, and the others must prove it, release it, power it on and take it back. It returns nil only if all
// of that was seen.
func failOne(ctx context.Context, opt Options, tl *timeline) (client.DevSummary, error) {
	ctx, cancel := context.WithTimeout(ctx, scriptTime)
	defer cancel()
	opt.Log = noteWriter{tl}
	c, err := Start(ctx, opt)
	if err != nil {
		return client.DevSummary{}, err
	}
	defer func() { _ = c.Stop() }()
	victim := c.Node(len(c.nodes))
	o := outcome{victim: victim, oldLife: victim.BootID()}
	before := newEcho()
	c.record.onEvent(func(e Event) {
		if e.From != victim.Index && (tl.json || before.first(e)) {
			tl.event(e)
		}
	})
	o.killed = c.Since()
	tl.startAt(o.killed)
	tl.note(o.killed, "kill", victim.Name, "SIGKILL of everything that runs on it; its power stays on")
	if err := victim.Kill(); err != nil {
		return client.DevSummary{}, err
	}
	waitErr := c.Await(ctx, "the fence and the clean rejoin of "+victim.Name, func() bool { return o.complete(ctx, c) })
	o.collect(c)
	sum := o.judge()
	if waitErr != nil {
		sum.Violations = append(sum.Violations, waitErr.Error())
		sum.Result = resultFailed
	}
	if sum.Result != resultPassed {
		return sum, fmt.Errorf("not everything was seen:\n  %s\n%s", strings.Join(sum.Violations, "\n  "), c.LogTails(20))
	}
	return sum, nil
}

// complete reports whether every survivor has seen all of it and every node shows the victim as a clean member again.
func (o *outcome) complete(ctx context.Context, c *Cluster) bool {
	for _, n := range c.nodes {
		if n != o.victim && len(Sight(c.Events(n.Index), o.victim.Name, o.oldLife).need()) > 0 {
			return false
		}
	}
	o.rejoined = nil
	for _, n := range c.nodes {
		if n.notYet(ctx, o.victim.Name, client.StateMember, o.victim.BootID()) == "" {
			o.rejoined = append(o.rejoined, n.Name)
		}
	}
	return len(o.rejoined) == len(c.nodes)
}

// need lists what one survivor must have seen and has not. Attempts and the evidence that they gave are the actor's own.
func (s Sightings) need() []Milestone {
	return slices.DeleteFunc(s.Missing(), func(m Milestone) bool { return m == PowerOff || m == ReadBack })
}

func (o *outcome) collect(c *Cluster) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	o.newLife = o.victim.BootID()
	o.streams, o.counts, o.power = map[int][]Event{}, map[string]Counts{}, map[string]bool{}
	for _, n := range c.nodes {
		if n != o.victim {
			o.streams[n.Index] = c.Events(n.Index)
			o.survivors = append(o.survivors, n.Name)
			o.gaps = append(o.gaps, c.Gaps(n.Index)...)
		}
		o.power[n.Name] = n.PowerOn()
	}
	for _, b := range c.bmcs {
		if k, err := b.Counts(ctx); err == nil {
			o.counts[b.Name] = k
		}
	}
}

// printSummary is the last thing that a script says.
func printSummary(out io.Writer, sum client.DevSummary, asJSON bool) {
	if asJSON {
		_ = json.NewEncoder(out).Encode(sum)
		return
	}
	fmt.Fprintf(out, "\n%s  (simulated: nothing of this machine was touched)\n", sum.Result)
	fmt.Fprintf(out, "  detected after %6d ms\n  fenced after   %6d ms   proof: %s\n  released after %6d ms   by the last survivor\n  clean again    %6d ms   with a new boot id\n",
		sum.DetectionMS, sum.FenceMS, sum.Evidence, sum.ReleaseMS, sum.RejoinMS)
	for _, v := range sum.Violations {
		fmt.Fprintf(out, "  violation: %s\n", v)
	}
}

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/fenced-project/fenced/client"
)

// perOperation bounds one operation; all of it but what is measured takes milliseconds.
const perOperation = 20 * time.Second

// phases are where the time of one operation goes, in milliseconds, each from the one before.
type phases struct{ request, claim, device, verdict, whole []float64 }

// leaderActs measures operations whose actor leads Raft: every commit is known to it as soon as it is one.
func leaderActs(ctx context.Context, r *run) error {
	spares := []spare{{"spare", []string{goodDevice}}, {"fallback", []string{deadDevice, goodDevice}}}
	for i := range r.n() + 2 { // fence_node needs a fresh one each time: a verdict satisfies the next wish to see it rebooted
		spares = append(spares, spare{fmt.Sprintf("once-%d", i+1), []string{goodDevice}})
	}
	c, err := r.start(ctx, layout{spares: spares, leader: 1})
	if err != nil {
		return err
	}
	err = r.operations(ctx, c, nameLeaderActs)
	if err == nil {
		err = r.fenceNode(ctx, c)
	}
	if err == nil {
		err = r.nextLevel(ctx, c)
	}
	return ended(c, err)
}

// followerActs measures the same where another node leads: two of three clusters are like that at any time.
func followerActs(ctx context.Context, r *run) error {
	c, err := r.start(ctx, layout{spares: []spare{{"spare", []string{goodDevice}}}, leader: size})
	if err != nil {
		return err
	}
	return ended(c, r.operations(ctx, c, nameFollowerActs))
}

// ended stops a cluster and says what went wrong with it.
func ended(c *cluster, err error) error {
	if err != nil {
		err = fmt.Errorf("%w%s", err, c.tails())
	}
	if serr := c.stop(); err == nil {
		err = serr
	}
	return err
}

// operations switches a spare off and on again, at the socket of the node whose turn it is to act, and takes the time of off.
func (r *run) operations(ctx context.Context, c *cluster, name string) error {
	if !r.wants(name) {
		return nil
	}
	var p phases
	for i := range r.n() + 2 {
		spread(ctx)
		one, err := c.off(ctx, "spare")
		if err == nil {
			err = c.on(ctx, "spare")
		}
		if err != nil {
			return err
		}
		if i >= 2 { // the first two start the plugin and fill caches
			p.add(one)
		}
	}
	lead, act := c.leads(ctx), c.nodes[0].name
	if (lead == act) != (name == nameLeaderActs) {
		return fmt.Errorf("%s leads and %s acts: leadership moved while %s was measured", lead, act, name)
	}
	r.add(line(name, "ms", "request to verdict at the socket, less 10 ms of settling; the device's four calls are in it", p.whole))
	r.add(line(name+":request", "ms", "request to its commit", p.request))
	r.add(line(name+":claim", "ms", "to the claim's commit", p.claim))
	r.add(line(name+":device", "ms", "to the end of the last read, less settling", p.device))
	r.add(line(name+":verdict", "ms", "to the verdict's commit", p.verdict))
	return nil
}

func (p *phases) add(one [5]float64) {
	for i, to := range []*[]float64{&p.request, &p.claim, &p.device, &p.verdict, &p.whole} {
		*to = append(*to, one[i])
	}
}

// off switches a spare off and returns the times: request, claim, device, verdict, whole.
func (c *cluster) off(ctx context.Context, name string) ([5]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, perOperation)
	defer cancel()
	n := c.nodes[0]
	mark := n.mark()
	began := time.Now()
	acc, err := n.client.Request(ctx, client.Request{Node: name, Action: client.ActionOff, Reason: "bench"})
	if err != nil {
		return [5]float64{}, fmt.Errorf("cannot switch %s off: %w", name, err)
	}
	if acc.Done {
		return [5]float64{}, fmt.Errorf("%s was off already: nothing was measured", name)
	}
	var at [4]time.Time
	for i, word := range []string{client.EventRequest, client.EventClaim, client.EventAttempt, client.EventVerdict} {
		e, err := n.await(ctx, mark, word+" of "+name, of(word, acc.Operation))
		if err != nil {
			return [5]float64{}, err
		}
		at[i] = e.at
	}
	rest := settle.Seconds() * 1000
	return [5]float64{
		ms(at[0].Sub(began)), ms(at[1].Sub(at[0])), ms(at[2].Sub(at[1])) - rest, ms(at[3].Sub(at[2])), ms(at[3].Sub(began)) - rest,
	}, nil
}

// on takes back what off did.
func (c *cluster) on(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, perOperation)
	defer cancel()
	n := c.nodes[0]
	mark := n.mark()
	acc, err := n.client.Request(ctx, client.Request{Node: name, Action: client.ActionOn, Reason: "bench"})
	if err != nil {
		return fmt.Errorf("cannot switch %s on: %w", name, err)
	}
	_, err = n.await(ctx, mark, "power-on of "+name, of(client.EventPowerOn, acc.Operation))
	return err
}

// fenceNode takes the time of the command, from its start to its end.
func (r *run) fenceNode(ctx context.Context, c *cluster) error {
	if !r.wants(nameNode) {
		return nil
	}
	bin := filepath.Join(c.dir, "fence_node")
	if err := os.Symlink(filepath.Join(r.build, "fenced"), bin); err != nil {
		return err
	}
	var whole, start []float64
	for i := range r.n() + 2 {
		spread(ctx)
		began := time.Now()
		if err := c.command(ctx, bin, "-V"); err != nil {
			return err
		}
		alone := msSince(began)
		began = time.Now()
		if err := c.command(ctx, bin, fmt.Sprintf("once-%d", i+1)); err != nil {
			return err
		}
		if i >= 2 {
			whole, start = append(whole, msSince(began)-settle.Seconds()*1000), append(start, alone)
		}
	}
	r.add(line(nameNode, "ms", "the command from start to end, less 10 ms of settling", whole))
	r.add(line(nameNodeStart, "ms", "fence_node -V: its own start", start))
	return nil
}

func (c *cluster) command(ctx context.Context, bin string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, perOperation)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, args...)
	cmd.Env = []string{"FENCED_SOCKET=" + c.nodes[0].socket(), tagEnv + "=" + c.tag, "PATH=" + os.Getenv("PATH")}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("fence_node %v: %w: %s", args, err, out)
	}
	return nil
}

// nextLevel takes the time from the failure of a first level to the second level's first request, from event lines: an attempt's line comes
// at its end and says how long it was.
func (r *run) nextLevel(ctx context.Context, c *cluster) error {
	if !r.wants(nameLevel) {
		return nil
	}
	var samples []float64
	for i := range r.n() + 1 {
		spread(ctx)
		n := c.nodes[0]
		mark := n.mark()
		if _, err := c.off(ctx, "fallback"); err != nil {
			return err
		}
		level := func(l int) (heard, error) {
			return n.await(ctx, mark, fmt.Sprintf("level %d", l), func(e client.Event) bool { return e.Event == client.EventAttempt && e.Level == l })
		}
		first, err := level(1)
		if err != nil {
			return err
		}
		second, err := level(2)
		if err != nil {
			return err
		}
		if first.Class == client.ClassOK || second.Class != client.ClassOK {
			return fmt.Errorf("level 1 ended %s, level 2 %s: not what was to be measured", first.Class, second.Class)
		}
		if err := c.on(ctx, "fallback"); err != nil {
			return err
		}
		if i >= 1 {
			samples = append(samples, float64(second.At.Sub(first.At.Time).Milliseconds()-second.MS))
		}
	}
	r.add(line(nameLevel, "ms", "failed level 1 to the first request of level 2, from event lines (whole milliseconds)", samples))
	return nil
}

// spread waits for a random part of the daemon's tick and more, so that samples do not keep step with its timers.
func spread(ctx context.Context) {
	select {
	case <-time.After(time.Duration(rand.Int64N(int64(120 * time.Millisecond)))):
	case <-ctx.Done():
	}
}

func ms(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

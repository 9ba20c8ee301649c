package memory

import (
	"fmt"
	"time"

	"github.com/fenced-project/fenced/fence/sim"
	"github.com/fenced-project/fenced/fence/sim/embedded"
	"github.com/fenced-project/fenced/membership"
)

// clock is CLOCK_BOOTTIME in microseconds, by the millisecond.
func clock() int64 { return membership.BootMS() * sim.MS }

// run lets happen what is due, and sleeps until the next of it.
func (c *Cluster) run() {
	defer close(c.done)
	wait := time.NewTimer(0)
	defer wait.Stop()
	for {
		select {
		case <-wait.C:
		case <-c.kick:
		case <-c.stop:
			return
		}
		c.mu.Lock()
		c.advance()
		next := sim.Second
		if c.events.Len() > 0 {
			next = c.events.Next() - c.now
		}
		c.mu.Unlock()
		wait.Reset(time.Duration(max(next, sim.MS)) * time.Microsecond)
	}
}

// advance brings the model to now: in the order of its own instants, so that a machine that is late makes nobody miss anybody. The caller holds
// the lock.
func (c *Cluster) advance() {
	until := clock()
	for c.events.Len() > 0 && c.events.Next() <= until {
		e := c.events.Take()
		c.now = max(c.now, e.At)
		if e.Of == nil || !e.Of.dead {
			e.Do()
		}
	}
	c.now = max(c.now, until)
}

// outside lets somebody else than the model do something now.
func (c *Cluster) outside(f func()) {
	c.mu.Lock()
	c.advance()
	f()
	c.mu.Unlock()
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// world is the cluster as the model sees it: nothing fails.
type world Cluster

var _ embedded.World = (*world)(nil)

func (w *world) Now() int64                   { return w.now }
func (w *world) After(d int64, f func())      { w.events.Put(w.now+d, nil, f) }
func (*world) Say(string, ...any)             {}
func (*world) Happened(embedded.Happening)    {}
func (*world) Committed(int, *embedded.Entry) {}
func (*world) Fail(rule, text string, s ...any) {
	panic("memory: " + rule + ": " + fmt.Sprintf(text, s...))
}

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/fenced-project/fenced/client"
)

// kill takes the time from kill -9 of a daemon to the committed verdict on its life, as a survivor says it, less failure_timeout and the
// settling time. Each of the three has its turn; whoever died comes back with a new boot id, as a machine does that was reset.
func kill(ctx context.Context, r *run) error {
	c, err := r.start(ctx, layout{leader: 1})
	if err != nil {
		return err
	}
	return ended(c, r.kills(ctx, c))
}

func (r *run) kills(ctx context.Context, c *cluster) error {
	var all, whole, follower, leader, detect, after []float64
	for i := range r.n() + 1 {
		victim := c.nodes[(i+1)%size]
		led := c.leads(ctx) == victim.name
		spread(ctx) // the time since its last ping is chance
		view, verdict, err := c.die(ctx, victim)
		if err != nil {
			return err
		}
		if i == 0 {
			continue // it starts the plugin
		}
		over := verdict - ms(failureTimeout) - ms(settle)
		all, whole = append(all, over), append(whole, verdict)
		detect, after = append(detect, view-ms(failureTimeout)), append(after, verdict-view-ms(settle))
		if led {
			leader = append(leader, over)
		} else {
			follower = append(follower, over)
		}
	}
	r.add(line(nameKill, "ms", "kill -9 to verdict, less failure_timeout (2 s) and 10 ms of settling; less than 0 because silence counts from the last ping", all))
	r.add(line(nameKillFollower, "ms", "where the victim did not lead", follower))
	r.add(line(nameKillLeader, "ms", "where the victim led", leader))
	r.add(line(nameKill+":detect", "ms", "kill -9 to the committed view without it, less failure_timeout", detect))
	r.add(line(nameKill+":fence", "ms", "that view to the verdict, less settling", after))
	r.add(line(nameKill+":whole", "ms", "kill -9 to verdict with everything", whole))
	return nil
}

// perKill bounds one death with its return.
const perKill = 40 * time.Second

// die kills a node, waits for the verdict and lets the machine come back. It returns the milliseconds from the kill to the view without it and
// to the verdict, as a survivor told them first.
func (c *cluster) die(ctx context.Context, victim *node) (view, verdict float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, perKill)
	defer cancel()
	survivor := c.nodes[victim.id%size]
	mark, life := survivor.mark(), victim.boot
	began := time.Now()
	if err := victim.kill(); err != nil {
		return 0, 0, err
	}
	named, err := survivor.await(ctx, mark, victim.name+" to be a victim", func(e client.Event) bool {
		return e.Event == client.EventVictim && e.Incarnation == life
	})
	if err != nil {
		return 0, 0, err
	}
	over, err := survivor.await(ctx, mark, "the verdict on "+victim.name, func(e client.Event) bool {
		return e.Event == client.EventVerdict && e.Incarnation == life
	})
	if err != nil {
		return 0, 0, err
	}
	if over.Evidence == nil || over.Evidence.Kind != client.EvidencePowerOff {
		return 0, 0, fmt.Errorf("the verdict on %s rests on something else than a read", victim.name)
	}
	<-victim.ended
	if err := victim.start(); err != nil {
		return 0, 0, err
	}
	if err := c.members(ctx); err != nil {
		return 0, 0, err
	}
	return ms(named.at.Sub(began)), ms(over.at.Sub(began)), nil
}

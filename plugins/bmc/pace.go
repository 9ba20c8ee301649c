package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/fenced-project/fenced/plugins/sdk"
)

// pace bounds how many sessions one BMC is asked for, and how many it has at once, whoever asks: BMCs are small computers, some die of a flood of
// logins, and all have few sessions. A fence needs about ten in a second (one look every 100 ms); twice the rate may come at once.
type pace struct {
	mu    sync.Mutex
	due   time.Time     // when the BMC would have had its rest of all sessions so far
	open  int           // sessions that it has of us
	freed chan struct{} // closed when one of them ends; nil while nobody waits
}

// enter returns when there may be another session, of `most` at once (0 is any number), and what ends it.
func (p *pace) enter(ctx context.Context, most int) (leave func(), err error) {
	for {
		p.mu.Lock()
		if most <= 0 || p.open < most {
			p.open++
			p.mu.Unlock()
			return p.leave, nil
		}
		if p.freed == nil {
			p.freed = make(chan struct{})
		}
		freed := p.freed
		p.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
			return nil, sdk.Timeout(fmt.Errorf("this BMC has %d sessions at once at most, and none of them ended in time", most))
		}
	}
}

func (p *pace) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open--
	if p.freed != nil {
		close(p.freed)
		p.freed = nil
	}
}

// wait returns when the next session may be asked for. Where that is not before ctx's end it fails at once, and asks for nothing.
func (p *pace) wait(ctx context.Context, perSecond int) error {
	if perSecond <= 0 {
		return nil
	}
	each := time.Second / time.Duration(perSecond)
	p.mu.Lock()
	now := time.Now()
	due := p.due
	if due.Before(now) {
		due = now
	}
	rest := due.Sub(now) - 2*time.Duration(perSecond)*each + each
	if end, ok := ctx.Deadline(); ok && rest > end.Sub(now) {
		p.mu.Unlock()
		return sdk.Timeout(fmt.Errorf("this BMC is asked for %d sessions a second at most, and more are wanted", perSecond))
	}
	p.due = due.Add(each)
	p.mu.Unlock()
	if rest <= 0 {
		return nil
	}
	t := time.NewTimer(rest)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return sdk.Timeout(ctx.Err())
	}
}

// paces has one pace for each BMC, by address and port, that this process was configured with: two devices may be two systems of one BMC (0091). It
// only grows, by some bytes for each address that a reload brings.
var paces = struct {
	sync.Mutex
	of map[string]*pace
}{of: map[string]*pace{}}

func paceOf(address string) *pace {
	paces.Lock()
	defer paces.Unlock()
	p := paces.of[address]
	if p == nil {
		p = &pace{}
		paces.of[address] = p
	}
	return p
}

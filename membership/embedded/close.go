package embedded

import (
	"errors"
	"time"

	"github.com/fenced-project/fenced/fence"
)

// closeDeadline bounds Close: a disk that hangs leaves its goroutine behind, nothing else.
const closeDeadline = 10 * time.Second

// Close ends the membership. The others see silence; its goodbye only lets the store's next run in at once. It may be called twice. The error
// says what did not end in time.
func (p *Provider) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	r, trans := p.raft, p.trans
	p.mu.Unlock()
	p.cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		var stopped interface{ Error() error }
		if r != nil {
			stopped = r.Shutdown()
		}
		if p.mux != nil && p.mux.cancel != nil {
			_ = p.mux.Close()
		}
		p.sayGoodbye(r != nil)
		if p.mesh != nil {
			p.mesh.close()
		}
		if trans != nil {
			trans.CloseStreams()
			_ = trans.Close()
			trans.nudges.stop()
			trans.nudges.wait()
		}
		if p.store != nil {
			p.store.letGo()
		}
		if stopped != nil {
			_ = stopped.Error()
		}
		if p.mux != nil {
			p.mux.wg.Wait()
		}
		p.wg.Wait()
	}()
	var err error
	select {
	case <-done:
	case <-time.After(closeDeadline):
		err = errors.New("membership did not end in 10 s")
	}
	if p.store != nil {
		p.store.close()
	}
	p.queue.Close()
	return err
}

// sayGoodbye tells everybody that nothing more of this run reaches them: its port and its connections are closed.
func (p *Provider) sayGoodbye(inDomain bool) {
	if p.mesh == nil || p.mux == nil || !inDomain || p.cfg.Faults.killed() {
		return
	}
	pos := p.position()
	p.mu.Lock()
	m := p.newPing(known{}, pos, 0)
	p.mu.Unlock()
	m.Seq, m.Healthy, m.DurableMS, m.Acks, m.Rows = 1, false, neverAgain, nil, nil
	if frame, err := encodePing(m, p.keys.ping); err == nil {
		p.mesh.last(frame, func(to fence.NodeID) bool { return p.cfg.Faults.dropped(p.cfg.Self.Node, to) })
	}
}

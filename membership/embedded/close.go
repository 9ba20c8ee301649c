package embedded

import (
	"errors"
	"time"
)

// closeDeadline bounds Close: a disk that hangs leaves its goroutine behind, nothing else.
const closeDeadline = 10 * time.Second

// Close ends the membership without a word to the others, who see silence. It may be called twice. The error says what did not end in time.
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

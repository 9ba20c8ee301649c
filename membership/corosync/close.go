package corosync

import (
	"errors"
	"time"
)

// closeDeadline bounds Close: a corosync that is stopped, or a disk that hangs, leaves its goroutine behind, nothing else.
const closeDeadline = 10 * time.Second

// Close ends the membership without a word to the others, who see this process go. It may be called twice. The error says what did not end.
func (p *Provider) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	p.mu.Unlock()
	p.cancel()
	var errs []error
	if p.link != nil {
		p.link.wake()
	}
	select {
	case <-p.linked:
		if p.link != nil {
			p.link.close()
		}
	case <-time.After(closeDeadline):
		errs = append(errs, errors.New("corosync did not answer"))
	}
	p.queue.Close()
	p.wg.Wait()
	if p.store != nil {
		errs = append(errs, p.store.close(closeDeadline))
	}
	return errors.Join(errs...)
}

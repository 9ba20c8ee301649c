package embedded

import (
	"sync"
	"time"
)

// lineEvery is how long the same refusal of the same peer stays silent.
const lineEvery = 10 * time.Second

// limiter lets one line in ten seconds through for each peer and reason. It remembers a bounded number of pairs; beyond it everything waits for
// the oldest to be forgotten, so that nobody can fill the log by inventing names.
type limiter struct {
	tell func(peer, reason string)

	mu   sync.Mutex
	last map[[2]string]time.Time
}

const maxLines = 512

func newLimiter(tell func(peer, reason string)) *limiter {
	return &limiter{tell: tell, last: make(map[[2]string]time.Time)}
}

func (l *limiter) say(peer, reason string) {
	now := time.Now()
	l.mu.Lock()
	if len(l.last) >= maxLines {
		for k, at := range l.last {
			if now.Sub(at) > lineEvery {
				delete(l.last, k)
			}
		}
	}
	k := [2]string{peer, reason}
	at, told := l.last[k]
	quiet := told && now.Sub(at) <= lineEvery || !told && len(l.last) >= maxLines
	if !quiet {
		l.last[k] = now
	}
	l.mu.Unlock()
	if !quiet {
		l.tell(peer, reason)
	}
}

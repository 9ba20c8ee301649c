package bmc

import (
	"sync"

	"github.com/bougou/go-ipmi/pkg/bmc"
	"github.com/bougou/go-ipmi/pkg/types"
)

// sessions is how many sessions are remembered, more than a BMC has at once; who repeats in an older one is executed again.
const sessions = 64

// once answers a repeated command as it was answered before, and does not do it again. A console sends the same bytes again, with the same
// sequence number, when the answer is late (IPMI 2.0, 6.12.8 and 6.12.13): a BMC executes such a command once, and go-ipmi's server, which takes every number
// in its window of 32, would execute it as often as it came.
type once struct {
	mu    sync.Mutex
	last  map[*bmc.Session]executed
	order []*bmc.Session
}

type executed struct {
	sequence uint32
	code     types.CompletionCode
}

// do runs the command unless it is the newest of this session once more. The caller holds the session, as the server's handlers do, so one command of a
// session is never done beside another.
func (o *once) do(s *bmc.Session, run func() types.CompletionCode) types.CompletionCode {
	if s == nil {
		return run() // without a session there is no number to know it by
	}
	o.mu.Lock()
	before, known := o.last[s]
	o.mu.Unlock()
	if known && before.sequence == s.InboundSeq {
		return before.code
	}
	c := run()
	o.mu.Lock()
	defer o.mu.Unlock()
	if !known {
		if o.last == nil {
			o.last = map[*bmc.Session]executed{}
		}
		if o.order = append(o.order, s); len(o.order) > sessions {
			delete(o.last, o.order[0])
			o.order = o.order[1:]
		}
	}
	o.last[s] = executed{s.InboundSeq, c}
	return c
}

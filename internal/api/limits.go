package api

import (
	"time"

	"github.com/fenced-project/fenced/fence/member"
)

// What a server holds at most. Whatever is beyond is refused with CodeTryAgain (connections, streams) or CodeUsage (sizes); a deadline
// that passes closes the connection, or ends the call with CodeTimeout.
const (
	maxConns      = 128     // connections
	maxOtherConns = 64      // of them, those of callers who may only read: they cannot lock out whoever may act
	maxUserConns  = 16      // of them, those of one such user
	maxHeader     = 8 << 10 // bytes of a request's head
	maxBody       = 64 << 10
	maxStreams    = 32                // event streams
	maxClients    = member.MaxClients // registered clients, with connections of their own
	clientBuffer  = 4 << 10           // bytes that the kernel may hold for one of them; it doubles that
	maxBatch      = 64                // events or notices in one write
	maxEventText  = 4 << 10           // bytes of an event's text; the rest is cut

	// MaxHistory bounds HistoryQuery.Limit, and is its value where the caller gives none.
	MaxHistory = 1000

	// MaxLeave bounds LeaveArgs.Timeout; it leaves room for the answer within the time of a call.
	MaxLeave = 25 * time.Second
)

// times are the server's deadlines.
type times struct {
	head   time.Duration // to receive a head
	body   time.Duration // to receive head and body
	idle   time.Duration // between two requests on a connection
	write  time.Duration // to hand an answer, or a batch of events, to the kernel
	read   time.Duration // for Reader and Historian
	act    time.Duration // for Operator and Steward
	device time.Duration // for a plan that reads devices
	alive  time.Duration // between two empty lines on an idle event stream
	close  time.Duration // for calls in flight when the server ends
}

func defaultTimes() times {
	return times{
		head: 5 * time.Second, body: 10 * time.Second, idle: 60 * time.Second, write: 5 * time.Second, read: 5 * time.Second,
		act: 30 * time.Second, device: 60 * time.Second, alive: 5 * time.Second, close: 2 * time.Second,
	}
}

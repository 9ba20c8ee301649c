package corosync

import (
	"time"

	"github.com/fenced-project/fenced/fence"
)

const (
	// maxExpels is how many nodes' corosyncs wait to be ended; what is more is not ended.
	maxExpels = 16
	// expelWithin is how old the word that ends a corosync may be when it is sent. A node needs longer to boot: who waited longer, because this node's own
	// corosync was stopped or began anew, could end that of the victim's next life, which is nobody's victim (S1.3).
	expelWithin = time.Second
)

// expels are the nodes whose corosync is to end, and when that was decided, in milliseconds of CLOCK_BOOTTIME.
type expels chan expulsion

type expulsion struct {
	node fence.NodeID
	at   int64
}

// add does not wait, and reports whether there was room.
func (e expels) add(node fence.NodeID, now int64) bool {
	select {
	case e <- expulsion{node, now}:
		return true
	default:
		return false
	}
}

// due takes all of them, and gives those that may still be told. The others are fenced without that.
func (e expels) due(now int64) (nodes []fence.NodeID) {
	for {
		select {
		case x := <-e:
			if now-x.at < expelWithin.Milliseconds() {
				nodes = append(nodes, x.node)
			}
		default:
			return nodes
		}
	}
}

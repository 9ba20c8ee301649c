//go:build !linux || (!amd64 && !arm64)

package corosync

import (
	"context"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership/corosync/agreement"
	"github.com/fenced-project/fenced/membership/corosync/libcorosync"
)

func supported() error { return libcorosync.Load() }

type receiver interface {
	connected(process agreement.Process)
	disconnected(why error)
	group(members []agreement.Process, left []agreement.Left)
	ring(r agreement.Ring, nodes []fence.NodeID)
	quorum(r agreement.Ring, quorate bool)
	votes(v counts)
	counted(total int)
	deliver(from agreement.Process, data []byte)
	settled()
	expelled(node fence.NodeID, err error)
}

type link struct{}

func newLink(*Config, *frames, receiver) (*link, error) { return nil, supported() }
func (*link) run(context.Context)                       {}
func (*link) expel(fence.NodeID)                        {}
func (*link) wake()                                     {}
func (*link) close()                                    {}

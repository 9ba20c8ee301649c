//go:build linux && (amd64 || arm64)

package corosync

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
	"github.com/fenced-project/fenced/membership/corosync/agreement"
	"github.com/fenced-project/fenced/membership/corosync/libcorosync"
)

// The pauses: between two tries to connect, and after corosync took nothing more.
const (
	againConnect = 100 * time.Millisecond
	againSend    = 5 * time.Millisecond
	idle         = time.Second
)

// supported says whether corosync can be spoken to on this machine.
func supported() error { return libcorosync.Load() }

// link is the one goroutine that speaks to corosync. Each of its calls may block for as long as corosync is stopped.
type link struct {
	cfg    *Config
	frames *frames
	to     receiver
	wakeR  int // a pipe that ends a poll
	wakeW  int
	expels expels // whose corosync is to end
}

// receiver is who gets what corosync tells, in order. None of its methods blocks.
type receiver interface {
	connected(process agreement.Process)
	disconnected(why error)
	group(members []agreement.Process, left []agreement.Left)
	ring(r agreement.Ring, nodes []fence.NodeID)
	quorum(r agreement.Ring, quorate bool)
	votes(v counts)
	counted(total int)
	deliver(from agreement.Process, data []byte)
	settled() // a batch is over
	expelled(node fence.NodeID, err error)
}

func newLink(cfg *Config, f *frames, to receiver) (*link, error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, fmt.Errorf("cannot make a pipe: %w", err)
	}
	l := &link{cfg: cfg, frames: f, to: to, wakeR: fds[0], wakeW: fds[1], expels: make(expels, maxExpels)}
	f.wake = l.wake
	return l, nil
}

// wake ends the poll. A full pipe is awake already.
func (l *link) wake() { _, _ = unix.Write(l.wakeW, []byte{0}) }

// expel asks the corosync of another node to end. It does not wait.
func (l *link) expel(node fence.NodeID) {
	if l.expels.add(node, membership.BootMS()) {
		l.wake()
	}
}

// expelAll sends what was asked for. It is no fencing: nothing may follow from it.
func (l *link) expelAll() {
	for _, node := range l.expels.due(membership.BootMS()) {
		l.to.expelled(node, libcorosync.KillNode(uint32(node), "fenced: this node was away and is to be fenced"))
	}
}

func (l *link) close() {
	_ = unix.Close(l.wakeR)
	_ = unix.Close(l.wakeW)
}

// run connects, serves, and connects again, until ctx ends.
func (l *link) run(ctx context.Context) {
	runtime.LockOSThread() // for the rest of its life: Enter may have moved the thread
	if l.cfg.Enter != nil {
		if err := l.cfg.Enter(); err != nil {
			l.to.disconnected(err)
			return
		}
	}
	for ctx.Err() == nil {
		l.frames.clear()
		err := l.serve(ctx)
		if ctx.Err() != nil {
			return
		}
		l.to.disconnected(explain(err))
		pause(ctx, againConnect)
	}
}

// explain says what corosync's words mean to a person.
func explain(err error) error {
	var s libcorosync.Status
	if !errors.As(err, &s) {
		return err
	}
	switch s {
	case libcorosync.Library:
		return fmt.Errorf("corosync does not run on this node: %w", err)
	case libcorosync.TryAgain:
		return fmt.Errorf("corosync is starting: %w", err)
	case libcorosync.Access:
		return fmt.Errorf("corosync refuses this user; run fenced as root, or name the user in a uidgid section: %w", err)
	}
	return err
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// connection is all handles of one connection to corosync.
type connection struct {
	group   *libcorosync.Group
	quorum  *libcorosync.Quorum
	votes   *libcorosync.VoteQuorum
	node    uint32
	says    Settings          // when it connected, or when votequorum last counted by other numbers
	last    libcorosync.Votes // of the last count
	counted time.Time         // when that was
	fds     [3]int            // of group, quorum and votes
}

func (c *connection) close() {
	if c.votes != nil {
		_ = c.votes.Close()
	}
	if c.quorum != nil {
		_ = c.quorum.Close()
	}
	if c.group != nil {
		_ = c.group.Close()
	}
}

func (l *link) connect() (c *connection, err error) {
	c = &connection{}
	defer func() {
		if err != nil {
			c.close()
			c = nil
		}
	}()
	if c.quorum, err = libcorosync.OpenQuorum(); err != nil {
		return c, err
	}
	if c.votes, err = libcorosync.OpenVoteQuorum(); err != nil {
		return c, err
	}
	if c.group, err = libcorosync.OpenGroup(); err != nil {
		return c, err
	}
	if c.node, err = c.group.LocalNode(); err != nil {
		return c, err
	}
	if fence.NodeID(c.node) != l.cfg.Self.Node {
		return c, fmt.Errorf("corosync says that this is node %d, fenced's configuration says node %d: give both the same id", c.node, l.cfg.Self.Node)
	}
	for i, service := range []interface{ FD() (int, error) }{c.group, c.quorum, c.votes} {
		if c.fds[i], err = service.FD(); err != nil {
			return c, err
		}
	}
	return c, nil
}

// serve joins the group and serves until the connection breaks or ctx ends.
func (l *link) serve(ctx context.Context) error {
	c, err := l.connect()
	if err != nil {
		return err
	}
	defer c.close()
	for {
		err := c.group.Join(l.cfg.group())
		if err == nil {
			break
		}
		if !errors.Is(err, libcorosync.TryAgain) || ctx.Err() != nil { // an earlier connection of this process is still leaving
			return err
		}
		pause(ctx, againSend)
	}
	l.to.connected(agreement.Process{Node: fence.NodeID(c.node), PID: uint32(unix.Getpid())})
	for ctx.Err() == nil {
		l.expelAll()
		wait, err := l.send(c)
		if err != nil {
			return err
		}
		more, err := l.take(c)
		if err != nil {
			return err
		}
		if more {
			continue
		}
		if err := l.poll(c, wait); err != nil {
			return err
		}
	}
	return nil
}

// send sends what waits. It says how long to wait before the next try: corosync is not asked in a circle (TRY_AGAIN).
func (l *link) send(c *connection) (time.Duration, error) {
	for range 64 {
		data := l.frames.head()
		if data == nil {
			return idle, nil
		}
		err := c.group.Send(data)
		if errors.Is(err, libcorosync.TryAgain) {
			return againSend, nil
		}
		if err != nil {
			return 0, err
		}
		l.frames.sent(data)
	}
	return 0, nil
}

// take hands over what corosync has told.
func (l *link) take(c *connection) (bool, error) {
	changed, more, err := c.votes.Dispatch()
	if changed && err == nil { // by an operator (`corosync-quorumtool -e`): the ring is the same, and may be quorate as before
		err = l.count(c)
	}
	if err != nil {
		return false, err
	}
	qe, more2, err := c.quorum.Dispatch()
	for _, e := range qe {
		if q, ok := e.(libcorosync.QuorumChanged); ok {
			if err := l.count(c); err != nil {
				return false, err
			}
			l.to.quorum(ringOf(q.Ring), q.Quorate)
		}
	}
	if err != nil {
		return false, err
	}
	ge, more3, err := c.group.Dispatch()
	for _, e := range ge {
		l.group(e)
	}
	if len(ge)+len(qe) > 0 {
		l.to.settled()
	}
	if err == nil && len(ge) > 0 && time.Since(c.counted) >= idle {
		if _, err = l.send(c); err == nil { // votequorum may answer late while it counts a new ring, and others wait for what is to be said of that
			err = l.count(c)
		}
	}
	return more || more2 || more3, err
}

func (l *link) group(e libcorosync.GroupEvent) {
	switch e := e.(type) {
	case libcorosync.GroupChanged:
		var members []agreement.Process
		for _, p := range e.Members {
			members = append(members, process(p))
		}
		var left []agreement.Left
		for _, c := range e.Left {
			how := membership.HowNodeGone
			if c.Reason == libcorosync.ReasonProcDown || c.Reason == libcorosync.ReasonLeave {
				how = membership.HowProcessGone
			}
			left = append(left, agreement.Left{Process: process(c.Process), How: how})
		}
		l.to.group(members, left)
	case libcorosync.RingChanged:
		var nodes []fence.NodeID
		for _, n := range e.Nodes {
			nodes = append(nodes, fence.NodeID(n))
		}
		l.to.ring(ringOf(e.Ring), nodes)
	case libcorosync.Delivered:
		l.to.deliver(process(e.From), e.Data)
	}
}

func process(p libcorosync.Process) agreement.Process {
	return agreement.Process{Node: fence.NodeID(p.Node), PID: p.PID}
}

func ringOf(r libcorosync.RingID) agreement.Ring {
	return agreement.Ring{Node: fence.NodeID(r.Node), Seq: r.Seq}
}

// count asks votequorum who counts, also when the last count is a second old: votequorum says that something changed before it has counted it, and of the
// vote of a quorum device that comes and changes nobody's quorum it says nothing. It is asked only where it just said something: one that hangs answers
// nothing, and this waits.
func (l *link) count(c *connection) error {
	c.counted = time.Now()
	v, err := c.votes.Votes(c.node)
	if errors.Is(err, libcorosync.NotExist) || errors.Is(err, libcorosync.TryAgain) {
		return nil // it does not know itself yet; it tells again
	}
	if err != nil {
		return err
	}
	if v.Expected != c.last.Expected || v.HighestExpected != c.last.HighestExpected { // the nodelist may have been loaded again
		if c.says, err = ReadSettings(); err != nil {
			return err
		}
	}
	c.last = v
	said := counted(v, c.says)
	said.forms = c.says.Token + c.says.Consensus
	l.to.votes(said)
	l.to.counted(int(v.Total))
	return nil
}

// poll waits for corosync, for something to send, or for wait. A connection that hangs up is dispatched, which says what it is.
func (l *link) poll(c *connection, wait time.Duration) error {
	fds := []unix.PollFd{{Fd: int32(l.wakeR), Events: unix.POLLIN}}
	for _, fd := range c.fds {
		fds = append(fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	if _, err := unix.Poll(fds, int(wait.Milliseconds())); err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("cannot wait for corosync: %w", err)
	}
	if fds[0].Revents != 0 {
		var b [256]byte
		_, _ = unix.Read(l.wakeR, b[:])
	}
	for _, fd := range fds[1:] {
		if fd.Revents&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0 {
			return fmt.Errorf("the connection hung up: %w", libcorosync.Library)
		}
	}
	return nil
}

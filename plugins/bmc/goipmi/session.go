package goipmi

import (
	"context"
	"net"
	"time"

	"github.com/bougou/go-ipmi/pkg/client"
	"github.com/bougou/go-ipmi/pkg/types"

	"github.com/fenced-project/fenced/plugins/bmc/rmcp"
	"github.com/fenced-project/fenced/plugins/sdk"
)

// The times of a session.
const (
	// tryTime is how long one datagram is waited for before it is sent again, in a session: the same bytes, with the same sequence
	// number, which a BMC executes once.
	tryTime = 250 * time.Millisecond
	// closeTime is how long the answer to Close Session is waited for, silentTime the same at a BMC that has just been silent.
	closeTime  = 200 * time.Millisecond
	silentTime = 5 * time.Millisecond
	// noDeadline bounds a call whose caller gave no deadline.
	noDeadline = 30 * time.Second
)

// handshakes are the waits for one answer in the handshake, one for each try; the last repeats until the deadline. A message of the
// handshake is never sent twice: a BMC may open a second session or roll new dice for it. Patience grows, for BMCs that are slow.
var handshakes = []time.Duration{tryTime, tryTime, 2 * tryTime, 4 * tryTime, 8 * tryTime}

// repeat says whether a command may be sent again while its answer is missing.
type repeat bool

const (
	repeated repeat = true
	once     repeat = false // where twice is not once
)

// pace sets how go-ipmi sends the next command: it tries until ctx's deadline.
func (d *Driver) pace(ctx context.Context, r repeat) {
	end, _ := ctx.Deadline()
	left := max(time.Until(end), time.Millisecond)
	if r == once {
		d.c.WithTimeout(left).WithRetry(0)
		return
	}
	d.c.WithTimeout(tryTime).WithRetry(int(left / tryTime))
}

// connect tries handshakes until one is proven, the BMC is known to refuse, or ctx's deadline. A BMC without a free session is asked again:
// others hold theirs for as short a time as we do.
func (d *Driver) connect(ctx context.Context) error {
	for i := 0; ; i++ {
		wait := handshakes[min(i, len(handshakes)-1)]
		err := d.handshake(ctx, wait)
		if err == nil {
			return nil
		}
		classified := classify(err, d.guard)
		d.end(silentTime)
		c := sdk.ClassOf(classified)
		if c != sdk.ClassTimeout && c != sdk.ClassLimbo || ctx.Err() != nil {
			return classified
		}
		if c == sdk.ClassLimbo && !sleep(ctx, wait) {
			return classified
		}
	}
}

// sleep reports whether that time went by before ctx's end; where it would not, it returns at once.
func sleep(ctx context.Context, d time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && time.Until(end) < d {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// handshake opens one socket and one session on it, each answer waited for as long as wait.
func (d *Driver) handshake(ctx context.Context, wait time.Duration) error {
	host, _, err := net.SplitHostPort(d.cfg.Address)
	if err != nil {
		return sdk.Refused(err)
	}
	if d.guard, err = rmcp.New(d.cfg.Suite, d.cfg.User, d.cfg.Password); err != nil {
		return sdk.Refused(err)
	}
	c, err := client.NewClient(host, 0, d.cfg.User, d.cfg.Password) // the port is the guard's business
	if err != nil {
		return sdk.Refused(err)
	}
	ctx, cancel := d.deadline(ctx)
	defer cancel()
	privilege := types.PrivilegeLevelAdministrator
	if d.cfg.Operator {
		privilege = types.PrivilegeLevelOperator
	}
	c.WithInterface(client.InterfaceLanplus).WithCipherSuiteID(types.CipherSuiteID(d.cfg.Suite.ID)).WithMaxPrivilegeLevel(privilege).
		WithTimeout(wait).WithRetry(0).WithUDPProxy(dialer{ctx: ctx, guard: d.guard, address: d.cfg.Address})
	d.c = c
	return c.Connect(ctx)
}

// end closes the client once (a second Close panics) and frees the socket; where the BMC holds a session of ours it is told, and its
// answer waited for as long as wait. d.mu is held.
func (d *Driver) end(wait time.Duration) {
	if d.c == nil {
		return
	}
	c := d.c
	d.c = nil
	if !d.guard.Active() {
		wait = 0 // nothing to say: an expired context closes without talking
	}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	// The deadline alone bounds it: a read that was given up may still be looking at the client's other settings.
	_ = c.Close(ctx) // the slot is freed or times out; there is nothing else to do about it
}

// dialer puts the guard into go-ipmi, which has one way to be given a socket.
type dialer struct {
	ctx     context.Context
	guard   *rmcp.Guard
	address string
}

func (d dialer) Dial(string, string) (net.Conn, error) { return d.guard.Dial(d.ctx, d.address) }

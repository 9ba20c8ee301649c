package wire

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// The types of frames. The guest sends all but Command and In, which are the host's.
const (
	Hello   = 'H'
	Out     = 'O' // standard output
	Err     = 'E' // standard error
	Exit    = 'X' // four bytes, the last frame
	Pulse   = 'P' // the guest lives
	Command = 'C' // a command line for sh
	In      = 'I' // standard input; an empty one is its end
)

// Beat is how often a guest that runs a command says that it lives.
const Beat = 500 * time.Millisecond

const (
	header  = 5
	largest = 64 << 10
)

// ErrTooLarge is the error of a frame that nobody sends.
var ErrTooLarge = errors.New("a frame is larger than any that is sent")

// Conn sends and receives frames. Sending is safe for concurrent use, receiving is not.
type Conn struct {
	net.Conn
	sending sync.Mutex
}

// Send sends one frame, or several where p is longer than one may be.
func (c *Conn) Send(kind byte, p []byte) error {
	c.sending.Lock()
	defer c.sending.Unlock()
	for first := true; first || len(p) > 0; first = false {
		n := min(len(p), largest)
		b := binary.BigEndian.AppendUint32([]byte{kind}, uint32(n))
		if _, err := c.Write(append(b, p[:n]...)); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// Receive returns the next frame.
func (c *Conn) Receive() (byte, []byte, error) {
	var h [header]byte
	if _, err := io.ReadFull(c, h[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(h[1:])
	if n > largest {
		return 0, nil, ErrTooLarge
	}
	p := make([]byte, n)
	_, err := io.ReadFull(c, p)
	return h[0], p, err
}

// Writer sends what is written to it as frames of one kind.
func (c *Conn) Writer(kind byte) io.Writer { return stream{c, kind} }

type stream struct {
	c    *Conn
	kind byte
}

func (s stream) Write(p []byte) (int, error) {
	if err := s.c.Send(s.kind, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

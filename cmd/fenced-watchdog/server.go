package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// maxRequest bounds a line, maxConns the connections: a client that misbehaves costs no more than its own connection.
const (
	maxRequest = 8 << 10
	maxConns   = 16
)

// listen makes the socket, for root alone, in place of one that a dead holder left. A living one is not pushed aside: two holders would each
// feed what the other one must not.
func listen(path string) (net.Listener, error) {
	if c, err := net.Dial("unix", path); err == nil {
		_ = c.Close()
		return nil, fmt.Errorf("another holder answers at %s", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	old := unix.Umask(0o177)
	defer unix.Umask(old)
	return net.Listen("unix", path)
}

// serve answers connections until the listener is closed.
func (h *holder) serve(ctx context.Context, ln net.Listener) {
	var number atomic.Uint64
	slots := make(chan struct{}, maxConns)
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		select {
		case slots <- struct{}{}:
			go func() {
				defer func() { <-slots }()
				h.converse(ctx, c, number.Add(1))
			}()
		default:
			_ = c.Close() // its daemon asks again
		}
	}
}

// converse reads requests from one connection and answers each.
func (h *holder) converse(ctx context.Context, c net.Conn, conn uint64) {
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer func() {
		stop()
		_ = c.Close()
		h.gone(conn)
	}()
	pid, root := peer(c)
	lines := bufio.NewScanner(c)
	lines.Buffer(make([]byte, 0, 1024), maxRequest)
	out := json.NewEncoder(c)
	for lines.Scan() {
		var r request
		var a reply
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			a = h.answer(refuse(codeUsage, "cannot read the request: %v", err))
		} else {
			a = h.handle(conn, pid, root, r)
		}
		if out.Encode(a) != nil {
			return
		}
	}
}

func (h *holder) handle(conn uint64, pid int, root bool, r request) reply {
	switch {
	case r.Version != wireVersion:
		return h.answer(refuse(codeUsage, "this holder speaks version %d, the request is of version %d", wireVersion, r.Version))
	case r.Op == "status":
		return h.answer(nil)
	case !root:
		return h.answer(refuse(codeDenied, "only root may %s", printable(r.Op)))
	}
	switch r.Op {
	case "hello":
		return h.hello(conn, pid, r)
	case "renew":
		return h.renew(conn, r)
	case "release":
		return h.release(conn)
	case "expire":
		return h.expire(conn)
	case "test":
		return h.test(conn, pid, r)
	}
	return h.answer(refuse(codeUsage, "no such request: %q", r.Op))
}

// peer says who is at the other end: its process, and whether it is root or this very user (in a fake system).
func peer(c net.Conn) (pid int, root bool) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return 0, false
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0, false
	}
	_ = raw.Control(func(fd uintptr) {
		cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) // #nosec G115: a file descriptor
		if err == nil {
			pid, root = int(cred.Pid), cred.Uid == 0 || int(cred.Uid) == os.Geteuid()
		}
	})
	return pid, root
}

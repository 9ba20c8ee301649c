package api

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// listen makes the socket at path: it appears there with its final mode and group, replacing one that nobody answers at. A socket at which
// somebody does answer is an error: another daemon runs.
func listen(path string, r rights) (net.Listener, error) {
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		_ = c.Close()
		return nil, fmt.Errorf("cannot listen at %s: another daemon answers there", path)
	} else if info, statErr := os.Lstat(path); statErr == nil && info.Mode().Type() != fs.ModeSocket {
		return nil, fmt.Errorf("cannot listen at %s: it exists and is no socket", path)
	}
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot listen at %s: %w", path, err)
	}
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: fresh, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("cannot listen at %s: %w", path, err)
	}
	ln.SetUnlinkOnClose(false)
	if err := place(fresh, path, r); err != nil {
		_ = ln.Close()
		_ = os.Remove(fresh)
		return nil, fmt.Errorf("cannot listen at %s: %w", path, err)
	}
	made, err := os.Stat(path)
	if err != nil {
		_ = ln.Close()
		return nil, fmt.Errorf("cannot listen at %s: %w", path, err)
	}
	return &socket{UnixListener: ln, path: path, made: made}, nil
}

// place gives the socket its group and mode before it gets its name. The mode only keeps strangers from knocking; who may do what is
// decided by the kernel's word at each connection, so that two groups can be told apart.
func place(fresh, path string, r rights) error {
	mode := fs.FileMode(0o660)
	if r.all || r.readers >= 0 {
		mode = 0o666
	}
	if r.group >= 0 {
		if err := os.Chown(fresh, -1, int(r.group)); err != nil && !errors.Is(err, syscall.EPERM) {
			return err
		}
	}
	if err := os.Chmod(fresh, mode); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}

// socket removes its name when it is closed, unless somebody else has taken the name since.
type socket struct {
	*net.UnixListener
	path string
	made fs.FileInfo
}

func (s *socket) Close() error {
	if now, err := os.Stat(s.path); err == nil && os.SameFile(now, s.made) {
		_ = os.Remove(s.path)
	}
	return s.UnixListener.Close()
}

// door is a listener that knows who comes in and how many are inside.
type door struct {
	net.Listener
	rights rights
	refuse func(*guest) // tells a caller for whom there is no room

	mu    sync.Mutex
	all   int
	other int
	users map[uint32]int // counted only, never walked
}

// guest is a connection whose peer is known.
type guest struct {
	*net.UnixConn
	caller Caller
	right  right
	leave  func()
	unread atomic.Bool // something arrived that no call has taken yet
}

func (g *guest) Close() error {
	g.leave()
	return g.UnixConn.Close()
}

// Accept returns the next connection for which there is room; the others are told to try again and closed.
func (d *door) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		u, ok := conn.(*net.UnixConn)
		if !ok {
			_ = conn.Close()
			continue
		}
		caller, err := peer(u)
		if err != nil {
			_ = conn.Close()
			continue
		}
		g := &guest{UnixConn: u, caller: caller, right: d.rights.of(caller)}
		if !d.enter(g) {
			d.refuse(g)
			_ = u.Close()
			continue
		}
		return g, nil
	}
}

func (d *door) enter(g *guest) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	stranger := g.right != mayAct
	if d.all >= maxConns || stranger && (d.other >= maxOtherConns || d.users[g.caller.UID] >= maxUserConns) {
		return false
	}
	d.count(g.caller.UID, stranger, 1)
	g.leave = sync.OnceFunc(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.count(g.caller.UID, stranger, -1)
	})
	return true
}

func (d *door) count(uid uint32, stranger bool, n int) {
	d.all += n
	if !stranger {
		return
	}
	d.other += n
	if d.users[uid] += n; d.users[uid] == 0 {
		delete(d.users, uid)
	}
}

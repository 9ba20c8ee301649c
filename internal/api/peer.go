package api

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"slices"
	"strconv"
	"syscall"
	"unsafe"
)

// right is what a caller may do.
type right int

const (
	mayNothing right = iota
	mayRead
	mayAct
)

// rights is who may do what, resolved once when the server is made.
type rights struct {
	own     uint32 // the user that the daemon runs as: whoever is that user could take the daemon over anyway
	group   int64  // members act; -1 for none
	readers int64  // members read; -1 for none
	all     bool   // everybody reads
}

// ReadersAll as Config.Readers lets every local user read.
const ReadersAll = "all"

func newRights(group, readers string) (rights, error) {
	r := rights{own: uint32(os.Geteuid()), group: -1, readers: -1, all: readers == ReadersAll}
	var err error
	if r.group, err = lookupGroup(group); err != nil {
		return r, err
	}
	if !r.all {
		r.readers, err = lookupGroup(readers)
	}
	return r, err
}

// lookupGroup returns the id of a group; -1 for no name and for a group that this system does not have: then only root acts.
func lookupGroup(name string) (int64, error) {
	if name == "" {
		return -1, nil
	}
	g, err := user.LookupGroup(name)
	var unknown user.UnknownGroupError
	if errors.As(err, &unknown) {
		return -1, nil
	}
	if err != nil {
		return -1, fmt.Errorf("cannot look up group %s: %w", name, err)
	}
	id, err := strconv.ParseInt(g.Gid, 10, 64)
	if err != nil {
		return -1, fmt.Errorf("cannot look up group %s: its id is %q", name, g.Gid)
	}
	return id, nil
}

// of judges a caller by the kernel's word alone: uid 0, the daemon's own user and members of the group act.
func (r rights) of(c Caller) right {
	switch {
	case c.UID == 0 || c.UID == r.own || r.member(c, r.group):
		return mayAct
	case r.all || r.member(c, r.readers):
		return mayRead
	}
	return mayNothing
}

func (r rights) member(c Caller, group int64) bool {
	return group >= 0 && (int64(c.GID) == group || slices.Contains(c.Groups, uint32(group)))
}

// peer asks the kernel who is at the other end: the credentials of the process at the time it connected (SO_PEERCRED, SO_PEERGROUPS).
func peer(conn *net.UnixConn) (Caller, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return Caller{}, fmt.Errorf("cannot tell who is connected: %w", err)
	}
	var c Caller
	var inner error
	err = raw.Control(func(fd uintptr) {
		cred, e := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
		if e != nil {
			inner = e
			return
		}
		c.UID, c.GID, c.PID = cred.Uid, cred.Gid, cred.Pid
		c.Groups, inner = peerGroups(fd)
	})
	if err == nil {
		err = inner
	}
	if err != nil {
		return Caller{}, fmt.Errorf("cannot tell who is connected: %w", err)
	}
	return c, nil
}

const (
	soPeerGroups = 59      // SO_PEERGROUPS of asm-generic/socket.h, since Linux 4.13
	maxGroups    = 1 << 16 // the kernel's NGROUPS_MAX
)

// peerGroups reads the supplementary groups; the kernel says how many there are when the room is too small.
func peerGroups(fd uintptr) ([]uint32, error) {
	groups := make([]uint32, 32)
	for range 2 {
		size := uint32(len(groups) * 4)
		_, _, errno := syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, syscall.SOL_SOCKET, soPeerGroups,
			uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0)
		if errno == 0 {
			return groups[:size/4], nil
		}
		if errno != syscall.ERANGE || size/4 > maxGroups {
			return nil, os.NewSyscallError("getsockopt SO_PEERGROUPS", errno)
		}
		groups = make([]uint32, size/4)
	}
	return nil, os.NewSyscallError("getsockopt SO_PEERGROUPS", syscall.ERANGE)
}

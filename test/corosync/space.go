package corosync

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// space is a network and a mount namespace, with a thread that lives in them. What it starts dies with it.
type space struct {
	net, mnt *os.File // keep the namespaces, and let others in
	calls    chan func()
	done     chan struct{}
}

// private is what each corosync has for itself.
var private = []string{"/run", "/dev/shm", "/var/lib/corosync"}

func newSpace() (*space, error) {
	s := &space{calls: make(chan func()), done: make(chan struct{})}
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // for ever: the thread ends with this goroutine
		defer close(s.done)
		err := s.enterNew()
		made <- err
		if err != nil {
			return
		}
		for call := range s.calls {
			call()
		}
	}()
	if err := <-made; err != nil {
		s.closeFiles()
		return nil, err
	}
	return s, nil
}

// enterNew puts the calling thread into new namespaces.
func (s *space) enterNew() error {
	if err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("cannot make namespaces: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("cannot make the mounts private: %w", err)
	}
	for _, dir := range private {
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=0755"); err != nil {
			return fmt.Errorf("cannot mount on %s: %w", dir, err)
		}
	}
	var err, err2 error
	s.net, err = os.Open("/proc/thread-self/ns/net")
	s.mnt, err2 = os.Open("/proc/thread-self/ns/mnt")
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	_, err = ip("link", "set", "lo", "up")
	return err
}

// enter puts the calling thread, which must be locked and never unlocked, into the namespaces.
func (s *space) enter() error {
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return err
	}
	return errors.Join(unix.Setns(int(s.net.Fd()), unix.CLONE_NEWNET), unix.Setns(int(s.mnt.Fd()), unix.CLONE_NEWNS))
}

// do runs a function on the space's thread.
func (s *space) do(f func() error) error {
	r := make(chan error, 1)
	s.calls <- func() { r <- f() }
	return <-r
}

// ip runs iproute2 in this space.
func (s *space) ip(args ...string) error {
	return s.do(func() error { _, err := ip(args...); return err })
}

// path names the network namespace for iproute2.
func (s *space) path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), s.net.Fd()) }

// start starts a program here; it is killed if the thread ends before it.
func (s *space) start(log *os.File, program string, args ...string) (*exec.Cmd, error) {
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	err := s.do(cmd.Start)
	return cmd, err
}

// close ends the thread, and the namespaces with the last that uses them.
func (s *space) close() {
	close(s.calls)
	<-s.done
	s.closeFiles()
}

func (s *space) closeFiles() {
	for _, f := range []*os.File{s.net, s.mnt} {
		if f != nil {
			_ = f.Close()
		}
	}
}

// ip runs iproute2 where the calling thread is; it only talks to the kernel.
func ip(args ...string) (string, error) {
	cmd := exec.Command("ip", args...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return "", err
	}
	overdue := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
	defer overdue.Stop()
	if err := cmd.Wait(); err != nil {
		return "", fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(out.String()))
	}
	return out.String(), nil
}

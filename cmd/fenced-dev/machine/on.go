package machine

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	bootIDFile  = "root/proc/sys/kernel/random/boot_id"
	defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

// kernelState is what a kernel holds and a loss of power takes away.
var kernelState = []string{"root/sys/kernel/dlm", "root/sys/fs/gfs2"}

func (m *Machine) on(ctx context.Context) error {
	p, err := m.power()
	if err != nil {
		return err
	}
	if p == On {
		return nil
	}
	s, err := m.start()
	if err != nil {
		return err
	}
	// A start that was interrupted before it could be recorded must not run beside the new one.
	if err := m.off(ctx); err != nil {
		return err
	}
	for _, dir := range kernelState {
		if err := m.empty(dir); err != nil {
			return err
		}
	}
	if err := m.write(bootIDFile, []byte(newBootID()+"\n")); err != nil {
		return err
	}
	for _, p := range s.Beside {
		if p.Late {
			continue
		}
		if _, err := m.begin(s, p.Argv, p.Log); err != nil {
			return err
		}
	}
	if err := m.launch(s); err != nil {
		return err
	}
	return m.setPower(On)
}

func (m *Machine) restart(context.Context) error {
	p, err := m.power()
	if err != nil {
		return err
	}
	if p != On {
		return fmt.Errorf("cannot restart on machine %s: it is off", m.dir)
	}
	r, err := m.record()
	if err != nil || r.alive() {
		return err
	}
	s, err := m.start()
	if err != nil {
		return err
	}
	return m.launch(s)
}

// begin starts a program as the leader of a session of its own, with nothing of ours but its log.
func (m *Machine) begin(s Start, argv []string, logPath string) (pid int, err error) {
	s.Argv = argv
	cmd, err := m.command(s)
	if err != nil {
		return 0, err
	}
	if logPath != "" {
		path := logPath
		if !filepath.IsAbs(path) {
			path = m.path(path)
		}
		log, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
		if err != nil {
			return 0, fmt.Errorf("cannot open the log of machine %s: %w", m.dir, err)
		}
		defer log.Close()
		cmd.Stdout, cmd.Stderr = log, log
	}
	if err := sealDescriptors(); err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("cannot start %s on machine %s: %w", argv[0], m.dir, err)
	}
	go func() { _ = cmd.Wait() }() // ends with the child or with this short-lived process; a caller that lives on gets no zombie
	return cmd.Process.Pid, nil
}

// launch begins the machine's program and records who it is.
func (m *Machine) launch(s Start) error {
	pid, err := m.begin(s, s.Argv, s.Log)
	if err != nil {
		return err
	}
	r, err := newRecord(pid)
	if err != nil {
		return fmt.Errorf("cannot record what runs on machine %s: %w", m.dir, err)
	}
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("cannot record what runs on machine %s: %w", m.dir, err)
	}
	return m.write("pid", append(b, '\n'))
}

func (m *Machine) command(s Start) (*exec.Cmd, error) {
	argv := s.Argv
	if s.Netns != "" {
		argv = append([]string{"ip", "netns", "exec", s.Netns}, argv...)
	}
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return nil, fmt.Errorf("cannot start %s on machine %s: %w", argv[0], m.dir, err)
	}
	cmd := exec.Command(path, argv[1:]...)
	cmd.Dir = s.Dir
	if cmd.Dir == "" {
		cmd.Dir = "/"
	}
	hasPath := false
	for _, kv := range s.Env {
		k, _, ok := strings.Cut(kv, "=")
		if !ok {
			return nil, fmt.Errorf("cannot use %s: env %q is not K=V", m.path("start"), kv)
		}
		hasPath = hasPath || k == "PATH"
		if k != marker {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	if !hasPath {
		cmd.Env = append(cmd.Env, "PATH="+defaultPath)
	}
	cmd.Env = append(cmd.Env, marker+"="+m.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd, nil
}

// sealDescriptors makes every descriptor above standard error close on exec: what our caller left open (a pipe that it reads to its end, a
// lock) must not live on in the machine.
func sealDescriptors() error {
	err := unix.CloseRange(3, 1<<31-1, unix.CLOSE_RANGE_CLOEXEC)
	if err == nil || (!errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EINVAL)) {
		return err
	}
	entries, err := os.ReadDir("/proc/self/fd") // Linux before 5.11
	if err != nil {
		return fmt.Errorf("cannot list open descriptors: %w", err)
	}
	for _, e := range entries {
		var fd int
		if _, err := fmt.Sscan(e.Name(), &fd); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

// newBootID returns a random UUID (version 4), as the kernel makes one at each boot.
func newBootID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

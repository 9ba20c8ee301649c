package machine

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// marker is the variable by which a process says which machine it runs on; children inherit it.
const marker = "FENCED_DEV_MACHINE"

// record is the file `pid`: the leader of the session that On started. A pid alone may have been given to a stranger meanwhile; together
// with its start time and this host's boot it names one process for ever.
type record struct {
	Pid        int    `json:"pid"`
	StartTicks uint64 `json:"start_ticks"` // field 22 of /proc/PID/stat
	HostBoot   string `json:"host_boot"`
}

// process is one line of /proc.
type process struct {
	pid, session int
	state        byte
	start        uint64
}

// dead says that it executes nothing any more; a zombie only waits for its parent.
func (p process) dead() bool { return p.state == 'Z' || p.state == 'X' }

func (m *Machine) record() (record, error) {
	var r record
	b, err := os.ReadFile(m.path("pid"))
	if errors.Is(err, os.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("cannot read %s: %w", m.path("pid"), err)
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("cannot read %s: %w", m.path("pid"), err)
	}
	return r, nil
}

func newRecord(pid int) (record, error) {
	p, err := readProcess(pid)
	if err != nil {
		return record{}, err
	}
	return record{Pid: pid, StartTicks: p.start, HostBoot: hostBoot()}, nil
}

// alive reports whether the recorded process itself, not a stranger with its number, lives.
func (r record) alive() bool {
	if r.Pid <= 0 || r.HostBoot != hostBoot() {
		return false
	}
	p, err := readProcess(r.Pid)
	return err == nil && p.start == r.StartTicks && !p.dead()
}

// members lists the live processes of the machine, never this one. A process is the machine's if
//   - it carries the machine's marker in its environment, or
//   - it is in the session of the recorded leader, and that leader is still there (then the number cannot have been recycled), or
//   - it is in a session of that number whose leader is gone, and its environment names the machine's directory (plugins get a bare
//     environment, but their TMPDIR is in there).
func (m *Machine) members(r record) ([]process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("cannot list processes: %w", err)
	}
	sameHost := r.Pid > 0 && r.HostBoot == hostBoot()
	leader, err := readProcess(r.Pid)
	ours := sameHost && err == nil && leader.start == r.StartTicks
	gone := sameHost && err != nil
	var found []process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		p, err := readProcess(pid)
		if err != nil || p.dead() {
			continue // it ended while we looked
		}
		in := p.session == r.Pid
		if (ours && in) || m.marked(pid) || (gone && in && m.named(pid)) {
			found = append(found, p)
		}
	}
	return found, nil
}

func (m *Machine) marked(pid int) bool {
	want := []byte(marker + "=" + m.dir)
	for _, kv := range environ(pid) {
		if bytes.Equal(kv, want) {
			return true
		}
	}
	return false
}

func (m *Machine) named(pid int) bool {
	for _, kv := range environ(pid) {
		if _, v, ok := bytes.Cut(kv, []byte("=")); ok && bytes.HasPrefix(v, []byte(m.dir+"/")) {
			return true
		}
	}
	return false
}

func environ(pid int) [][]byte {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	if err != nil {
		return nil
	}
	return bytes.Split(b, []byte{0})
}

// kill sends SIGKILL to exactly this process: the pidfd is opened first and the start time read again after it, so that the signal cannot
// reach a stranger that got the number in between.
func (p process) kill() error {
	fd, err := unix.PidfdOpen(p.pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot open process %d: %w", p.pid, err)
	}
	defer unix.Close(fd)
	now, err := readProcess(p.pid)
	if err != nil || now.start != p.start {
		return nil // it has ended
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("cannot kill process %d: %w", p.pid, err)
	}
	return nil
}

func readProcess(pid int) (process, error) {
	if pid <= 0 {
		return process{}, os.ErrNotExist
	}
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return process{}, err
	}
	// The name in parentheses may hold anything; the fields begin after the last one.
	i := bytes.LastIndexByte(b, ')')
	f := strings.Fields(string(b[i+1:]))
	if i < 0 || len(f) < 20 {
		return process{}, fmt.Errorf("cannot read /proc/%d/stat", pid)
	}
	session, err1 := strconv.Atoi(f[3])
	start, err2 := strconv.ParseUint(f[19], 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return process{}, fmt.Errorf("cannot read /proc/%d/stat: %w", pid, err)
	}
	state := f[0][0]
	if state == 'Z' && threads(pid) {
		state = 'D'
	}
	return process{pid: pid, session: session, state: state, start: start}, nil
}

// threads reports whether a process that has ended has threads that have not: who sleeps in the kernel on a disk that hangs outlives the rest,
// and keeps the files and locks.
func threads(pid int) bool {
	stats, _ := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task", "*", "stat"))
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:])); err == nil && len(f) > 0 && f[0] != "Z" && f[0] != "X" {
			return true
		}
	}
	return false
}

func hostBoot() string {
	b, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(b))
}

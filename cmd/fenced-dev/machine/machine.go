package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Power is whether a machine has power.
type Power string

// The two states of power. A machine without a power file is off.
const (
	On  Power = "on"
	Off Power = "off"
)

// Machine is one directory: start (what runs on it), root/ (its fake system), run/, state/, and the files power, pid and lock.
type Machine struct {
	dir string
}

// Start is the file `start`: what begins to run when power comes.
type Start struct {
	// Argv is the program and its arguments; the program is best an absolute path.
	Argv []string `json:"argv"`
	// Env is the whole environment, K=V each: nothing is inherited but a default PATH.
	Env []string `json:"env"`
	// Log takes standard output and error, appended; relative to the machine's directory. Empty: no log.
	Log string `json:"log"`
	// Netns, if not empty, is the network namespace it runs in (ip netns exec NETNS).
	Netns string `json:"netns,omitempty"`
	// Dir is the working directory, "/" if empty.
	Dir string `json:"dir,omitempty"`
	// Beside are more programs, in the same environment: On begins them first, Off ends them, Restart leaves them alone.
	Beside []Program `json:"beside,omitempty"`
}

// Program is one of Start.Beside.
type Program struct {
	Argv []string `json:"argv"`
	Log  string   `json:"log"`
	// Late is not begun by On but by Begin alone.
	Late bool `json:"late,omitempty"`
}

// Report is what status says of a machine.
type Report struct {
	Power   Power  `json:"power"`
	Running bool   `json:"running"` // the process that `start` began is alive
	Pid     int    `json:"pid,omitempty"`
	BootID  string `json:"boot_id,omitempty"`
}

// New returns the machine at dir, which must exist.
func New(dir string) (*Machine, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot find machine %s: %w", dir, err)
	}
	// One name for one directory: the marker in the processes' environment is compared with it.
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return nil, fmt.Errorf("cannot find machine %s: %w", dir, err)
	}
	if st, err := os.Stat(abs); err != nil {
		return nil, fmt.Errorf("cannot find machine %s: %w", dir, err)
	} else if !st.IsDir() {
		return nil, fmt.Errorf("cannot use %s as a machine: not a directory", dir)
	}
	return &Machine{dir: abs}, nil
}

func (m *Machine) path(elem ...string) string {
	return filepath.Join(append([]string{m.dir}, elem...)...)
}

// Status reads the machine's state. It takes no lock: a machine that is being switched is whatever it was until that is done.
func (m *Machine) Status() (Report, error) {
	r := Report{Power: Off}
	p, err := m.power()
	if err != nil {
		return r, err
	}
	r.Power = p
	if b, err := os.ReadFile(m.path(bootIDFile)); err == nil {
		r.BootID = strings.TrimSpace(string(b))
	}
	rec, err := m.record()
	if err != nil {
		return r, err
	}
	if rec.alive() {
		r.Running, r.Pid = true, rec.Pid
	}
	return r, nil
}

// Off ends everything that the machine runs, wipes run/ and keeps state/. It returns nil only when nothing of it lives any more;
// otherwise the machine still reads on. Idempotent; bounded by ctx.
func (m *Machine) Off(ctx context.Context) error {
	return m.locked(ctx, m.off)
}

// On gives power: a new boot id, no kernel state, and the program of `start`. A machine that is on stays as it is, even if its program
// died: pushing the power button of a running machine boots nothing. Idempotent; bounded by ctx.
func (m *Machine) On(ctx context.Context) error {
	return m.locked(ctx, m.on)
}

// Cycle is Off and On under one lock.
func (m *Machine) Cycle(ctx context.Context) error {
	return m.locked(ctx, func(ctx context.Context) error {
		if err := m.off(ctx); err != nil {
			return err
		}
		return m.on(ctx)
	})
}

// Restart begins the program again within the same boot (same boot id, run/ kept) if it is not running: a daemon's restart, not a reset.
// It is an error when the machine is off.
func (m *Machine) Restart(ctx context.Context) error {
	return m.locked(ctx, m.restart)
}

// Begin begins a program of Start.Beside, counted from zero, on a machine that has power. Whether it runs already is for the caller to know.
func (m *Machine) Begin(ctx context.Context, i int) error {
	return m.locked(ctx, func(context.Context) error {
		p, err := m.power()
		if err != nil {
			return err
		}
		s, err := m.start()
		switch {
		case err != nil:
			return err
		case p != On || i < 0 || i >= len(s.Beside):
			return fmt.Errorf("cannot begin program %d on machine %s: it has %d, and its power is %s", i, m.dir, len(s.Beside), p)
		}
		_, err = m.begin(s, s.Beside[i].Argv, s.Beside[i].Log)
		return err
	})
}

// locked runs f while holding the machine's lock file, so that two callers never switch one machine at the same time.
func (m *Machine) locked(ctx context.Context, f func(context.Context) error) error {
	lock, err := os.OpenFile(m.path("lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("cannot lock machine %s: %w", m.dir, err)
	}
	defer lock.Close() // closing drops the lock
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f(ctx)
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("cannot lock machine %s: %w", m.dir, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("cannot lock machine %s, somebody else is switching it: %w", m.dir, ctx.Err())
		case <-tick.C:
		}
	}
}

func (m *Machine) power() (Power, error) {
	b, err := os.ReadFile(m.path("power"))
	switch s := Power(strings.TrimSpace(string(b))); {
	case errors.Is(err, os.ErrNotExist):
		return Off, nil
	case err != nil:
		return "", fmt.Errorf("cannot read power of machine %s: %w", m.dir, err)
	case s == On || s == Off:
		return s, nil
	default:
		return "", fmt.Errorf("cannot read power of machine %s: file says %q", m.dir, s)
	}
}

func (m *Machine) setPower(p Power) error {
	return m.write("power", []byte(p+"\n"))
}

func (m *Machine) start() (Start, error) {
	var s Start
	b, err := os.ReadFile(m.path("start"))
	if err != nil {
		return s, fmt.Errorf("cannot read what starts on machine %s: %w", m.dir, err)
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("cannot read %s: %w", m.path("start"), err)
	}
	if len(s.Argv) == 0 || s.Argv[0] == "" {
		return s, fmt.Errorf("cannot use %s: argv is empty", m.path("start"))
	}
	return s, nil
}

// write replaces a file at once, so that a reader never sees half of it.
func (m *Machine) write(name string, b []byte) error {
	path := m.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	if err := os.WriteFile(path+".new", b, 0o644); err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	return nil
}

// empty removes what is in a directory and keeps the directory. One that does not exist is empty.
func (m *Machine) empty(name string) error {
	entries, err := os.ReadDir(m.path(name))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot empty %s: %w", m.path(name), err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(m.path(name, e.Name())); err != nil {
			return fmt.Errorf("cannot empty %s: %w", m.path(name), err)
		}
	}
	return nil
}

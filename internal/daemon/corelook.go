package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/fenced-project/fenced/fence/member"
)

// systemctl asks systemd by its private socket, so it needs no bus; it is run only while a process is not watched yet, or has just ended.
const systemctl = "systemctl"

// UnitLook asks systemd about the main process of a unit.
func UnitLook(unit string) CoreLook {
	return func(ctx context.Context) (CoreSight, error) {
		cmd := exec.CommandContext(ctx, systemctl, "show", "--property=LoadState,ActiveState,SubState,Job,MainPID,Result,NRestarts", "--", unit)
		cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "SYSTEMD_COLORS=0"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd.WaitDelay = time.Second
		var out, said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &said
		if err := cmd.Run(); err != nil {
			return CoreSight{}, fmt.Errorf("cannot ask systemd about %s: %w: %s", unit, err, strings.TrimSpace(said.String()))
		}
		return unitSight(unit, out.String())
	}
}

// unitSight reads what systemctl show says.
func unitSight(unit, text string) (CoreSight, error) {
	p := map[string]string{}
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			p[k] = v
		}
	}
	pid, err := strconv.Atoi(p["MainPID"])
	restarts, err2 := strconv.Atoi(p["NRestarts"])
	if err = errors.Join(err, err2); err != nil || p["ActiveState"] == "" || p["Result"] == "" {
		return CoreSight{}, fmt.Errorf("systemd says of %s what is not understood: %q", unit, text)
	}
	s := CoreSight{Fate: member.CoreStopped, Restarts: restarts, Why: "it is " + p["ActiveState"]}
	switch active := p["ActiveState"]; {
	case p["LoadState"] == "not-found":
		s.Why = "there is no such unit"
	case active == "active" || active == "reloading":
		if s.PID = pid; pid == 0 {
			s.Why = "it has no main process that could be watched"
		}
	case active == "failed" || p["Result"] != "success":
		s.Fate, s.Why = member.CoreDied, fmt.Sprintf("it is %s (%s)", active, p["Result"])
	case strings.HasPrefix(p["SubState"], "auto-restart"): // whoever stops a unit does not have it started again
		s.Fate, s.Why = member.CoreDied, "it ended by itself and is to be started again"
	case active == "deactivating" && p["Job"] == "": // nobody's order: what systemd does next tells
		s.Fate, s.Undecided, s.Why = member.CoreDied, true, "it is deactivating by nobody's order"
	}
	return s, nil
}

// commLength is how much of a program's name the kernel keeps.
const commLength = 15

// PIDFileLook reads the number from a pid file; the process must have that name, because the file of one that was killed stays, and its number is given
// again. A program that ends in order removes its file.
func PIDFileLook(path, name string) CoreLook {
	if len(name) > commLength {
		name = name[:commLength]
	}
	return func(context.Context) (CoreSight, error) {
		b, written, err := readFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return CoreSight{Fate: member.CoreStopped, Why: "it has no pid file"}, nil
		case err != nil:
			return CoreSight{}, fmt.Errorf("cannot read its pid file: %w", err)
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
		if err != nil || pid <= 1 {
			return CoreSight{}, fmt.Errorf("%s holds no number of a process", path)
		}
		comm, err := readShort(fmt.Sprintf("/proc/%d/comm", pid))
		if got := strings.TrimSpace(string(comm)); err != nil || got != name {
			return CoreSight{}, fmt.Errorf("process %d of its pid file is not %s", pid, name) // its file may be removed or written next
		}
		return CoreSight{PID: pid, Origin: written}, nil
	}
}

// readFile is readShort, with a word that changes whenever the file is written or is another.
func readFile(path string) ([]byte, string, error) {
	before, err := os.Stat(path)
	if err != nil {
		return nil, "", err
	}
	b, err := readShort(path)
	inode := uint64(0)
	if s, ok := before.Sys().(*syscall.Stat_t); ok {
		inode = s.Ino
	}
	return b, fmt.Sprintf("%d at %d", inode, before.ModTime().UnixNano()), err
}

// readShort reads a small file, and never waits for one that is a pipe.
func readShort(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, 64))
}

package session

import (
	"bufio"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestKillEndsOtherGroupsOfTheSession(t *testing.T) {
	// A leader with a child in a group of its own (job control gives each job one), and a grandchild in that.
	cmd := exec.Command("bash", "-c", `set -m; bash -c 'sleep 300 & echo $!; wait' & echo $!; wait`)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { Kill(cmd.Process.Pid, 0); _ = cmd.Wait() }()
	lines := bufio.NewScanner(out)
	var pids []int
	for len(pids) < 2 && lines.Scan() {
		pid, err := strconv.Atoi(strings.TrimSpace(lines.Text()))
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	for _, pid := range pids {
		if group, err := syscall.Getpgid(pid); err != nil || group == cmd.Process.Pid {
			t.Fatalf("process %d is in group %d, %v: the test proves nothing", pid, group, err)
		}
	}
	if n := Kill(cmd.Process.Pid, cmd.Process.Pid); n < 2 {
		t.Errorf("%d processes found, there are at least 2", n)
	}
	if left := Members(cmd.Process.Pid); len(left) > 1 || (len(left) == 1 && left[0] != cmd.Process.Pid) {
		t.Errorf("left: %v", left)
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		line  string
		sid   int
		alive bool
	}{
		{"12 (a) S 1 12 7 0", 7, true},
		{"12 (a) R 1 (b) Z 9) S 1 12 7 0", 7, true},
		{"12 (a) Z 1 12 7 0", 7, false},
		{"12 (a) S 1", 0, false},
		{"", 0, false},
	} {
		if sid, alive := parse([]byte(c.line)); sid != c.sid || alive != c.alive {
			t.Errorf("%q: %d %t", c.line, sid, alive)
		}
	}
}

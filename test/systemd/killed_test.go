package systemd

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// victimEnv makes TestNothingIsLeftOfAKilledTest the one that is killed: it boots a machine, says so and waits.
const victimEnv = "FENCED_TEST_SYSTEMD_VICTIM"

func TestNothingIsLeftOfAKilledTest(t *testing.T) {
	needs(t)
	if os.Getenv(victimEnv) != "" {
		m := boot(t, base())
		fmt.Printf("booted %d %s %s %d\n", m.pid, m.dir, m.cgroup, m.guard.cmd.Process.Pid)
		<-m.ended
		return
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), victimEnv+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	hung := time.AfterFunc(patience(30*time.Second), func() { _ = cmd.Process.Kill() })
	defer hung.Stop()
	var first, guard int
	var dir, group string
	for lines := bufio.NewScanner(out); first == 0 && lines.Scan(); {
		_, _ = fmt.Sscanf(lines.Text(), "booted %d %s %s %d", &first, &dir, &group, &guard)
	}
	if first == 0 {
		_ = cmd.Process.Kill()
		t.Fatalf("it booted nothing: %v", cmd.Wait())
	}
	inside := under(first)
	if len(inside) < 2 { // process 1 and its journal
		t.Errorf("only %v run in the machine", inside)
	}
	if err := cmd.Process.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	deadline := time.Now().Add(patience(10 * time.Second))
	for {
		left := remains(append(inside, guard), dir, group)
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("left of a killed test: %v", left)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// under lists a process and its descendants.
func under(pid int) []int {
	out := []int{pid}
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, path := range threads {
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for _, f := range strings.Fields(string(b)) {
			if child, err := strconv.Atoi(f); err == nil {
				out = append(out, under(child)...)
			}
		}
	}
	return out
}

// remains names what is still there.
func remains(pids []int, dir, group string) []string {
	var out []string
	for _, pid := range pids {
		// One that is dead and waits for its parent holds nothing; as an orphan its parent is the host's process 1.
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err == nil && !strings.Contains(string(b), ") Z ") {
			out = append(out, fmt.Sprintf("process %d", pid))
		}
	}
	if _, err := os.Stat(dir); err == nil {
		out = append(out, dir)
	}
	mounts, _ := os.ReadFile("/proc/self/mounts")
	for line := range strings.Lines(string(mounts)) {
		f := strings.Fields(line)
		if strings.Contains(line, dir) {
			out = append(out, "mount "+f[1])
		}
		if len(f) > 2 && f[2] == "cgroup2" {
			if _, err := os.Stat(filepath.Join(f[1], group)); err == nil {
				out = append(out, "cgroup "+group)
			}
		}
	}
	return out
}

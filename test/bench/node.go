package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/fenced-project/fenced/client"
)

// node is one daemon and the fake system that it runs on.
type node struct {
	cluster *cluster
	id      int
	name    string
	dir     string
	run     string
	boot    string
	client  *client.Client
	cmd     *exec.Cmd
	ended   chan struct{} // closed when the process is gone
	*stream
}

func (n *node) socket() string { return filepath.Join(n.run, "fenced.sock") }

// start begins a new life: another boot id, and the daemon.
func (n *node) start() error {
	n.boot = newUUID()
	root := filepath.Join(n.dir, "root")
	if err := os.WriteFile(filepath.Join(root, "proc/sys/kernel/random/boot_id"), []byte(n.boot+"\n"), 0o644); err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(n.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	n.cmd = exec.Command(filepath.Join(n.cluster.build, "fenced"), "run", "--config", filepath.Join(n.dir, "fenced.yaml"), "--system-root", root,
		"--state-dir", filepath.Join(n.dir, "state"), "--run-dir", n.run, "--plugin-dir", filepath.Join(n.cluster.build, "plugins"), "--node", n.name)
	n.cmd.Dir, n.cmd.Stdout, n.cmd.Stderr = "/", log, log
	n.cmd.Env = []string{tagEnv + "=" + n.cluster.tag, "PATH=" + os.Getenv("PATH"), "HOME=" + n.run, "TMPDIR=" + n.run}
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := n.cmd.Start(); err != nil {
		return fmt.Errorf("cannot start %s: %w", n.name, err)
	}
	n.ended = make(chan struct{})
	cmd, ended := n.cmd, n.ended
	go func() { // ends with the process, which kill or stop ends
		_ = cmd.Wait()
		close(ended)
	}()
	return nil
}

// answers waits until the daemon's socket does.
func (n *node) answers(ctx context.Context) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		one, cancel := context.WithTimeout(ctx, time.Second)
		_, err := n.client.Status(one)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-n.ended:
			return fmt.Errorf("the daemon of %s ended while it started", n.name)
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w", n.name, ctx.Err())
		}
	}
}

// kill ends the daemon as a crash does. Its plugins end by themselves.
func (n *node) kill() error {
	if err := n.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("cannot kill %s: %w", n.name, err)
	}
	return nil
}

// stopTime is how long a daemon may take to end in order.
const stopTime = 10 * time.Second

// stop ends the daemon in order, or in the end as kill does.
func (n *node) stop() error {
	n.unfollow()
	n.client.Close()
	if n.ended == nil {
		return nil
	}
	_ = n.cmd.Process.Signal(syscall.SIGTERM) // it may be gone already
	select {
	case <-n.ended:
		return nil
	case <-time.After(stopTime):
		_ = n.cmd.Process.Kill()
		<-n.ended
		return fmt.Errorf("%s did not end within %s", n.name, stopTime)
	}
}

// tails are the last lines of every log, for an error's text.
func (c *cluster) tails() string {
	var b strings.Builder
	for _, n := range c.nodes {
		text, err := os.ReadFile(filepath.Join(n.dir, "log"))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		fmt.Fprintf(&b, "\n%s:\n%s", n.name, strings.Join(lines[max(0, len(lines)-8):], "\n"))
	}
	return b.String()
}

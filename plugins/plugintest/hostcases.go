package plugintest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/plugins/host"
)

// hostCase is one way to misbehave and what the host must make of it.
type hostCase struct {
	name, proves string
	plugin       string // the name under which badplugin runs: it decides how it starts
	options      map[string]string
	act          bool // call Do, not Status
	timeout      time.Duration
	want         host.Class
}

var hostCases = []hostCase{
	{"garbage at start", "a plugin that prints garbage instead of its handshake is out", "bad-garbage", nil, false, 0, host.ClassPluginDied},
	{"silence at start", "a plugin that never makes its handshake is out after the start timeout", "bad-silent", nil, false, 0, host.ClassPluginDied},
	{"exit at start", "a plugin that ends at once is out", "bad-exit", nil, false, 0, host.ClassPluginDied},
	{"version mismatch", "a plugin of another protocol version is out", "bad-version", nil, false, 0, host.ClassPluginDied},
	{"foreign socket", "a plugin cannot direct the daemon to another socket", "bad-elsewhere", nil, false, 0, host.ClassPluginDied},
	{"mute", "a plugin that does not describe itself is out", "bad-mute", nil, false, 0, host.ClassPluginDied},
	{"hang", "a hung call ends at its deadline", "bad", map[string]string{"status": "hang"}, false, time.Second, host.ClassTimeout},
	{"late effect", "a request has no effect after its deadline: the process group is killed (R9)", "bad", map[string]string{"do": "late"}, true, time.Second, host.ClassTimeout},
	{"crash", "a plugin that dies in an operation costs that call", "bad", map[string]string{"do": "crash"}, true, 0, host.ClassPluginDied},
	{"panic", "a panic costs that call", "bad", map[string]string{"do": "panic"}, true, 0, host.ClassUnknown},
	{"stop", "a plugin that stops itself is killed at the deadline", "bad", map[string]string{"status": "stop"}, false, time.Second, host.ClassTimeout},
	{"1 GiB of memory", "a plugin that takes a gigabyte dies of it, and nobody else", "bad", map[string]string{"status": "memory"}, false, 0, host.ClassPluginDied},
	{"no end of files", "a plugin that opens files without end meets its limit, and no other plugin does", "bad-hoarder", map[string]string{"status": "files"}, false, 0, host.ClassUnknown},
	{"stdout noise", "a gigabyte on stdout holds up its writer only", "bad", map[string]string{"status": "stdout"}, false, time.Second, host.ClassTimeout},
	{"stderr noise", "a gigabyte on stderr holds up its writer only", "bad", map[string]string{"status": "stderr"}, false, time.Second, host.ClassTimeout},
	{"child left behind", "a child that holds the plugin's pipes is killed with it", "bad", map[string]string{"do": "child"}, true, 0, host.ClassPluginDied},
}

// RunHost proves the host with badplugin, built at the given path: after each misbehaviour a well-behaved device is served as before. The
// error is of the test itself.
func RunHost(ctx context.Context, bad string, report func(Case)) error {
	for _, c := range hostCases {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		begin := time.Now()
		out := Case{Name: c.name, Proves: c.proves, Of: "host", Outcome: Pass}
		if err := c.run(ctx, bad); err != nil {
			out.Outcome, out.Text = Fail, err.Error()
		}
		out.Took = time.Since(begin)
		report(out)
	}
	return nil
}

func (c hostCase) run(ctx context.Context, bad string) error {
	s, err := newSubject(Options{Path: bad, Target: "n1"})
	if err != nil {
		return err
	}
	defer s.remove()
	if c.plugin != s.name {
		if err := s.copy(c.plugin); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(s.dir, "n1"), []byte("on"), 0o600); err != nil {
		return err
	}
	h, err := host.New(host.Config{Dir: s.dir, RunDir: s.dir, Logger: slog.New(s.log), StartTimeout: c.startTimeout(), Grace: 200 * time.Millisecond})
	if err != nil {
		return err
	}
	defer h.Close()
	odd := host.DeviceConfig{Name: "odd", Plugin: c.plugin, Options: map[string]string{"dir": s.dir}}
	for k, v := range c.options {
		odd.Options[k] = v
	}
	good := host.DeviceConfig{Name: "good", Plugin: s.name, Options: map[string]string{"dir": s.dir}}
	if err := h.Configure([]host.DeviceConfig{odd, good}); err != nil {
		return err
	}
	return c.judge(ctx, s, h)
}

// startTimeout is long, so that a busy machine is not taken for a plugin that does not start, but where just that is to be seen.
func (c hostCase) startTimeout() time.Duration {
	if c.plugin == "bad-silent" || c.plugin == "bad-mute" {
		return 4 * time.Second
	}
	return 20 * time.Second
}

func (c hostCase) judge(ctx context.Context, s *subject, h *host.Host) error {
	if _, err := s.status(ctx, h, "good", "n1"); err != nil {
		return fmt.Errorf("before it the other device fails: %w", err)
	}
	timeout := c.timeout
	if timeout == 0 {
		timeout = 20 * time.Second
	}
	short, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	begin := time.Now()
	var err error
	if c.act {
		err = h.Do(short, "odd", "n1", "off")
	} else {
		_, err = h.Status(short, "odd", "n1")
	}
	if took := time.Since(begin); took > timeout+3*time.Second {
		return fmt.Errorf("the call took %v, its deadline was %v", took, timeout)
	}
	if host.ClassOf(err) != c.want {
		return fmt.Errorf("the call ends with %v, want class %s", orOK(err), c.want)
	}
	if c.name == "late effect" { // it would come 3 s after the request
		if err := pause(ctx, time.Until(begin.Add(3500*time.Millisecond))); err != nil {
			return err
		}
	}
	r, err := s.status(ctx, h, "good", "n1")
	if err != nil || r.State != fence.PowerOn {
		return fmt.Errorf("after it the other device says %s, %v", r.State, orOK(err))
	}
	return childGone(ctx, s)
}

// childGone demands that a child which the plugin started, if it did, is dead.
func childGone(ctx context.Context, s *subject) error {
	text, err := os.ReadFile(filepath.Join(s.dir, "child"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var child int
	if _, err := fmt.Sscan(string(text), &child); err != nil {
		return err
	}
	for end := time.Now().Add(5 * time.Second); syscall.Kill(child, 0) == nil && !zombie(child); {
		if time.Now().After(end) {
			return fmt.Errorf("its child %d still lives", child)
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// zombie reports whether a process is dead and waits for its parent, who is not us.
func zombie(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] == ')' {
			return i+2 < len(b) && b[i+2] == 'Z'
		}
	}
	return false
}

package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/internal/config"

	"github.com/fenced-project/fenced/client"
)

// sleeper is a real process with a pid file; it stands for a core process that no systemd runs.
type sleeper struct {
	t    *testing.T
	path string
	cmd  *exec.Cmd
}

func (s *sleeper) start() {
	s.t.Helper()
	s.cmd = exec.Command("sleep", "600")
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	cmd := s.cmd
	s.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if err := os.WriteFile(s.path, []byte(fmt.Sprintf("%d\n", cmd.Process.Pid)), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// end kills it; what ends in order removes its file first.
func (s *sleeper) end(inOrder bool) {
	s.t.Helper()
	if inOrder {
		if err := os.Remove(s.path); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := s.cmd.Process.Signal(unix.SIGKILL); err != nil {
		s.t.Fatal(err)
	}
	_ = s.cmd.Wait() // killed
}

// watched runs watchCore alone and gives what it tells the loop.
func watched(t *testing.T, look CoreLook) <-chan member.CoreSeen {
	d := &Daemon{inputs: make(chan any, 64), done: make(chan struct{}), log: silent()}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { d.watchCore(ctx, Core{Name: "core", Look: look}); close(ended) }()
	seen := make(chan member.CoreSeen, 64)
	go func() {
		for {
			select {
			case in := <-d.inputs:
				seen <- in.(member.CoreSeen)
			case <-d.done:
				return
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(testTimeout):
			t.Error("it does not end with its context")
		}
		close(d.done)
	})
	return seen
}

func await(t *testing.T, seen <-chan member.CoreSeen, fate member.CoreFate, why string) {
	t.Helper()
	limit := time.After(testTimeout)
	for {
		select {
		case in := <-seen:
			if in.Fate == fate && strings.Contains(in.Why, why) {
				return
			}
			if in.Fate != member.CoreStopped && in.Fate != fate {
				t.Fatalf("%s: %s, want %s", in.Fate, in.Why, fate)
			}
		case <-limit:
			t.Fatalf("never %s", fate)
		}
	}
}

// A process with a pid file that is killed has died; one that removes its file has stopped; another under its number is not it, and a zombie has ended.
// part of: S4.6
func TestAPIDFileTellsAKillFromAStop(t *testing.T) {
	p := &sleeper{t: t, path: filepath.Join(t.TempDir(), "sleep.pid")}
	seen := watched(t, PIDFileLook(p.path, "sleep"))
	await(t, seen, member.CoreStopped, "no pid file")
	p.start()
	await(t, seen, member.CoreRuns, "")
	p.end(false)
	await(t, seen, member.CoreDied, "")
	p.start()
	await(t, seen, member.CoreRuns, "")
	p.end(true)
	await(t, seen, member.CoreStopped, "no pid file")

	if err := os.WriteFile(p.path, []byte(fmt.Sprint(os.Getpid())), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := PIDFileLook(p.path, "sleep")(context.Background()); err == nil || s.PID != 0 {
		t.Errorf("another process under its number: %+v %v", s, err)
	}
	if err := os.WriteFile(p.path, []byte("one\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := PIDFileLook(p.path, "sleep")(context.Background()); err == nil {
		t.Errorf("a file that says nothing: %+v", s)
	}
	p.start()
	if err := p.cmd.Process.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(testTimeout)
	for { // nobody waits for it, so its number stays its own
		_, f, err := openCore(context.Background(), PIDFileLook(p.path, "sleep"), CoreSight{})
		if f != nil {
			_ = f.Close()
		}
		if err != nil && strings.Contains(err.Error(), "has ended") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("a zombie is taken for a process that runs: %v", err)
		}
		time.Sleep(time.Millisecond)
	}
}

// What systemd says of a unit, in its words.
// part of: S4.6
func TestWhatSystemdSaysOfAUnit(t *testing.T) {
	for _, row := range []struct {
		says string
		want CoreSight
	}{
		{"LoadState=loaded ActiveState=active MainPID=7 Result=success NRestarts=2", CoreSight{PID: 7, Restarts: 2}},
		{"LoadState=loaded ActiveState=reloading MainPID=7 Result=success NRestarts=0", CoreSight{PID: 7}},
		{"LoadState=loaded ActiveState=active MainPID=0 Result=success NRestarts=0", CoreSight{Fate: member.CoreStopped}},
		{"LoadState=loaded ActiveState=inactive MainPID=0 Result=success NRestarts=0", CoreSight{Fate: member.CoreStopped}},
		{"LoadState=loaded ActiveState=deactivating SubState=stop-sigterm Job=71 MainPID=9 Result=success NRestarts=0", CoreSight{Fate: member.CoreStopped}},
		{"LoadState=loaded ActiveState=deactivating SubState=stop-sigterm MainPID=0 Result=success NRestarts=0", CoreSight{Fate: member.CoreDied, Undecided: true}},
		{"LoadState=loaded ActiveState=activating SubState=auto-restart MainPID=0 Result=success NRestarts=0", CoreSight{Fate: member.CoreDied}},
		{"LoadState=loaded ActiveState=activating SubState=auto-restart-queued Job=72 MainPID=0 Result=success NRestarts=1", CoreSight{Fate: member.CoreDied, Restarts: 1}},
		{"LoadState=loaded ActiveState=activating MainPID=9 Result=success NRestarts=1", CoreSight{Fate: member.CoreStopped, Restarts: 1}},
		{"LoadState=loaded ActiveState=activating MainPID=0 Result=signal NRestarts=0", CoreSight{Fate: member.CoreDied}},
		{"LoadState=loaded ActiveState=failed MainPID=0 Result=start-limit-hit NRestarts=5", CoreSight{Fate: member.CoreDied, Restarts: 5}},
		{"LoadState=loaded ActiveState=deactivating MainPID=0 Result=oom-kill NRestarts=0", CoreSight{Fate: member.CoreDied}},
		{"LoadState=not-found ActiveState=inactive MainPID=0 Result=success NRestarts=0", CoreSight{Fate: member.CoreStopped}},
	} {
		got, err := unitSight("x.service", strings.ReplaceAll(row.says, " ", "\n"))
		if got.Why == "" && got.PID == 0 {
			t.Errorf("%s: no reason", row.says)
		}
		got.Why = ""
		if got.PID != 0 {
			got.Fate = ""
		}
		if err != nil || got != row.want {
			t.Errorf("%s: %+v %v, want %+v", row.says, got, err, row.want)
		}
	}
	for _, says := range []string{"", "ActiveState=active", "MainPID=x\nActiveState=active\nResult=success\nNRestarts=0", "MainPID=1\nNRestarts=0\nResult=success"} {
		if s, err := unitSight("x.service", says); err == nil {
			t.Errorf("%q: %+v", says, s)
		}
	}
}

// A restart that was over before anybody looked is a death all the same, one by an order is none, and what cannot be asked about has died.
// part of: S4.6
func TestWhatTheEndOfAProcessMeant(t *testing.T) {
	was := CoreSight{PID: 7, Restarts: 1}
	for name, row := range map[string]struct {
		now  CoreSight
		err  error
		want member.CoreFate
	}{
		"started again by itself": {now: CoreSight{PID: 8, Restarts: 2}, want: member.CoreDied},
		"started again by order":  {now: CoreSight{PID: 8}, want: member.CoreStopped},
		"stopped":                 {now: CoreSight{Fate: member.CoreStopped}, want: member.CoreStopped},
		"failed":                  {now: CoreSight{Fate: member.CoreDied, Restarts: 1}, want: member.CoreDied},
		"not asked":               {err: context.DeadlineExceeded, want: member.CoreDied},
		"never noticed":           {now: was, want: member.CoreDied},
		"never decided":           {now: CoreSight{Fate: member.CoreDied, Restarts: 1, Undecided: true}, want: member.CoreDied},
	} {
		got, why := coreEnd(context.Background(), func(context.Context) (CoreSight, error) { return row.now, row.err }, was)
		if got != row.want {
			t.Errorf("%s: %s (%s)", name, got, why)
		}
	}
}

// Who cannot be asked at once is asked again: a pid file that its manager removes, or a successor writes, a moment after the process ended, and a systemd
// that executes itself anew, reset no node that is well.
// part of: S4.6
func TestAnEndIsAskedAboutAgain(t *testing.T) {
	was := CoreSight{PID: 7, Restarts: 1}
	for name, then := range map[string]CoreSight{"stopped": {Fate: member.CoreStopped, Restarts: 1}, "replaced": {PID: 8, Restarts: 1}} {
		asked := 0
		got, why := coreEnd(context.Background(), func(context.Context) (CoreSight, error) {
			if asked++; asked == 1 {
				return CoreSight{}, errors.New("connection refused")
			}
			return then, nil
		}, was)
		if got != member.CoreStopped || asked < 2 {
			t.Errorf("%s: %s (%s), asked %d times", name, got, why, asked)
		}
	}
	asked := 0
	if got, why := coreEnd(context.Background(), func(context.Context) (CoreSight, error) {
		asked++
		return CoreSight{Fate: [2]member.CoreFate{member.CoreDied, member.CoreStopped}[min(asked-1, 1)], Undecided: asked == 1, Restarts: 1}, nil
	}, was); got != member.CoreStopped || asked != 2 {
		t.Errorf("a unit that is still being ended: %s (%s), asked %d times", got, why, asked)
	}
	p := &sleeper{t: t, path: filepath.Join(t.TempDir(), "sleep.pid")}
	p.start()
	look := PIDFileLook(p.path, "sleep")
	s, err := look(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // killed
	asked = 0
	got, why := coreEnd(context.Background(), func(ctx context.Context) (CoreSight, error) {
		if asked++; asked == 2 { // its manager removes the file when it has seen the end
			if err := os.Remove(p.path); err != nil {
				t.Error(err)
			}
		}
		return look(ctx)
	}, s)
	if got != member.CoreStopped {
		t.Errorf("its file was removed after it ended: %s (%s)", got, why)
	}
}

// The file of a process whose end was seen names nobody while it is unchanged, also when another of its name has the number; written anew, it does.
// part of: S4.6
func TestTheFileOfADeadProcessNamesNobody(t *testing.T) {
	p := &sleeper{t: t, path: filepath.Join(t.TempDir(), "sleep.pid")}
	p.start()
	look := PIDFileLook(p.path, "sleep")
	last, f, err := openCore(context.Background(), look, CoreSight{})
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	if _, f, err = openCore(context.Background(), look, last); f != nil || err == nil || !strings.Contains(err.Error(), "which has ended") {
		t.Errorf("another process with its number is taken for it: %v", err) // this one lives, as a namesake would
	}
	if err := os.Chtimes(p.path, time.Time{}, time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, f, err = openCore(context.Background(), look, last); err != nil {
		t.Fatalf("written anew: %v", err)
	}
	_ = f.Close()
}

// A pidfd that the poller does not take is looked at instead: an end is seen, and nothing counts as running for ever.
// part of: S4.6
func TestAnEndThatCannotBeWaitedFor(t *testing.T) {
	p := &sleeper{t: t, path: filepath.Join(t.TempDir(), "sleep.pid")}
	p.start()
	fd, err := unix.PidfdOpen(p.cmd.Process.Pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "blocking") // a file in blocking mode is not polled
	defer func() { _ = f.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	if err := awaitExit(ctx, f); err == nil || ctx.Err() != nil {
		t.Fatalf("%v", err)
	}
	var said strings.Builder
	d := &Daemon{log: slog.New(slog.NewTextHandler(&said, nil))}
	killed := time.AfterFunc(100*time.Millisecond, func() { _ = p.cmd.Process.Kill() })
	defer killed.Stop()
	if d.awaitCore(ctx, "a.service", f); ctx.Err() != nil || !ended(fd) || !strings.Contains(said.String(), "a.service") {
		t.Errorf("its end is not seen, or nobody is told why that takes longer: %v, %q", ctx.Err(), said.String())
	}
}

// TestACoreProcessOfAMember: a killed core process with the policy freeze freezes a member and is shown; with the policy reset it ends this machine's life,
// and the others make it their victim.
// part of: S4.6
func TestACoreProcessOfAMember(t *testing.T) {
	l := newLab(t)
	l.cores = []config.Core{{Core: member.Core{Name: "a.service", Policy: member.CoreFreeze}}, {Core: member.Core{Name: "b.service", Policy: member.CoreReset}}}
	l.stop(1)
	l.until(2, "node-1 fenced", func(s client.Status) bool { return s.Nodes[0].State == client.StateFenced })
	l.start(1, "boot-2")
	d := l.nodes[1].d
	see := func(name string, f member.CoreFate) { d.post(member.CoreSeen{Name: name, Fate: f, Why: "signal 9"}) }
	shown := func(s client.Status, text string) bool {
		return slices.ContainsFunc(s.Attention, func(a client.Attention) bool { return a.Code == client.AttentionCore && strings.Contains(a.Text, text) })
	}
	l.until(1, "member, and both are missing", func(s client.Status) bool {
		return s.Nodes[0].State == client.StateMember && s.Frozen && shown(s, "a.service stopped") && shown(s, "b.service stopped")
	})
	see("a.service", member.CoreRuns)
	see("b.service", member.CoreRuns)
	l.until(1, "nothing is missing", func(s client.Status) bool { return !s.Frozen && !shown(s, "") })
	see("a.service", member.CoreDied)
	l.until(1, "frozen, and says who is missing", func(s client.Status) bool { return s.Frozen && shown(s, "a.service died: signal 9") })
	see("a.service", member.CoreRuns)
	l.until(1, "thawed", func(s client.Status) bool { return !s.Frozen && !shown(s, "") })
	see("b.service", member.CoreDied)
	l.until(2, "node-1 reset, and no member any more", func(s client.Status) bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return strings.Contains(l.resets[1], "core process b.service died: signal 9") && s.Nodes[0].State != client.StateMember
	})
}

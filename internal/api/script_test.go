package api

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
)

// script is configs/examples/fenced-client.sh at work, with bash and curl as they are.
type script struct {
	t    *testing.T
	cmd  *exec.Cmd
	out  *bufio.Reader
	file string
}

func (r *rig) script(t *testing.T, after string) *script {
	t.Helper()
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("FENCED_TEST_REQUIRE") == "all" {
				t.Fatalf("SKIP %s: %s is not installed (and FENCED_TEST_REQUIRE=all)", t.Name(), tool)
			}
			t.Skipf("SKIP %s: %s is not installed", t.Name(), tool)
		}
	}
	s := &script{t: t, file: filepath.Join(t.TempDir(), "handled")}
	if after != "" {
		if err := os.WriteFile(s.file, []byte(after+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.cmd = exec.Command("bash", "../../configs/examples/fenced-client.sh", "db", s.file)
	s.cmd.Env = append(os.Environ(), "FENCED_SOCKET="+r.path)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Stderr = s.cmd.Stdout
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	limit := time.AfterFunc(slow(20*time.Second), s.kill)
	t.Cleanup(func() {
		limit.Stop()
		s.kill()
		_ = s.cmd.Wait()
	})
	s.out = bufio.NewReader(out)
	return s
}

func (s *script) kill() { _ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL) }

// says demands the next lines.
func (s *script) says(lines ...string) {
	s.t.Helper()
	for _, want := range lines {
		got, err := s.out.ReadString('\n')
		if err != nil || strings.TrimSpace(got) != want {
			s.t.Fatalf("the script says %q (%v), want %q", got, err, want)
		}
	}
}

// ends demands its exit code.
func (s *script) ends(code int) {
	s.t.Helper()
	_ = s.cmd.Wait()
	if got := s.cmd.ProcessState.ExitCode(); got != code {
		s.t.Errorf("the script ends with %d, want %d", got, code)
	}
}

func (r *rig) scriptStream(t *testing.T) *Stream {
	t.Helper()
	for end := time.Now().Add(slow(10 * time.Second)); time.Now().Before(end); time.Sleep(time.Millisecond) {
		r.node.mu.Lock()
		n := len(r.node.streams)
		r.node.mu.Unlock()
		if n > 0 {
			return r.stream1(0)
		}
	}
	t.Fatal("the script does not register")
	return nil
}

// The example for programs in shell does what it says, with curl.
func TestTheShellExample(t *testing.T) {
	r := registering(t, nil)
	r.node.set(func(f *fake) { f.first.HeartbeatMS = slow(2 * time.Second).Milliseconds() })
	s := r.script(t, "17")
	stream := r.scriptStream(t)
	if a, ok := r.node.last()[0].(ClientArgs); !ok || a.Name != "db" || a.After != 17 || a.Role != client.RoleWatch || a.Critical {
		t.Errorf("asked %+v", a)
	}
	for _, n := range []client.Notice{
		{Event: client.NoticeRefused, Why: `it waits for "node-3"`},
		{Event: client.NoticeHeartbeat},
		{Event: client.NoticeGranted},
		{Event: client.NoticeFrozen, Why: `"event":"granted"`}, // a text is never taken for a field
		{Event: client.NoticeThawed},
		{Event: client.NoticeReleased, Index: 44, Node: "node-3", Incarnation: "b3", Verdict: "reset"},
	} {
		stream.Tell(Tale{Notice: n})
	}
	s.says(`wait: it waits for \`, "start", `pause: \`, "resume", "recover node-3 life b3")
	for end := time.Now().Add(slow(10 * time.Second)); ; time.Sleep(time.Millisecond) {
		b, err := os.ReadFile(s.file)
		if err == nil && string(b) == "44\n" {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("what is handled is %q, %v", b, err)
		}
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.says("stop: asked to")
	r.asked(t, "done 1 by uid=")
	s.ends(0)
}

func TestTheShellExampleStopsWhenItsNodeHasFailed(t *testing.T) {
	for name, end := range map[string]func(*rig, *Stream){
		"end of file": func(_ *rig, s *Stream) { s.End() },
		"silence":     func(*rig, *Stream) {},
		"you are failed": func(_ *rig, s *Stream) {
			s.Tell(Tale{Notice: client.Notice{Event: client.NoticeFailed, Why: "a verdict"}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := registering(t, nil)
			r.node.set(func(f *fake) { f.first.HeartbeatMS = slow(500 * time.Millisecond).Milliseconds() })
			s := r.script(t, "")
			stream := r.scriptStream(t)
			stream.Tell(Tale{Notice: client.Notice{Event: client.NoticeGranted}})
			s.says("start")
			end(r, stream)
			s.says("stop: this node has failed")
			s.ends(1)
			if why := r.asked(t, "gone "); !strings.HasPrefix(why, "gone 1: ") {
				t.Error(why)
			}
		})
	}
	t.Run("refused", func(t *testing.T) {
		r := registering(t, nil)
		r.node.set(func(f *fake) { f.err = client.Errorf(client.CodeTryAgain, "a client named db is registered already") })
		s := r.script(t, "")
		s.says(`{"api":"fenced/v1","code":75,"error":"a client named db is registered already","near":[]}`, "stop: this node has failed")
		s.ends(1)
	})
}

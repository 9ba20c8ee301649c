package host

import (
	"context"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/test/harness"
)

func knob(name, option, value string) DeviceConfig {
	return DeviceConfig{Name: name, Plugin: "bad", Options: map[string]string{option: value}}
}

// A Do that overruns costs its process group its life before the effect can come (R9), and its caller has the timeout at the deadline.
func TestOverrunOfDoIsKilled(t *testing.T) {
	t.Parallel()
	b := newBench(t, Config{Grace: 200 * time.Millisecond})
	b.put("n1", "on")
	b.configure(knob("late", "do", "late"), knob("good", "do", "none"), knob("busy", "status", "hang"))
	b.warm()
	pid := b.pids()["bad/main"]
	busy := make(chan error, 1)
	go func() { // the process is not spared for the sake of another call
		_, err := b.Status(b.within(30*time.Second), "busy", "n1")
		busy <- err
	}()
	eventually(t, "the other call is in the plugin", func() bool { return exists(b.files + "/hanging") })
	begin := time.Now()
	err := b.Do(b.within(500*time.Millisecond), "late", "n1", "off")
	wantClass(t, err, ClassTimeout)
	if took := time.Since(begin); took < 500*time.Millisecond || took > harness.Slow(900*time.Millisecond) {
		t.Errorf("the caller was answered after %v", took)
	}
	eventually(t, "the process is killed", func() bool { return !alive(pid) })
	if took := time.Since(begin); took > harness.Slow(2*time.Second) {
		t.Errorf("the process was killed after %v: the effect of its request could have come", took)
	}
	wantClass(t, <-busy, ClassPluginDied)
	must(t, b.Do(b.within(10*time.Second), "good", "n1", "on")) // the others go on in a fresh process
	eventually(t, "the effect would have come", func() bool { return time.Since(begin) > 3300*time.Millisecond })
	if state := b.get("n1"); state != "on" {
		t.Errorf("the target is %q: a request had its effect after its deadline", state)
	}
}

// A read that overruns does not destroy other devices' calls: the process finishes them, new calls find a fresh one, and the device that
// hung goes to the ward, where its next hang leaves the main process alone.
func TestOverrunOfReadSparesOthers(t *testing.T) {
	t.Parallel()
	b := newBench(t, Config{Grace: 100 * time.Millisecond})
	b.put("n1", "on")
	b.configure(knob("hung", "status", "hang"), knob("slow", "status", "slow"), knob("good", "status", "none"))
	b.warm()
	first := b.pids()["bad/main"]
	other := make(chan error, 1)
	go func() {
		_, err := b.Status(b.within(10*time.Second), "slow", "n1") // takes 1.5 s
		other <- err
	}()
	_, err := b.Status(b.within(400*time.Millisecond), "hung", "n1")
	wantClass(t, err, ClassTimeout)
	eventually(t, "a fresh process runs", func() bool { p := b.pids()["bad/main"]; return p != 0 && p != first })
	second := b.pids()["bad/main"]
	b.wantState("good", "n1", fence.PowerOn)
	if err := <-other; err != nil {
		t.Errorf("another device's call was destroyed: %v", err)
	}
	eventually(t, "the old process ends when its calls have", func() bool { return !alive(first) })
	_, err = b.Status(b.within(harness.Slow(2*time.Second)), "hung", "n1")
	wantClass(t, err, ClassTimeout)
	b.wantState("good", "n1", fence.PowerOn)
	if p := b.pids()["bad/main"]; p != second {
		t.Errorf("a second hang of the same device cost the main process its life: %d, %d", second, p)
	}
}

// The drain of a process ends even if its other calls do not.
func TestDrainEnds(t *testing.T) {
	t.Parallel()
	b := newBench(t, Config{Grace: 50 * time.Millisecond, Drain: 300 * time.Millisecond})
	b.put("n1", "on")
	b.configure(knob("h1", "status", "hang"), knob("h2", "status", "hang"))
	b.warm()
	pid := b.pids()["bad/main"]
	other := make(chan error, 1)
	go func() {
		_, err := b.Status(b.within(30*time.Second), "h2", "n1")
		other <- err
	}()
	eventually(t, "the other call is in the plugin", func() bool { return exists(b.files + "/hanging") })
	_, err := b.Status(b.within(200*time.Millisecond), "h1", "n1")
	wantClass(t, err, ClassTimeout)
	wantClass(t, <-other, ClassPluginDied)
	eventually(t, "the process is gone", func() bool { return !alive(pid) })
}

// A plugin that dies in an operation costs that call and nothing else; its devices are opened again by themselves.
func TestDeathCostsOneCall(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"crash", "memory", "child"} {
		t.Run(how, func(t *testing.T) {
			b := newBench(t, Config{})
			b.put("n1", "on")
			b.configure(knob("dies", "do", how), knob("good", "do", "none"))
			b.warm()
			err := b.Do(b.within(20*time.Second), "dies", "n1", "off")
			wantClass(t, err, ClassPluginDied)
			t.Log(err)
			must(t, b.Do(b.within(10*time.Second), "good", "n1", "off"))
			b.wantState("dies", "n1", fence.PowerOff)
			if how == "child" {
				child, err := strconv.Atoi(b.get("child"))
				must(t, err)
				eventually(t, "the plugin's child is gone", func() bool { return !alive(child) })
			}
		})
	}
}

// kill -9 and SIGSTOP from outside, in a call.
func TestSignalsInACall(t *testing.T) {
	t.Parallel()
	for sig, want := range map[syscall.Signal]Class{syscall.SIGKILL: ClassPluginDied, syscall.SIGSTOP: ClassTimeout} {
		t.Run(sig.String(), func(t *testing.T) {
			b := newBench(t, Config{Grace: 100 * time.Millisecond})
			b.put("n1", "on")
			b.configure(knob("d", "status", "hang"), knob("good", "status", "none"))
			b.warm()
			pid := b.pids()["bad/main"]
			ended := make(chan error, 1)
			ctx := b.within(time.Second)
			go func() {
				_, err := b.Status(ctx, "d", "n1")
				ended <- err
			}()
			eventually(t, "the call is in the plugin", func() bool { return exists(b.files + "/hanging") })
			must(t, syscall.Kill(pid, sig))
			wantClass(t, <-ended, want)
			eventually(t, "a stopped process is killed", func() bool { return !alive(pid) })
			b.wantState("good", "n1", fence.PowerOn)
		})
	}
}

// When a read overruns and the process does not answer at all, the other calls in it are not left to hang until their own deadlines.
func TestOverrunOfAStoppedProcess(t *testing.T) {
	t.Parallel()
	b := newBench(t, Config{Grace: 100 * time.Millisecond, Drain: time.Hour, HealthTimeout: harness.Slow(500 * time.Millisecond)})
	b.put("n1", "on")
	b.configure(knob("d", "status", "none"), knob("other", "status", "hang"))
	b.warm()
	pid := b.pids()["bad/main"]
	other := make(chan error, 1)
	go func() {
		_, err := b.Status(b.within(50*time.Second), "other", "n1")
		other <- err
	}()
	eventually(t, "the other call is in the plugin", func() bool { return exists(b.files + "/hanging") })
	must(t, syscall.Kill(pid, syscall.SIGSTOP))
	eventually(t, "the signal is felt", func() bool {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		return err == nil && strings.Contains(string(stat), ") T ")
	})
	_, err := b.Status(b.within(300*time.Millisecond), "d", "n1")
	wantClass(t, err, ClassTimeout)
	wantClass(t, <-other, ClassPluginDied)
	b.wantState("d", "n1", fence.PowerOn)
}

// A stopped plugin is found and replaced before anybody needs it.
func TestHealthFindsAStoppedPlugin(t *testing.T) {
	t.Parallel()
	b := newBench(t, Config{HealthInterval: 100 * time.Millisecond, HealthTimeout: harness.Slow(300 * time.Millisecond)})
	b.configure(DeviceConfig{Name: "d", Plugin: "dummy"})
	b.warm()
	pid := b.pids()["dummy/main"]
	must(t, syscall.Kill(pid, syscall.SIGSTOP))
	eventually(t, "another process runs", func() bool { p := b.pids()["dummy/main"]; return p != 0 && p != pid })
	if alive(pid) {
		t.Error("the stopped process still lives")
	}
}

// A panic is that call's failure; the process lives.
func TestPanicCostsOneCall(t *testing.T) {
	t.Parallel()
	b := newBench(t, Config{})
	b.put("n1", "on")
	b.configure(knob("d", "do", "panic"))
	b.warm()
	pid := b.pids()["bad/main"]
	wantClass(t, b.Do(b.within(10*time.Second), "d", "n1", "off"), ClassUnknown)
	b.wantState("d", "n1", fence.PowerOn)
	if p := b.pids()["bad/main"]; p != pid {
		t.Errorf("the process is %d, it was %d", p, pid)
	}
}

// A flood of output wastes the plugin's own time only: the log stays small, other devices are served meanwhile (V15).
func TestFlood(t *testing.T) {
	t.Parallel()
	for _, stream := range []string{"stdout", "stderr", "print"} {
		t.Run(stream, func(t *testing.T) {
			b := newBench(t, Config{})
			b.put("n1", "on")
			b.configure(knob("d", "status", stream), DeviceConfig{Name: "good", Plugin: "dummy"})
			b.warm()
			ctx, cancel := context.WithTimeout(context.Background(), harness.Slow(2*time.Second))
			defer cancel()
			ended := make(chan error, 1)
			go func() {
				_, err := b.Status(ctx, "d", "n1")
				ended <- err
			}()
			for n := 0; ; n++ {
				select {
				case err := <-ended:
					wantClass(t, err, ClassTimeout)
					if size := len(b.log.String()); size > 128<<10 {
						t.Errorf("the flood left %d bytes in the log", size)
					}
					if n < 10 {
						t.Errorf("only %d calls of another device came through", n)
					}
					return
				default:
					b.wantState("good", "n1", fence.PowerOn)
				}
			}
		})
	}
}

// Answers that no sdk would give are bounded, made fit to be shown, and never good news.
func TestWildAnswers(t *testing.T) {
	t.Parallel()
	b := newBench(t, Config{})
	b.configure(DeviceConfig{Name: "d", Plugin: "bad-wire"})
	for target, want := range map[string]Class{"large": ClassUnknown, "class": ClassUnknown, "other": ClassUnknown} {
		r, err := b.Status(b.within(10*time.Second), "d", target)
		wantClass(t, err, want)
		if r.State != fence.PowerUnknown {
			t.Errorf("%s: the state is %s", target, r.State)
		}
		if strings.ContainsAny(err.Error(), "\n\x1b") || len(err.Error()) > 2*textLimit {
			t.Errorf("%s: the error is not fit to be shown: %q", target, err)
		}
	}
	r, err := b.Status(b.within(10*time.Second), "d", "state")
	must(t, err)
	if r.State != fence.PowerUnknown || len(r.Identity.UUIDs) > mostUUIDs || len(r.Detail) > textLimit+8 {
		t.Errorf("the reading is %s with %d uuids and %d bytes of detail", r.State, len(r.Identity.UUIDs), len(r.Detail))
	}
}

// A careless plugin brings no password into the log or an error.
func TestSecretsAreHidden(t *testing.T) {
	t.Parallel()
	b := newBench(t, Config{})
	b.configure(DeviceConfig{Name: "d", Plugin: "bad", Options: map[string]string{"status": "tell"}, Secrets: map[string]Secret{"password": NewSecret("correct-horse")}})
	_, err := b.Status(b.within(10*time.Second), "d", "n1")
	wantClass(t, err, ClassAuth)
	eventually(t, "the plugin's words are in the log", func() bool { return strings.Contains(b.log.String(), "the password is") })
	for _, text := range []string{err.Error(), b.log.String()} {
		if strings.Contains(text, "correct-horse") {
			t.Errorf("the password is in %q", text)
		}
	}
	if !strings.Contains(err.Error(), "***") {
		t.Errorf("the error is %q", err)
	}
}

// Open may hang too; it can switch nothing, and costs its own device only.
func TestHangInOpen(t *testing.T) {
	t.Parallel()
	b := newBench(t, Config{Grace: 100 * time.Millisecond, CallTimeout: harness.Slow(500 * time.Millisecond)})
	b.put("n1", "on")
	b.configure(knob("d", "open", "hang"), knob("good", "open", "none"))
	_, err := b.Status(b.within(400*time.Millisecond), "d", "n1")
	wantClass(t, err, ClassTimeout)
	b.wantState("good", "n1", fence.PowerOn)
}

// Close ends calls that hang.
func TestCloseInACall(t *testing.T) {
	t.Parallel()
	b := newBench(t, Config{})
	b.configure(knob("d", "do", "hang"))
	b.warm()
	ended := make(chan error, 1)
	go func() { ended <- b.Do(b.within(30*time.Second), "d", "n1", "off") }()
	eventually(t, "the call is in the plugin", func() bool { return exists(b.files + "/hanging") })
	begin := time.Now()
	must(t, b.Host.Close())
	wantClass(t, <-ended, ClassPluginDied)
	if took := time.Since(begin); took > harness.Slow(2*time.Second) {
		t.Errorf("Close took %v", took)
	}
	wantClass(t, b.Do(b.within(time.Second), "d", "n1", "off"), ClassUnknown)
	if err := b.Configure(nil); err == nil {
		t.Error("a closed host can be configured")
	}
}

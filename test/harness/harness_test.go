package harness

import (
	"errors"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSlowOnlyStretches(t *testing.T) {
	for value, want := range map[string]time.Duration{"": time.Second, "3": 3 * time.Second, "0.1": time.Second, "fast": time.Second} {
		t.Setenv("FENCED_TEST_SLOW", value)
		if got := Slow(time.Second); got != want {
			t.Errorf("with %q a second is %v", value, got)
		}
	}
	t.Setenv("FENCED_TEST_SLOW", "2")
	end, ok := Within(t, time.Minute).Deadline()
	if left := time.Until(end); !ok || left < 110*time.Second || left > 2*time.Minute {
		t.Errorf("a minute on a slow machine ends in %v", left)
	}
}

func TestProgramEndsWithItsTest(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "sleep", "600")
	t.Run("a test", func(t *testing.T) { Start(t, cmd) })
	if cmd.ProcessState == nil || cmd.ProcessState.Exited() {
		t.Errorf("it ended with %v, a signal was wanted", cmd.ProcessState)
	}
	n := 0
	Await(t, func() error {
		if n++; n < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	if n != 3 {
		t.Errorf("it was asked %d times", n)
	}
}

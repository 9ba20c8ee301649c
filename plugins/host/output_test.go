package host

import (
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func newTestOutput(secrets ...string) (*output, *buffer, chan struct{}) {
	b, done := &buffer{}, make(chan struct{})
	return newOutput(slog.New(slog.NewTextHandler(b, nil)), "stderr", func() []string { return secrets }, done), b, done
}

// Lines beyond the rate are dropped and counted; the rate comes back.
func TestOutputLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, log, _ := newTestOutput()
		for range 1000 {
			_, _ = o.Write([]byte("hello\n"))
		}
		if n := strings.Count(log.String(), "text=hello"); n != lineBurst {
			t.Errorf("%d lines of a burst are in the log, want %d", n, lineBurst)
		}
		time.Sleep(time.Minute)
		_, _ = o.Write([]byte("again\n"))
		if !strings.Contains(log.String(), "text=again") || !strings.Contains(log.String(), "lines=950") {
			t.Errorf("after a pause the log is %q", log.String()[len(log.String())-200:])
		}
	})
}

// Bytes beyond the rate are not taken at once, so a flood waits for itself; a death ends the wait.
func TestOutputBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _, done := newTestOutput()
		begin := time.Now()
		for range 3 * byteBurst / (64 << 10) {
			_, _ = o.Write(make([]byte, 64<<10))
		}
		if got, want := time.Since(begin), time.Duration(2*byteBurst/bytesPerSec)*time.Second; got < want-time.Second || got > want+time.Second {
			t.Errorf("%d bytes took %v, want about %v", 3*byteBurst, got, want)
		}
		if len(o.line) > longestLine {
			t.Errorf("%d bytes of a line are held", len(o.line))
		}
		close(done)
		begin = time.Now()
		_, _ = o.Write(make([]byte, 100<<20))
		if got := time.Since(begin); got != 0 {
			t.Errorf("a dead plugin's output held its reader for %v", got)
		}
	})
}

// A line's secret is hidden, also where the line came in pieces; control characters and the rest of a long line go.
func TestOutputText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, log, _ := newTestOutput("correct-horse")
		for _, part := range []string{"the password is corr", "ect-horse\x1b[2J\n", strings.Repeat("z", 5000), "\nlast"} {
			_, _ = o.Write([]byte(part))
		}
		o.close()
		text := log.String()
		if strings.Contains(text, "horse") || strings.Contains(text, "\x1b") || !strings.Contains(text, "***") {
			t.Errorf("the log is %q", text)
		}
		if strings.Count(text, "z") > longestLine || !strings.Contains(text, "text=last") {
			t.Errorf("the log is %q", text)
		}
	})
}

// Only the first line of stdout reaches go-plugin, and only so much of it.
func TestPumpStdout(t *testing.T) {
	for name, c := range map[string]struct{ in, handshake, logged string }{
		"handshake and more": {"1|1|unix|/x|grpc|\nhello\nworld\n", "1|1|unix|/x|grpc|\n", "text=hello"},
		"no line end":        {"garbage", "garbage", ""},
		"much garbage":       {strings.Repeat("g", 3*longestHandshake) + "\nend\n", strings.Repeat("g", longestHandshake), "text=end"},
		"nothing":            {"", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			o, log, _ := newTestOutput()
			r, w := io.Pipe()
			go pumpStdout(strings.NewReader(c.in), w, o)
			got, err := io.ReadAll(r)
			if err != nil || string(got) != c.handshake {
				t.Errorf("the handshake has %d bytes, %v; want %d", len(got), err, len(c.handshake))
			}
			eventually(t, "the rest is in the log", func() bool { return strings.Contains(log.String(), c.logged) })
		})
	}
}

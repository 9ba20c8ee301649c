package host

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// someNoise is a mebibyte of noise, always the same. Of a mebibyte that chance made, one in some hundred holds a line that is long enough and all
// letters: that is told as a line, and rightly.
func someNoise() []byte {
	b := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b) // never fails
	return b
}

// A mebibyte of noise on a plugin's output is one line; text before and after it is shown, also with colours and accents.
func TestNoiseIsOneLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, log, _ := newTestOutput()
		_, _ = o.Write([]byte("\x1b[31mthe power supply says: Überspannung €\x1b[0m\n"))
		b := someNoise()
		b[0], b[1] = 0xff, 0xfe
		for i := range 20 { // no short line by chance before the first that is noise
			if b[i] == '\n' {
				b[i] = 0xff
			}
		}
		_, _ = o.Write(append(b, '\n'))
		if n := strings.Count(log.String(), "\n"); n != 2 || !strings.Contains(log.String(), "Überspannung") || strings.Count(log.String(), "msg=refused") != 1 {
			t.Errorf("noise gives %d lines: %s", n, log.String())
		}
		time.Sleep(11 * time.Second)
		_, _ = o.Write([]byte("well\n" + strings.Repeat("\x00", 500) + "\n"))
		if !strings.Contains(log.String(), "text=well") || strings.Count(log.String(), "msg=refused") != 2 {
			t.Errorf("later the log is %s", log.String())
		}
	})
}

// A plugin that writes noise instead of its handshake is out; the log stays as short as the restarts are few. It begins with what is surely no
// text.
func TestNoiseForAHandshake(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "fenced-plugin-noise"), []byte("#!/bin/sh\nhead -c 64 /dev/zero\ncat '"+filepath.Join(dir, "noise")+"'\nexec sleep 60\n"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "noise"), someNoise(), 0o644))
	b := newBench(t, Config{Dir: dir, BackoffMax: 100 * time.Millisecond})
	began := time.Now()
	b.configure(DeviceConfig{Name: "d", Plugin: "noise"})
	_, err := b.Status(b.within(5*time.Second), "d", "n1")
	wantClass(t, err, ClassPluginDied)
	eventually(t, "it was started some times", func() bool {
		b.mu.Lock()
		l := b.lanes[laneKey{"noise", mainLane}]
		b.mu.Unlock()
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.starts > 3
	})
	text := b.log.String()
	if n := strings.Count(text, "msg=refused"); n < 1 || n > 1+int(time.Since(began)/reportPeriod) {
		t.Errorf("%d lines tell of the noise in %v", n, time.Since(began))
	}
	if n := strings.Count(text, "plugin is down"); n != 1 || len(text) > 16<<10 || strings.Contains(text, "plugin output\"") {
		t.Errorf("%d lines of %d bytes: %s", n, len(text), text)
	}
}

// Package watchdog is the watchdog device of a simulated machine: a socket below its system root at which fenced-watchdog opens, feeds and
// closes it (cmd/fenced-watchdog/device_fake.go has the words), with the one thing that real ones do: when nobody feeds it for its timeout, Fire
// is called, once. It is the physics; it knows nothing of leases.
package watchdog

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Options say what kind of device it is.
type Options struct {
	// Identity is what the driver says of itself; "Software Watchdog" is softdog's.
	Identity string
	// NoWayOut: a magic close does not stop it. Timeout is what it begins with, in seconds (default 60).
	NoWayOut bool
	Timeout  int
	// Pace is how long a second of it lasts; default a second.
	Pace time.Duration
	// Fire is called when it was not fed in time: the machine is reset. It is called in a goroutine of its own.
	Fire func()
}

// Watchdog is one simulated device.
type Watchdog struct {
	o    Options
	ln   net.Listener
	dir  string // of its sysfs
	wg   sync.WaitGroup
	mu   sync.Mutex
	conn net.Conn
	sec  int
	left *time.Timer // nil while it is stopped
	n    Counts
}

// Counts is what was done to it.
type Counts struct {
	Opens, Feeds, Stops, Fired int
	Running                    bool
}

// Listen makes the device ROOT/dev/NAME and its directory in ROOT/sys/class/watchdog.
func Listen(root, name string, o Options) (*Watchdog, error) {
	if o.Timeout == 0 {
		o.Timeout = 60
	}
	if o.Pace == 0 {
		o.Pace = time.Second
	}
	w := &Watchdog{o: o, dir: filepath.Join(root, "sys/class/watchdog", name), sec: o.Timeout}
	path := filepath.Join(root, "dev", name)
	for _, d := range []string{filepath.Dir(path), w.dir} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, err
		}
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	ln, err := net.Listen("unixpacket", path)
	if err != nil {
		return nil, err
	}
	w.ln = ln
	w.mu.Lock()
	w.publish()
	w.mu.Unlock()
	w.wg.Go(w.accept)
	return w, nil
}

// Close takes the device away; nothing fires any more.
func (w *Watchdog) Close() {
	_ = w.ln.Close()
	w.mu.Lock()
	if w.conn != nil {
		_ = w.conn.Close()
	}
	w.stop()
	w.mu.Unlock()
	w.wg.Wait()
}

// Counts says what was done to it so far.
func (w *Watchdog) Counts() Counts {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.n
	c.Running = w.left != nil
	return c
}

// Reset is what a reset of the machine does to it: it stops, and whoever had it open is gone.
func (w *Watchdog) Reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stop()
	w.sec = w.o.Timeout
	w.publish()
}

func (w *Watchdog) accept() {
	for {
		c, err := w.ln.Accept()
		if err != nil {
			return
		}
		w.mu.Lock()
		if w.conn != nil {
			w.mu.Unlock()
			_, _ = c.Write([]byte("busy"))
			_ = c.Close()
			continue
		}
		w.conn = c
		w.n.Opens++
		w.start()
		w.publish()
		w.mu.Unlock()
		w.wg.Go(func() { w.held(c) })
	}
}

// held serves whoever has it open, until that closes it.
func (w *Watchdog) held(c net.Conn) {
	word := "hello " + w.o.Identity + "|magic"
	_, _ = c.Write([]byte(word))
	magic := false
	b := make([]byte, 128)
	for {
		n, err := c.Read(b)
		if err != nil || n == 0 {
			break
		}
		magic = w.word(c, string(b[:n]))
	}
	_ = c.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conn = nil
	if magic && !w.o.NoWayOut {
		w.n.Stops++
		w.stop()
	}
	w.publish()
}

// word takes one word and reports whether it was the magic one, which counts only as the last.
func (w *Watchdog) word(c net.Conn, s string) (magic bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	what, value, _ := strings.Cut(s, " ")
	switch what {
	case "feed":
		w.n.Feeds++
		w.start()
	case "timeout":
		n := 0
		if _, err := fmt.Sscan(value, &n); err == nil && n > 0 {
			w.sec = n
			w.start()
			w.publish()
		}
		_, _ = fmt.Fprintf(c, "timeout %d", w.sec)
	case "pretimeout":
		_, _ = c.Write([]byte(s))
	case "magic":
		return true
	}
	return false
}

// start puts the reset off. mu is held.
func (w *Watchdog) start() {
	w.stop()
	var t *time.Timer
	t = time.AfterFunc(time.Duration(w.sec)*w.o.Pace, func() {
		w.mu.Lock()
		mine := w.left == t
		if mine {
			w.left = nil
			w.n.Fired++
		}
		w.mu.Unlock()
		if mine && w.o.Fire != nil {
			w.o.Fire()
		}
	})
	w.left = t
}

func (w *Watchdog) stop() {
	if w.left != nil {
		w.left.Stop()
		w.left = nil
	}
}

// publish writes its sysfs. mu is held.
func (w *Watchdog) publish() {
	state := "inactive"
	if w.left != nil {
		state = "active"
	}
	way := "0"
	if w.o.NoWayOut {
		way = "1"
	}
	for name, text := range map[string]string{"identity": w.o.Identity, "state": state, "nowayout": way, "timeout": fmt.Sprint(w.sec), "bootstatus": "0"} {
		_ = os.WriteFile(filepath.Join(w.dir, name), []byte(text+"\n"), 0o644)
	}
}

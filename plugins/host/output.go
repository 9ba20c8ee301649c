package host

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// What a plugin may write: lines beyond the rate are dropped and counted, bytes beyond theirs are not read at once, so that a plugin that
// floods waits for itself. Both refill with time.
const (
	longestLine  = 1 << 10
	lineBurst    = 50
	linesPerSec  = 5
	byteBurst    = 4 << 20
	bytesPerSec  = 1 << 20
	reportPeriod = 10 * time.Second
)

// output is an io.Writer for one stream of a plugin: it logs lines within the rates above, without secrets, and holds one line at most.
type output struct {
	log     *slog.Logger
	stream  string
	secrets func() []string
	done    <-chan struct{} // the process is dead: nothing waits any more

	mu       sync.Mutex
	line     []byte
	cut      bool
	lines    bucket
	bytes    bucket
	dropped  int64
	reported time.Time
	noise    noise
	tail     string // what a person wants to read after a death
}

// bucket refills with rate per second up to burst.
type bucket struct {
	rate, burst, left float64
	at                time.Time
}

func (b *bucket) fill(now time.Time) {
	if b.at.IsZero() {
		b.left = b.burst
	} else {
		b.left = min(b.burst, b.left+b.rate*now.Sub(b.at).Seconds())
	}
	b.at = now
}

func newOutput(log *slog.Logger, stream string, secrets func() []string, done <-chan struct{}) *output {
	return &output{
		log: log, stream: stream, secrets: secrets, done: done, noise: noise{gate: &gate{}},
		lines: bucket{rate: linesPerSec, burst: lineBurst}, bytes: bucket{rate: bytesPerSec, burst: byteBurst},
	}
}

// Write takes everything and never fails; it waits while the plugin is over its bytes, at the longest until the plugin is dead.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := len(p)
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		part := p
		if i >= 0 {
			part = p[:i]
		}
		room := max(0, longestLine-len(o.line))
		o.cut = o.cut || len(part) > room
		o.line = append(o.line, part[:min(room, len(part))]...)
		if i < 0 {
			break
		}
		o.flush()
		p = p[i+1:]
	}
	o.pay(n)
	return n, nil
}

// flush logs the line that is complete, or counts it.
func (o *output) flush() {
	now := time.Now()
	o.lines.fill(now)
	text, cut := string(o.line), o.cut
	o.line, o.cut = o.line[:0], false
	if o.noise.is(text, now) {
		o.refuse(len(text), now)
		return
	}
	o.remember(text)
	if o.lines.left < 1 {
		o.dropped++
		return
	}
	if o.dropped > 0 && now.Sub(o.reported) >= reportPeriod {
		o.log.Warn("plugin output dropped", "stream", o.stream, "lines", o.dropped)
		o.dropped, o.reported = 0, now
	}
	o.lines.left--
	if text = line(redact(text, o.secrets())); text != "" {
		o.log.Info("plugin output", "stream", o.stream, "text", text, "cut", cut)
	}
}

// remember keeps the first line of a Go panic, else the last line.
func (o *output) remember(text string) {
	if strings.HasPrefix(o.tail, "panic: ") || strings.HasPrefix(o.tail, "fatal error: ") || strings.TrimSpace(text) == "" {
		return
	}
	o.tail = text
}

// last returns that line without secrets.
func (o *output) last() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return line(redact(o.tail, o.secrets()))
}

// pay waits until n bytes are within the rate.
func (o *output) pay(n int) {
	o.bytes.fill(time.Now())
	o.bytes.left -= float64(n)
	if o.bytes.left >= 0 {
		return
	}
	wait := time.NewTimer(time.Duration(-o.bytes.left / o.bytes.rate * float64(time.Second)))
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-o.done:
	}
}

// close logs what is left of an unfinished line and how much was dropped.
func (o *output) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.line) > 0 {
		o.flush()
	}
	if o.dropped > 0 {
		o.log.Warn("plugin output dropped", "stream", o.stream, "lines", o.dropped)
		o.dropped = 0
	}
}

// refuse tells of noise, in one line in ten seconds.
func (o *output) refuse(bytes int, now time.Time) {
	o.noise.bytes += int64(bytes)
	if o.noise.gate.pass(now) {
		o.log.Warn("refused", "stream", o.stream, "reason", "the plugin wrote what is no text", "bytes", o.noise.bytes)
		o.noise.bytes = 0
	}
}

// longestHandshake bounds the first line of a plugin's stdout, in bytes: a certificate of 2 KiB and some words.
const longestHandshake = 8 << 10

// pumpStdout hands the first line of a plugin's stdout to go-plugin and logs the rest; it ends with the pipe.
func pumpStdout(from io.Reader, first *io.PipeWriter, rest *output) {
	defer rest.close()
	defer first.Close()
	buf := make([]byte, 16<<10)
	sent := 0
	open := true
	for {
		n, err := from.Read(buf)
		p := buf[:n]
		if open && sent == 0 && noisy(string(p)) { // no handshake, and nothing to repeat in an error
			open = false
			_ = first.Close()
		}
		if open && n > 0 {
			head := p[:min(len(p), longestHandshake-sent)]
			if i := bytes.IndexByte(head, '\n'); i >= 0 {
				head = head[:i+1]
				open = false
			}
			_, _ = first.Write(head) // fails only when nobody waits for a handshake any more
			sent += len(head)
			p = p[len(head):]
			if !open || sent >= longestHandshake {
				open = false
				_ = first.Close()
			}
		}
		if len(p) > 0 {
			_, _ = rest.Write(p)
		}
		if err != nil {
			return
		}
	}
}

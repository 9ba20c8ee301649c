package daemon

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// journald is a socket that takes entries, and reads them only when asked to.
type journald struct {
	t    *testing.T
	conn *net.UnixConn
	addr *net.UnixAddr
}

func newJournald(t *testing.T) *journald {
	t.Helper()
	addr := &net.UnixAddr{Name: filepath.Join(t.TempDir(), "socket"), Net: "unixgram"}
	conn, err := net.ListenUnixgram("unixgram", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &journald{t: t, conn: conn, addr: addr}
}

func (j *journald) writer(stderr io.Writer) *journalWriter {
	j.t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram"})
	if err != nil {
		j.t.Fatal(err)
	}
	j.t.Cleanup(func() { _ = conn.Close() })
	return &journalWriter{conn: conn, to: j.addr, stderr: stderr, deadline: journalDeadline}
}

// read takes one entry.
func (j *journald) read() map[string]string {
	j.t.Helper()
	b := make([]byte, 1<<20)
	if err := j.conn.SetReadDeadline(time.Now().Add(testTimeout)); err != nil {
		j.t.Fatal(err)
	}
	n, err := j.conn.Read(b)
	if err != nil {
		j.t.Fatal(err)
	}
	e, err := decodeEntry(b[:n])
	if err != nil {
		j.t.Fatal(err)
	}
	return e
}

// decodeEntry reads the native protocol as systemd documents it; a field that comes twice is an error.
func decodeEntry(b []byte) (map[string]string, error) {
	out := map[string]string{}
	for len(b) > 0 {
		line, rest, ok := bytes.Cut(b, []byte("\n"))
		if !ok {
			return nil, fmt.Errorf("no end of line in %q", b)
		}
		name, value, plain := bytes.Cut(line, []byte("="))
		if !plain {
			if len(rest) < 8 {
				return nil, fmt.Errorf("no length after %q", name)
			}
			n := binary.LittleEndian.Uint64(rest)
			if rest = rest[8:]; uint64(len(rest)) < n+1 || rest[n] != '\n' {
				return nil, fmt.Errorf("length %d after %q is wrong", n, name)
			}
			value, rest = rest[:n], rest[n+1:]
		}
		for i, c := range string(name) {
			if c != '_' && (c < 'A' || c > 'Z') && (c < '0' || c > '9') || i == 0 && (c == '_' || c >= '0' && c <= '9') {
				return nil, fmt.Errorf("%q is no name of a field", name)
			}
		}
		if _, twice := out[string(name)]; twice || len(name) == 0 || len(name) > 64 {
			return nil, fmt.Errorf("field %q is wrong or comes twice", name)
		}
		out[string(name)], b = string(value), rest
	}
	return out, nil
}

func TestAnEventHasItsFieldsInTheJournal(t *testing.T) {
	j := newJournald(t)
	log, flush := Logger(j.writer(io.Discard), "text", slog.LevelDebug)
	log.Info("attempt", "node", "node-3", "epoch", 7, "op", 12, "life", "b0070000", "result", "failed", "text", "no answer:\nPRIORITY=0 \"quoted\"")
	log.Warn("cannot read history", "node", "node-3", "error", errors.New("bad = worse"), "priority", "0", "_pid", 1, "object.pid", 2)
	log.With("room", "plugins").Debug("started", slog.Group("a", "b", 1))
	log.Error("")
	flush()

	for _, want := range []map[string]string{
		{
			"MESSAGE": `attempt node=node-3 epoch=7 op=12 life=b0070000 result=failed text="no answer:\nPRIORITY=0 \"quoted\""`, "PRIORITY": "6", "EVENT": "attempt",
			"NODE": "node-3", "EPOCH": "7", "OP": "12", "LIFE": "b0070000", "RESULT": "failed", "TEXT": "no answer:\nPRIORITY=0 \"quoted\"",
		},
		{
			"MESSAGE": `cannot read history node=node-3 error="bad = worse" priority=0 _pid=1 object.pid=2`, "PRIORITY": "4",
			"NODE": "node-3", "ERROR": "bad = worse", "FENCED_PRIORITY": "0", "FENCED__PID": "1", "FENCED_OBJECT_PID": "2",
		},
		{"MESSAGE": "started room=plugins a.b=1", "PRIORITY": "7", "ROOM": "plugins", "A_B": "1"},
		{"MESSAGE": "", "PRIORITY": "3"},
	} {
		want["SYSLOG_IDENTIFIER"] = "fenced"
		if got := j.read(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

func TestWhateverIsLoggedArrivesAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		msg, value := rapid.String().Draw(t, "msg"), rapid.String().Draw(t, "value")
		raw := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "bytes")
		var line bytes.Buffer
		slog.New(slog.NewTextHandler(&line, nil)).Info(msg, "node", value, "epoch", 1, "device", string(raw))
		got, err := decodeEntry(journalEntry(line.String()))
		if err != nil {
			t.Fatalf("%q: %v", line.String(), err)
		}
		if got["NODE"] != value || got["EPOCH"] != "1" || got["DEVICE"] != string(raw) || got["PRIORITY"] != "6" || !strings.HasPrefix(got["MESSAGE"], msg+" node=") {
			t.Fatalf("%q became %q", line.String(), got)
		}
	})
}

func TestAnEntryIsBounded(t *testing.T) {
	var line bytes.Buffer
	args := []any{}
	for i := range 3 * maxJournalFields {
		args = append(args, fmt.Sprintf("k%d", i), strings.Repeat("é", maxJournalMessage))
	}
	slog.New(slog.NewTextHandler(&line, nil)).Info("big", args...)
	b := journalEntry(line.String())
	got, err := decodeEntry(b)
	if err != nil || len(b) > 200<<10 || len(got) != maxJournalFields+3 {
		t.Fatalf("%d bytes, %d fields: %v", len(b), len(got), err)
	}
}

func FuzzJournalEntry(f *testing.F) {
	for _, s := range []string{"", "=", `"`, `msg="a b" k=v`, `"k k"=v`, "msg=x\nnode=1 epoch=2", `k="\n`, "level=WARN", "= = =", "MESSAGE=a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		pairs, _ := logfmt(strings.TrimSuffix(line, "\n")) // as journalEntry takes it
		seen := map[string]bool{}
		for _, p := range pairs {
			if seen[journalField(p.key)] {
				return // slog may write a key twice, and journald takes it
			}
			seen[journalField(p.key)] = true
		}
		if _, err := decodeEntry(journalEntry(line)); err != nil {
			t.Errorf("%q: %v", line, err)
		}
	})
}

// The journal never takes another entry and its writer waits for longer than this test may run: who logs is not held up, and the end of the
// daemon neither.
func TestAJournalThatDoesNotReadHoldsNobodyUp(t *testing.T) {
	j := newJournald(t)
	var stderr bytes.Buffer
	w := j.writer(&stderr)
	w.deadline = time.Hour
	q := &logQueue{lines: make(chan []byte, logLines), done: make(chan struct{}), w: w}
	go q.write()
	log := slog.New(slog.NewTextHandler(q, nil))
	for i := range 2 * logLines { // more than the socket and the queue take
		log.Info("view", "node", "", "epoch", i)
	}
	if q.dropped.Load() == 0 {
		t.Error("nothing was dropped: who wrote has waited")
	}
	q.close()
	select {
	case <-q.done:
		t.Error("the journal took it all")
	default:
	}
	for over := false; !over; {
		if err := w.conn.SetWriteDeadline(time.Now()); err != nil { // now its deadline is over; the writer may just be setting the one of its next entry
			t.Fatal(err)
		}
		select {
		case <-q.done:
			over = true
		case <-time.After(10 * time.Millisecond):
		}
	}
	if stderr.Len() != 0 {
		t.Errorf("stderr is the same journal and got %q", stderr.String())
	}
}

// One entry waits for its deadline; those behind it are lost at once until the rest is over, and then their number is told.
func TestAJournalThatDoesNotReadCostsOneDeadline(t *testing.T) {
	j := newJournald(t)
	var stderr bytes.Buffer
	w := j.writer(&stderr)
	w.deadline = 50 * time.Millisecond
	sent := 0
	for ; sent < logLines; sent++ {
		if _, err := w.Write([]byte("msg=x\n")); err != nil {
			break
		}
	}
	if w.lost != 1 || stderr.Len() != 0 || !w.rest.After(time.Now()) {
		t.Fatalf("%d lines are lost after %d, stderr got %q", w.lost, sent, stderr.String())
	}
	w.deadline = time.Hour // whoever waits now waits for ever
	w.rest = time.Now().Add(time.Hour)
	for range 100 {
		if _, err := w.Write([]byte("msg=early\n")); err == nil {
			t.Error("sent while the journal rests")
		}
	}
	for range sent { // it reads again
		if e := j.read(); e["MESSAGE"] != "x" {
			t.Fatalf("read %q", e)
		}
	}
	w.rest = time.Time{}
	if _, err := w.Write([]byte("msg=last\n")); err != nil {
		t.Fatal(err)
	}
	if e := j.read(); e["MESSAGE"] != "last" {
		t.Errorf("read %q", e)
	}
	if e := j.read(); e["MESSAGE"] != "log lines dropped: the journal did not keep up lines=101" || e["PRIORITY"] != "4" || w.lost != 0 {
		t.Errorf("what was lost is told as %q, %d are left to tell", e, w.lost)
	}
}

func TestWithoutAJournalStderrTakesTheLine(t *testing.T) {
	j := newJournald(t)
	var stderr bytes.Buffer
	w := j.writer(&stderr)
	_ = j.conn.Close()
	if _, err := w.Write([]byte("level=INFO msg=view\n")); err != nil || stderr.String() != "level=INFO msg=view\n" {
		t.Errorf("stderr got %q, %v", stderr.String(), err)
	}
}

func TestTheJournalIsUsedOnlyWhereStderrIsOne(t *testing.T) {
	var st syscall.Stat_t
	if err := syscall.Fstat(int(os.Stderr.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	ours := fmt.Sprintf("%d:%d", st.Dev, st.Ino)
	var buffer bytes.Buffer
	fd, err := syscall.Dup(int(os.Stderr.Fd())) // not os.Stdout: under go test -json it may be the very same descriptor
	if err != nil {
		t.Fatal(err)
	}
	other := os.NewFile(uintptr(fd), "other")
	defer func() { _ = other.Close() }()
	for _, c := range []struct {
		name, stream string
		w            io.Writer
		forced, want bool
	}{
		{"a stream into the journal", ours, os.Stderr, false, true},
		{"a format was forced", ours, os.Stderr, true, false},
		{"no journal", "", os.Stderr, false, false},
		{"the stream of another process", "1:1", os.Stderr, false, false},
		{"nonsense", "x", os.Stderr, false, false},
		{"not stderr", ours, &buffer, false, false},
		{"another descriptor", ours, other, false, false},
	} {
		t.Setenv("JOURNAL_STREAM", c.stream)
		got := LogWriter(c.w, c.forced)
		j, used := got.(*journalWriter)
		if used {
			_ = j.conn.Close()
		}
		if used != c.want || !used && got != c.w {
			t.Errorf("%s: %T", c.name, got)
		}
	}
}

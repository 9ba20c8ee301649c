package daemon

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/journal"
)

// journalSocket takes entries in journald's native protocol.
const journalSocket = "/run/systemd/journal/socket"

// What bounds one entry: it must fit into a datagram (208 KiB as Linux comes). What is beyond is cut, and fields beyond the bound are left to
// the message.
const (
	maxJournalMessage = 16 << 10
	maxJournalValue   = 4 << 10
	maxJournalFields  = 32
)

// journalDeadline bounds one entry for a journal that does not read. Then nothing is sent for journalRest: what waits to be written at the end
// of the daemon must not hold it up one deadline at a time.
const (
	journalDeadline = time.Second
	journalRest     = 5 * time.Second
)

// LogWriter returns where Logger is to write: into the journal with fields, if stderr is a stream into the journal (systemd's JOURNAL_STREAM)
// and nobody forced a format; else stderr itself, and stderr too for what the journal refuses.
func LogWriter(stderr io.Writer, forced bool) io.Writer {
	if f, ok := stderr.(*os.File); !ok || f.Fd() != os.Stderr.Fd() || forced {
		return stderr
	}
	if ours, err := journal.StderrIsJournalStream(); err != nil || !ours {
		return stderr
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram"}) // not connected: it outlives a journald that restarts
	if err != nil {
		return stderr
	}
	return &journalWriter{conn: conn, to: &net.UnixAddr{Name: journalSocket, Net: "unixgram"}, stderr: stderr, deadline: journalDeadline}
}

// journalWriter makes an entry of each line that slog's text handler wrote: the line without time and level is the MESSAGE, each key=value of it
// is a field too. It stands behind the queue of Logger, off the loop. journal.Send of go-systemd is not used for it has no deadline.
type journalWriter struct {
	conn     *net.UnixConn
	to       *net.UnixAddr
	stderr   io.Writer
	deadline time.Duration // of one entry
	rest     time.Time     // nothing is sent until then
	lost     int
}

// Write takes one line. An error means that the line is in neither the journal nor on stderr.
func (j *journalWriter) Write(line []byte) (int, error) {
	if time.Now().Before(j.rest) {
		j.lost++
		return 0, os.ErrDeadlineExceeded
	}
	err := j.send(journalEntry(string(line)))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		j.lost++
		j.rest = time.Now().Add(journalRest)
		return 0, err
	case err != nil: // no journald, or an entry it cannot take
		return j.stderr.Write(line)
	case j.lost > 0:
		text := fmt.Sprintf("level=WARN msg=%q lines=%d\n", "log lines dropped: the journal did not keep up", j.lost)
		if j.send(journalEntry(text)) == nil {
			j.lost = 0
		}
	}
	return len(line), nil
}

func (j *journalWriter) send(entry []byte) error {
	if err := j.conn.SetWriteDeadline(time.Now().Add(j.deadline)); err != nil {
		return err
	}
	_, err := j.conn.WriteToUnix(entry, j.to)
	return err
}

// journalEntry translates one line into journald's native protocol.
func journalEntry(line string) []byte {
	pairs, message := logfmt(strings.TrimSuffix(line, "\n"))
	var out bytes.Buffer
	put(&out, "MESSAGE", cut(message, maxJournalMessage))
	fields, priority, event := 0, journal.PriInfo, ""
	for i, p := range pairs {
		switch p.key {
		case "time": // journald's own is better
			continue
		case "level":
			priority = journalPriority(p.value)
			continue
		case "msg":
			if isEvent(p.value, pairs[i+1:]) {
				event = p.value
			}
			continue
		}
		if fields++; fields <= maxJournalFields {
			put(&out, journalField(p.key), cut(p.value, maxJournalValue))
		}
	}
	put(&out, "PRIORITY", strconv.Itoa(int(priority)))
	put(&out, "SYSLOG_IDENTIFIER", "fenced")
	if event != "" {
		put(&out, "EVENT", cut(event, maxJournalValue))
	}
	return out.Bytes()
}

// isEvent reports whether a line has the fixed grammar of events: one word, then node and epoch.
func isEvent(word string, rest []pair) bool {
	return !strings.ContainsAny(word, " \t\n") && len(rest) >= 2 && rest[0].key == "node" && rest[1].key == "epoch"
}

func cut(value string, most int) string {
	if len(value) > most {
		return strings.ToValidUTF8(value[:most], "") + "…"
	}
	return value
}

// put appends one field. A value with a line break is written with its length, so that it can never begin a field of its own.
func put(out *bytes.Buffer, name, value string) {
	if !strings.Contains(value, "\n") {
		fmt.Fprintf(out, "%s=%s\n", name, value)
		return
	}
	out.WriteString(name + "\n")
	_ = binary.Write(out, binary.LittleEndian, uint64(len(value))) // a buffer takes everything
	out.WriteString(value + "\n")
}

func journalPriority(level string) journal.Priority {
	switch {
	case strings.HasPrefix(level, "ERROR"):
		return journal.PriErr
	case strings.HasPrefix(level, "WARN"):
		return journal.PriWarning
	case strings.HasPrefix(level, "DEBUG"):
		return journal.PriDebug
	}
	return journal.PriInfo
}

// ownFields are names to which journald gives a meaning of its own.
var ownFields = []string{
	"MESSAGE", "MESSAGE_ID", "PRIORITY", "ERRNO", "INVOCATION_ID", "USER_INVOCATION_ID", "UNIT", "USER_UNIT", "DOCUMENTATION", "TID", "EVENT",
	"CODE_", "SYSLOG_", "OBJECT_", "COREDUMP_",
}

// journalField is the name of the field for a key: in capitals, and with FENCED_ before it where the plain name is taken or is no name.
func journalField(key string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_':
			return r
		}
		return '_'
	}, key)
	name = name[:min(len(name), 50)] // journald takes 64
	taken := name == "" || name[0] == '_' || name[0] >= '0' && name[0] <= '9'
	for _, own := range ownFields {
		taken = taken || name == own || strings.HasSuffix(own, "_") && strings.HasPrefix(name, own)
	}
	if taken {
		return "FENCED_" + name
	}
	return name
}

type pair struct{ key, value string }

// logfmt takes a line of slog's text handler apart. The message is the line as a person reads it: msg bare, without time and level.
func logfmt(line string) ([]pair, string) {
	var pairs []pair
	var message []string
	for line = strings.TrimLeft(line, " "); line != ""; line = strings.TrimLeft(line, " ") {
		start := line
		key, rest := token(line, "= ")
		value := ""
		if strings.HasPrefix(rest, "=") {
			value, rest = token(rest[1:], " ")
		}
		raw := start[:len(start)-len(rest)]
		line = rest
		pairs = append(pairs, pair{key, value})
		switch key {
		case "time", "level":
		case "msg":
			message = append(message, value)
		default:
			message = append(message, raw)
		}
	}
	return pairs, strings.Join(message, " ")
}

// token is what stands before one of the bytes of end, or a quoted string at the beginning of s.
func token(s, end string) (string, string) {
	if q, err := strconv.QuotedPrefix(s); err == nil && strings.HasPrefix(s, `"`) {
		if plain, err := strconv.Unquote(q); err == nil {
			return plain, s[len(q):]
		}
	}
	if i := strings.IndexAny(s, end); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

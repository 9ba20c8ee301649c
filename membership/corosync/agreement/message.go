package agreement

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/fenced-project/fenced/fence"
)

// Protocol is the version of the messages; daemons with different ones do not agree on anything, and name each other's.
const Protocol = 1

// MaxMessage is the longest message; corosync's limit for messages in one piece is about 1 MiB.
const MaxMessage = 512 << 10

// PageBytes is how much of a log or a snapshot one message carries: small, so that a ring that changes again loses little.
const PageBytes = 64 << 10

// otherProtocol is set by the linker, and only in a build that is to stand for a version of another protocol: test/e2e shows with it what two
// such versions say to each other. Whatever is no number of one byte means Protocol.
var otherProtocol string

// protocol is what this build speaks.
func protocol() byte {
	if n, err := strconv.ParseUint(otherProtocol, 10, 8); err == nil {
		return byte(n)
	}
	return Protocol
}

// Digest names a session; "" is none.
type Digest string

// Process is one process of the group, as corosync names it.
type Process struct {
	Node fence.NodeID `json:"node"`
	PID  uint32       `json:"pid"`
}

// Message is one message of the group: exactly one of the pointers is set, or Ack or Promise or Synced.
type Message struct {
	// Session binds it: one for another session than the receiver's is dropped (I4). Hello and Without stand outside, they make sessions.
	Session Digest   `json:"session,omitempty"`
	Hello   *Hello   `json:"hello,omitempty"`
	Without *Without `json:"without,omitempty"`
	State   *State   `json:"state,omitempty"`
	Page    *Page    `json:"page,omitempty"`
	Entry   *Entry   `json:"entry,omitempty"`
	Promise bool     `json:"promise,omitempty"` // the epoch of the plan is on the sender's disk
	Synced  bool     `json:"synced,omitempty"`  // so is the whole log of the plan
	Ack     uint64   `json:"ack,omitempty"`     // so are all entries up to here
	Ping    *Ping    `json:"ping,omitempty"`
}

// Hello says who a process is. Count grows with each change that this daemon sees, so that no two sessions have the same Hellos.
type Hello struct {
	Node     fence.NodeID `json:"node"`
	Boot     string       `json:"boot"`
	Instance string       `json:"instance"`
	Store    string       `json:"store"`
	Starts   uint64       `json:"starts"`
	Count    uint64       `json:"count"`
	Version  string       `json:"version,omitempty"`
	// State is the sender's in the session that this Hello helps to make; nil where it was in one when it said so, and from versions that send it only
	// when they are asked. It belongs to the message: no session's name and no view has it here.
	State *State `json:"state,omitempty"`
}

// Without asks to go on without processes that say nothing. It counts only if its sender has seen the same changes.
type Without struct {
	Count     uint64    `json:"count"`
	Processes []Process `json:"processes"`
}

// Ping is a sign of life. Acks are the newest pings heard of the others, by instance; 0 is heard and not acknowledged (R14).
type Ping struct {
	Seq       uint64  `json:"seq"`
	DurableMS int64   `json:"durable_ms"` // age of the sender's last durable write
	Healthy   bool    `json:"healthy"`
	Acks      []Heard `json:"acks,omitempty"`
}

// Heard is the newest ping of one daemon.
type Heard struct {
	Instance string `json:"instance"`
	Seq      uint64 `json:"seq"`
}

var magic = []byte("fncc")

var (
	errNoMessage = errors.New("not a message of fenced")
	errKinds     = errors.New("a message must say exactly one thing")
)

// ProtocolError is a message of a daemon that speaks another protocol.
type ProtocolError struct {
	Protocol byte
	// Version is what the other daemon calls itself, "" where its message does not say it: only a Hello does, and only if it is still written so.
	Version string
}

func (e ProtocolError) Error() string { return e.Beside("") }

// Beside names both protocols and both versions, as far as they are known, and says what to do; own is this daemon's version.
func (e ProtocolError) Beside(own string) string {
	version := func(v string) string {
		if v == "" {
			return ""
		}
		return " (version " + v + ")"
	}
	return fmt.Sprintf("it speaks protocol %d%s, this node protocol %d%s; install the same version on both",
		e.Protocol, version(e.Version), protocol(), version(own))
}

// maxVersion is the longest version that is believed of a message that cannot be read.
const maxVersion = 64

// foreign is what can be told of a message of another protocol.
func foreign(b []byte) ProtocolError {
	e := ProtocolError{Protocol: b[len(magic)]}
	var m struct {
		Hello struct {
			Version string `json:"version"`
		} `json:"hello"`
	}
	if json.Unmarshal(b[len(magic)+1:], &m) != nil || len(m.Hello.Version) > maxVersion {
		return e
	}
	for _, r := range m.Hello.Version {
		if r <= ' ' || r > '~' { // it goes into logs and to terminals
			return e
		}
	}
	e.Version = m.Hello.Version
	return e
}

// Encode writes a message. Magic and protocol stay where they are in every version, and so should a Hello's version.
func (m Message) Encode() ([]byte, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	b := append(append(bytes.Clone(magic), protocol()), body...)
	if len(b) > MaxMessage {
		return nil, fmt.Errorf("message of %d bytes, at most %d", len(b), MaxMessage)
	}
	return b, nil
}

// Decode reads a message; whatever is not one, is too long or says two things is an error.
func Decode(b []byte) (Message, error) {
	var m Message
	if len(b) > MaxMessage || len(b) < len(magic)+1 || !bytes.HasPrefix(b, magic) {
		return m, errNoMessage
	}
	if b[len(magic)] != protocol() {
		return m, foreign(b)
	}
	d := json.NewDecoder(bytes.NewReader(b[len(magic)+1:]))
	if err := d.Decode(&m); err != nil {
		return Message{}, fmt.Errorf("message does not decode: %w", err)
	}
	if d.More() {
		return Message{}, errNoMessage
	}
	if m.kinds() != 1 {
		return Message{}, errKinds
	}
	return m, m.check()
}

func (m Message) kinds() int {
	n := 0
	for _, is := range []bool{
		m.Hello != nil, m.Without != nil, m.State != nil, m.Page != nil, m.Entry != nil, m.Promise, m.Synced, m.Ack != 0, m.Ping != nil,
	} {
		if is {
			n++
		}
	}
	return n
}

// check bounds what a message may hold.
func (m Message) check() error {
	switch {
	case m.Hello != nil && (m.Hello.Node == 0 || m.Hello.Instance == "" || m.Hello.Boot == "" || m.Hello.Store == "" || m.Hello.Count == 0):
		return errors.New("hello is incomplete")
	case m.State != nil && m.State.contradicts() || m.Hello != nil && m.Hello.State != nil && m.Hello.State.contradicts():
		return errors.New("state contradicts itself")
	case m.Ping != nil && m.Ping.Seq == 0:
		return errors.New("ping is incomplete")
	case m.Page != nil && !m.Page.ordered():
		return errors.New("page has a hole")
	case m.Entry != nil && !m.Entry.proper():
		return errors.New("entry is incomplete")
	}
	return nil
}

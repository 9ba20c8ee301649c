package embedded

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// maxPing is the longest datagram that is read; far more than sixty-four nodes need.
const maxPing = 32 << 10

var pingMagic = []byte("fncp")

// ping is one datagram of the mesh. Its number grows with each, for the lease (R14) and against replay.
type ping struct {
	Protocol int
	Domain   string
	Was      []string // the domains that were given up for this one (R4)
	Node     fence.NodeID
	Boot     string
	Instance string
	Store    string
	Starts   uint64
	Seq      uint64
	Epoch    uint64   // index of the sender's view
	Applied  uint64   // index that the sender has applied
	Position position // how far the sender's log goes on disk
	// DurableMS is the age of the sender's last durable write; Healthy is false when it knows that it should not count (R20).
	DurableMS int64
	Healthy   bool
	Acks      []ack
	Rows      []row
	from      string // where it came from, as its receiver sees it
}

// shown is what a ping shows of its sender's store.
func (p ping) shown() shown {
	return shown{Store: p.Store, Starts: p.Starts, Instance: p.Instance, Position: p.Position, From: p.from}
}

// neverAgain is the age of the last durable write in a goodbye: none follows. A goodbye is the last ping of a run. It has the number of the first,
// so that who takes it for any other passes over it: it ends no presence, it only frees the place of its store (rival.go).
const neverAgain = math.MaxInt64

func (p ping) goodbye() bool { return !p.Healthy && p.DurableMS == neverAgain }

// ack says which ping of a run was the highest heard; 0 says that it is heard and not acknowledged.
type ack struct {
	Node fence.NodeID
	Tag  runTag
	Seq  uint64
}

// row says whom a node hears: the sender's own row, and the newest of everybody else's that it knows, so that all see one matrix even where links
// are bad (S5.5).
type row struct {
	Node   fence.NodeID
	Tag    runTag
	Starts uint64
	AgeMS  int64
	Heard  []fence.NodeID // sorted
}

// life is the sender's incarnation and instance.
func (p ping) member() membership.Member {
	return membership.Member{Incarnation: fence.Incarnation{Node: p.Node, Boot: p.Boot}, Instance: p.Instance}
}

// runTag stands for an instance id.
type runTag [6]byte

func tag(instance string) runTag {
	sum := sha256.Sum256([]byte(instance))
	return runTag(sum[:len(runTag{})])
}

var (
	errNoPing       = errors.New("not a ping")
	errPingProtocol = errors.New("ping of protocol")
	errPingKey      = errors.New("ping with a wrong authentication code: another authkey or another cluster name")
)

// encodePing: magic, protocol, body (pingwire.go), HMAC-SHA256 of all that. Magic and protocol stay where they are in every version, so that all
// versions can refuse each other by name.
func encodePing(p ping, key []byte) ([]byte, error) {
	b, err := appendPing(append(bytes.Clone(pingMagic), byte(p.Protocol)), p)
	if err != nil {
		return nil, err
	}
	b = append(b, mac(b, key)...)
	if len(b) > maxPing {
		return nil, fmt.Errorf("ping of %d bytes, at most %d", len(b), maxPing)
	}
	return b, nil
}

func mac(b, key []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(b)
	return h.Sum(nil)
}

// decodePing authenticates before it looks at anything else.
func decodePing(b, key []byte) (ping, error) {
	var p ping
	head := len(pingMagic) + 1
	if len(b) < head+sha256.Size || !bytes.HasPrefix(b, pingMagic) {
		return p, errNoPing
	}
	body, sum := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if !hmac.Equal(sum, mac(body, key)) {
		return p, errPingKey
	}
	if v := int(b[head-1]); v != protocol() {
		return p, fmt.Errorf("%w %d, this is protocol %d", errPingProtocol, v, protocol())
	}
	p, err := readPing(body[head:])
	if err != nil {
		return p, err
	}
	if p.Node == 0 || p.Instance == "" || p.Store == "" || p.Seq == 0 || len(p.Rows) > membership.MaxNodes || len(p.Acks) > membership.MaxNodes {
		return p, errors.New("ping is incomplete")
	}
	return p, nil
}

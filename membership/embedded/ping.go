package embedded

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/membership"
)

// maxPing is the longest datagram that is read; sixty-four nodes fit.
const maxPing = 32 << 10

var pingMagic = []byte("fncp")

// ping is one datagram of the mesh. Its number grows with each, for the lease (R14) and against replay.
type ping struct {
	Protocol int          `json:"v"`
	Domain   string       `json:"dom"`
	Was      []string     `json:"was,omitempty"` // the domains that were given up for this one (R4)
	Node     fence.NodeID `json:"node"`
	Boot     string       `json:"boot"`
	Instance string       `json:"inst"`
	Store    string       `json:"store"`
	Starts   uint64       `json:"starts"`
	Seq      uint64       `json:"seq"`
	Epoch    uint64       `json:"epoch"`   // index of the sender's view
	Applied  uint64       `json:"applied"` // index that the sender has applied
	Position position     `json:"pos"`     // how far the sender's log goes on disk
	// DurableMS is the age of the sender's last durable write; Healthy is false when it knows that it should not count (R20).
	DurableMS int64 `json:"durable_ms"`
	Healthy   bool  `json:"healthy"`
	Acks      []ack `json:"acks,omitempty"`
	Rows      []row `json:"rows,omitempty"`
}

// ack says which ping of a run was the highest heard; 0 says that it is heard and not acknowledged.
type ack struct {
	Node fence.NodeID `json:"n"`
	Tag  string       `json:"t"` // of the instance
	Seq  uint64       `json:"s"`
}

// row says whom a node hears: the sender's own row, and the newest of everybody else's that it knows, so that all see one matrix even where links
// are bad (S5.5).
type row struct {
	Node   fence.NodeID   `json:"n"`
	Tag    string         `json:"t"`
	Starts uint64         `json:"c"`
	AgeMS  int64          `json:"a"`
	Heard  []fence.NodeID `json:"h,omitempty"`
}

// life is the sender's incarnation and instance.
func (p ping) member() membership.Member {
	return membership.Member{Incarnation: fence.Incarnation{Node: p.Node, Boot: p.Boot}, Instance: p.Instance}
}

// tag shortens an instance id.
func tag(instance string) string {
	sum := sha256.Sum256([]byte(instance))
	return hex.EncodeToString(sum[:6])
}

var (
	errNoPing  = errors.New("not a ping")
	errPingKey = errors.New("ping with a wrong authentication code: another authkey or another cluster name")
)

// encodePing: magic, protocol, JSON, HMAC-SHA256 of all that.
func encodePing(p ping, key []byte) ([]byte, error) {
	body, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	b := append(bytes.Clone(pingMagic), byte(p.Protocol))
	b = append(b, body...)
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
	if v := int(b[head-1]); v != Protocol {
		return p, fmt.Errorf("ping of protocol %d, this is protocol %d", v, Protocol)
	}
	if err := json.Unmarshal(body[head:], &p); err != nil {
		return p, fmt.Errorf("ping does not decode: %w", err)
	}
	if p.Node == 0 || p.Instance == "" || p.Store == "" || p.Seq == 0 || len(p.Rows) > membership.MaxNodes || len(p.Acks) > membership.MaxNodes {
		return p, errors.New("ping is incomplete")
	}
	return p, nil
}

package embedded

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/fenced-project/fenced/fence"
)

func (m *mux) answer(raw net.Conn) (*conn, hello, error) {
	peer := hostOf(raw)
	defer context.AfterFunc(m.ctx, func() { _ = raw.Close() })()
	_ = raw.SetDeadline(time.Now().Add(m.timeout))
	t := tls.Server(raw, m.keys.tls(0))
	if err := t.HandshakeContext(m.ctx); err != nil {
		if m.ctx.Err() == nil {
			m.refused(peer, reasonOf(err))
		}
		return nil, hello{}, err
	}
	cert, err := m.keys.verify(t.ConnectionState(), 0)
	if err != nil {
		return nil, hello{}, err
	}
	var h hello
	if err := readFrame(t, &h, maxHello); err != nil {
		return nil, hello{}, err
	}
	name := m.name(cert)
	if m.faults.dropped(cert, m.self) || m.faults.dropped(m.self, cert) {
		return nil, hello{}, errors.New("dropped by the test")
	}
	we := m.us(h.Stream, "")
	h.from = peer
	reason := judge(we, h, cert, m.floors, time.Now())
	switch {
	case reason == "" && h.Stream != streamRaft && h.Stream != streamControl:
		reason = fmt.Sprintf("unknown stream %q", h.Stream)
	case reason == "" && h.Stream == streamRaft && h.To != string(m.server):
		reason = fmt.Sprintf("the stream is for store %s, this is %s", h.To, m.server)
	}
	if err := writeFrame(t, verdict{OK: reason == "", Reason: reason, Hello: &we.hello}, maxHello); err != nil {
		return nil, hello{}, err
	}
	if reason != "" {
		m.say(name, reason)
		return nil, hello{}, errors.New(reason)
	}
	var v verdict
	if err := readFrame(t, &v, maxHello); err != nil {
		return nil, hello{}, err
	}
	if !v.OK {
		m.sayOfUs(name, v.Reason)
		return nil, hello{}, errors.New(v.Reason)
	}
	_ = t.SetDeadline(time.Time{})
	c, err := m.track(t, cert, h.Stream)
	return c, h, err
}

// hostOf names a peer that nobody has authenticated: a new port for each try is the same peer.
func hostOf(c net.Conn) string {
	peer := c.RemoteAddr().String()
	if host, _, err := net.SplitHostPort(peer); err == nil {
		return host
	}
	return peer
}

func (m *mux) say(peer, reason string) {
	if !passing(reason) {
		m.refused(peer, reason)
	}
}

// sayOfUs tells that a peer refuses this node.
func (m *mux) sayOfUs(peer, reason string) {
	if !passing(reason) {
		m.refused(peer, refusesUs+reason)
	}
}

// dial does the dialer's half of the handshake.
func (m *mux) dial(node fence.NodeID, stream, to string, timeout time.Duration) (*conn, hello, error) {
	we := m.us(stream, to)
	n, ok := nodeOf(we.nodes, node)
	if !ok {
		return nil, hello{}, fmt.Errorf("node %d is not configured", node)
	}
	if stream == streamRaft && m.isBlocked(node) {
		return nil, hello{}, errBlocked
	}
	ctx, cancel := context.WithTimeout(m.ctx, timeout)
	defer cancel()
	if err := m.faults.pass(ctx, m.self, node); err != nil {
		return nil, hello{}, err
	}
	raw, address, err := dialAny(ctx, m.network, n.addresses(), timeout)
	if err != nil {
		return nil, hello{}, err
	}
	defer context.AfterFunc(m.ctx, func() { _ = raw.Close() })()
	_ = raw.SetDeadline(time.Now().Add(timeout))
	t := tls.Client(raw, m.keys.tls(node))
	c, h, err := m.introduce(ctx, t, node, n.Name, we)
	if err != nil {
		_ = raw.Close()
		return nil, hello{}, fmt.Errorf("cannot connect to %s (node %d, %s): %w", n.Name, node, address, err)
	}
	m.reached(node, address)
	return c, h, nil
}

// dialAny connects to the first address that answers. Each but the last gets a quarter of the time: one that nobody has yet says nothing.
func dialAny(ctx context.Context, network Network, addresses []string, timeout time.Duration) (net.Conn, string, error) {
	var last error
	for i, address := range addresses {
		limit := timeout
		if i < len(addresses)-1 {
			limit = timeout / 4
		}
		one, cancel := context.WithTimeout(ctx, limit)
		c, err := network.Dial(one, address)
		cancel()
		if err == nil {
			return c, address, nil
		}
		last = err
	}
	return nil, "", last
}

func (m *mux) introduce(ctx context.Context, t *tls.Conn, node fence.NodeID, name string, we us) (*conn, hello, error) {
	if err := t.HandshakeContext(ctx); err != nil {
		if ctx.Err() == nil {
			m.refused(name, reasonOf(err))
		}
		return nil, hello{}, err
	}
	if err := writeFrame(t, we.hello, maxHello); err != nil {
		return nil, hello{}, err
	}
	var v verdict
	if err := readFrame(t, &v, maxHello); err != nil {
		if isAlert(err) {
			m.refused(name, reasonOf(err))
		}
		return nil, hello{}, err
	}
	if !v.OK || v.Hello == nil {
		switch {
		case v.Hello != nil && v.Hello.Protocol != we.Protocol: // said once in our own words, not once more in theirs
			m.say(name, otherVersion(we, *v.Hello))
		default:
			m.sayOfUs(name, v.Reason)
		}
		return nil, hello{}, fmt.Errorf("refused: %s", v.Reason)
	}
	h := *v.Hello
	h.Stream, h.from = we.Stream, hostOf(t)
	reason := judge(we, h, node, m.floors, time.Now())
	if reason == "" && we.Stream == streamRaft && string(serverID(h.Node, h.Store)) != we.To {
		reason = fmt.Sprintf("store %s was expected, store %s answers", we.To, h.Store)
	}
	if err := writeFrame(t, verdict{OK: reason == "", Reason: reason}, maxHello); err != nil {
		return nil, hello{}, err
	}
	if reason != "" {
		m.say(name, reason)
		return nil, hello{}, errors.New(reason)
	}
	_ = t.SetDeadline(time.Time{})
	c, err := m.track(t, node, we.Stream)
	return c, h, err
}

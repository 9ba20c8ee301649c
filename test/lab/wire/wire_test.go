package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/fenced-project/fenced/test/lab/wire"
)

func pair(t *testing.T) (a, b *wire.Conn) {
	x, y := net.Pipe()
	t.Cleanup(func() { _ = x.Close(); _ = y.Close() })
	return &wire.Conn{Conn: x}, &wire.Conn{Conn: y}
}

func TestFramesArriveWholeAndInOrder(t *testing.T) {
	a, b := pair(t)
	long := bytes.Repeat([]byte("0123456789abcdef"), 10_000)
	go func() {
		_ = a.Send(wire.Hello, nil)
		_, _ = a.Writer(wire.Out).Write(long)
		_ = a.Send(wire.Exit, []byte{0, 0, 0, 7})
		_ = a.Close()
	}()
	if kind, p, err := b.Receive(); kind != wire.Hello || len(p) != 0 || err != nil {
		t.Fatalf("%c %q %v", kind, p, err)
	}
	var got []byte
	kind, p, err := b.Receive()
	for ; kind == wire.Out; kind, p, err = b.Receive() {
		got = append(got, p...)
	}
	if !bytes.Equal(got, long) || kind != wire.Exit || binary.BigEndian.Uint32(p) != 7 || err != nil {
		t.Fatalf("%d bytes, then %c %v %v", len(got), kind, p, err)
	}
	if _, _, err := b.Receive(); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
}

func TestAFrameThatNobodySendsIsRefused(t *testing.T) {
	a, b := pair(t)
	go func() { _, _ = a.Write([]byte{wire.Out, 0xff, 0xff, 0xff, 0xff}) }()
	if _, _, err := b.Receive(); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("%v", err)
	}
}

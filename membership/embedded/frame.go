package embedded

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// Frames on a stream: four bytes of length, then JSON. Each kind has its own bound, so that nobody makes us keep what nobody sent.
const (
	maxHello   = 16 << 10
	maxRequest = 8 << 20
)

func writeFrame(w io.Writer, v any, limit int) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(b) > limit {
		return fmt.Errorf("frame of %d bytes, at most %d", len(b), limit)
	}
	_, err = w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...))
	return err
}

func readFrame(r io.Reader, v any, limit int) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > uint32(limit) {
		return fmt.Errorf("frame of %d bytes, at most %d", n, limit)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("frame does not decode: %w", err)
	}
	return nil
}

package residual

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"strings"
)

// The layout of a physical volume of LVM2: a label in one of the first four sectors, after it where the metadata areas are, in each of them a header
// that says where the text is. The text is a ring: beyond the area's end it goes on behind the header.
const (
	sector      = 512
	mdaHeader   = 512
	maxMetadata = 8 << 20
	lvmCRC      = 0xf597a6cf // what its checksums begin with
	mdaMagic    = " LVM2 x[5A%r0N*>"
)

var (
	errNoLabel = errors.New("it has no label of LVM2")
	errNoText  = errors.New("it has no metadata area")
	errTorn    = errors.New("its metadata does not have the checksum that its header gives: somebody writes it, or it is damaged")
	errText    = errors.New("its metadata is not understood")
)

// vgMeta is what the metadata of a volume group says of who may use it.
type vgMeta struct {
	name, id string
	lockType string // empty or none: nobody else uses it
	clusterd bool   // the mark of clvmd, before lvmlockd
}

// shared says how the group is shared, "" where its metadata proves that it is local.
func (m vgMeta) shared() string {
	switch {
	case m.clusterd:
		return "clvmd"
	case m.lockType != "" && m.lockType != "none":
		return "lock type " + printable(m.lockType)
	}
	return ""
}

// readVG reads the metadata of the volume group that a disk belongs to.
func readVG(r io.ReaderAt) (vgMeta, error) {
	head := make([]byte, 4*sector)
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return vgMeta{}, err
	}
	for at := 0; at < len(head); at += sector {
		label := head[at : at+sector]
		if bytes.HasPrefix(label, []byte("LABELONE")) && bytes.Equal(label[24:32], []byte("LVM2 001")) {
			return readAreas(r, label)
		}
	}
	return vgMeta{}, errNoLabel
}

// readAreas goes through the lists behind the label: data areas up to an empty one, then metadata areas up to an empty one.
func readAreas(r io.ReaderAt, label []byte) (vgMeta, error) {
	le := binary.LittleEndian
	if le.Uint32(label[16:]) != lvmSum(label[20:]) {
		return vgMeta{}, errTorn
	}
	at := int(le.Uint32(label[20:])) + 32 + 8 // the volume's own id, its size
	err := errNoText
	for lists := 0; lists < 2 && at >= 0 && at+16 <= len(label); at += 16 {
		offset := le.Uint64(label[at:])
		switch {
		case offset == 0:
			lists++
		case lists == 1:
			var m vgMeta
			if m, err = readArea(r, int64(offset)); err == nil {
				return m, nil
			}
		}
	}
	return vgMeta{}, err
}

func readArea(r io.ReaderAt, offset int64) (vgMeta, error) {
	if offset < 0 {
		return vgMeta{}, errText
	}
	h := make([]byte, mdaHeader)
	if _, err := r.ReadAt(h, offset); err != nil {
		return vgMeta{}, err
	}
	le := binary.LittleEndian
	if string(h[4:20]) != mdaMagic || le.Uint32(h) != lvmSum(h[4:]) {
		return vgMeta{}, errTorn
	}
	area, from, size, sum := le.Uint64(h[32:]), le.Uint64(h[40:]), le.Uint64(h[48:]), le.Uint32(h[56:])
	switch {
	case from == 0 || size == 0:
		return vgMeta{}, errNoText
	case size > maxMetadata || area < mdaHeader || area > 1<<40 || from < mdaHeader || from >= area || size > area-mdaHeader:
		return vgMeta{}, errText
	}
	text := make([]byte, size)
	first := min(size, area-from)
	if _, err := r.ReadAt(text[:first], offset+int64(from)); err != nil {
		return vgMeta{}, err
	}
	if first < size {
		if _, err := r.ReadAt(text[first:], offset+mdaHeader); err != nil {
			return vgMeta{}, err
		}
	}
	if lvmSum(text) != sum {
		return vgMeta{}, errTorn
	}
	return parseVG(string(text))
}

// lvmSum is LVM's checksum: the usual polynomial with a beginning of its own, and not inverted.
func lvmSum(b []byte) uint32 {
	return ^crc32.Update(^uint32(lvmCRC), crc32.IEEETable, b)
}

// parseVG reads the group's own settings: what stands between its opening bracket and the first section in it.
func parseVG(text string) (vgMeta, error) {
	var m vgMeta
	name, body, ok := strings.Cut(text, "{")
	m.name = strings.TrimSpace(name)
	if !ok || m.name == "" || strings.ContainsAny(m.name, "\n=\"") {
		return m, errText
	}
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(line)
		if strings.HasSuffix(line, "{") || line == "}" {
			break
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			continue // a comment, an empty line
		}
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "id":
			m.id = strings.ReplaceAll(strings.Trim(value, `"`), "-", "")
		case "lock_type":
			m.lockType = strings.Trim(value, `"`)
		case "status", "flags":
			m.clusterd = m.clusterd || strings.Contains(value, `"CLUSTERED"`)
		}
	}
	if len(m.id) != lvmID {
		return m, errText
	}
	return m, nil
}

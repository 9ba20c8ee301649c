package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"strconv"
)

// A record is one header line and its bytes:
//
//	fenced-record 1 LENGTH SHA256\n
//
// The header says how long the rest is and what it must sum up to, so a torn write, a bit flip and a file cut short are all told from a record.
const magic = "fenced-record 1 "

// MaxRecord bounds one record: what fenced keeps in one is a few kilobytes.
const MaxRecord = 16 << 20

func encodeRecord(data []byte) []byte {
	sum := sha256.Sum256(data)
	head := magic + strconv.Itoa(len(data)) + " " + hex.EncodeToString(sum[:]) + "\n"
	return append([]byte(head), data...)
}

func decodeRecord(b []byte) ([]byte, error) {
	head, data, ok := bytes.Cut(b, []byte("\n"))
	if !ok || !bytes.HasPrefix(head, []byte(magic)) {
		return nil, fmt.Errorf("%w: no header", ErrCorrupt)
	}
	length, sum, ok := bytes.Cut(head[len(magic):], []byte(" "))
	n, err := strconv.Atoi(string(length))
	if !ok || err != nil || strconv.Itoa(n) != string(length) {
		return nil, fmt.Errorf("%w: its header gives no length", ErrCorrupt)
	}
	if n != len(data) {
		return nil, fmt.Errorf("%w: %d bytes where its header says %d", ErrCorrupt, len(data), n)
	}
	have := sha256.Sum256(data)
	if hex.EncodeToString(have[:]) != string(sum) {
		return nil, fmt.Errorf("%w: its checksum is wrong", ErrCorrupt)
	}
	return data, nil
}

// A line of a history is CRC32C in eight digits, a space, and the entry.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const sumDigits = 8

func encodeLine(entry []byte) []byte {
	return fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(entry, castagnoli), entry)
}

// decodeLine returns the entry of one line without its end.
func decodeLine(line []byte) ([]byte, bool) {
	if len(line) < sumDigits+1 || line[sumDigits] != ' ' {
		return nil, false
	}
	entry := line[sumDigits+1:]
	want := fmt.Sprintf("%08x", crc32.Checksum(entry, castagnoli))
	return entry, want == string(line[:sumDigits])
}

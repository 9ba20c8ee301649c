package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"syscall"
	"time"
	"unsafe"
)

// block is the size of a record, in bytes: what the file system and the disk write as one.
const block = 4096

// record fills one block: whose it is, which of its blocks, and a checksum, so that a block that anybody else wrote is told apart wherever it is found.
func record(b []byte, owner string, seq uint64) {
	clear(b)
	n := copy(b[16:], owner)
	binary.BigEndian.PutUint64(b, seq)
	binary.BigEndian.PutUint32(b[12:], uint32(n))
	binary.BigEndian.PutUint32(b[8:], crc32.ChecksumIEEE(b[12:]))
}

// owner reads a record.
func owner(b []byte) (who string, seq uint64, err error) {
	n := binary.BigEndian.Uint32(b[12:])
	if crc32.ChecksumIEEE(b[12:]) != binary.BigEndian.Uint32(b[8:]) || n > block-16 {
		return "", 0, errors.New("no record of anybody")
	}
	return string(b[16 : 16+n]), binary.BigEndian.Uint64(b), nil
}

// pace is between two records: a writer that never rests takes from an emulated machine what its cluster software needs, and proves no more.
const pace = 20 * time.Millisecond

// write appends records until one fails or the machine ends. A line says that a record is on the disk: it was written past the cache
// (O_DIRECT) and the write returned after the disk had it (O_DSYNC).
func write(args []string) error {
	if len(args) != 3 {
		return errors.New("write FILE NODE BOOT")
	}
	f, err := os.OpenFile(args[0], os.O_CREATE|os.O_EXCL|os.O_WRONLY|syscall.O_DIRECT|syscall.O_DSYNC, 0o600)
	if err != nil {
		return err
	}
	b := aligned()
	for seq := uint64(1); ; seq++ {
		record(b, args[1]+"/"+args[2], seq)
		if _, err := f.Write(b); err != nil {
			return err
		}
		fmt.Printf(`{"event":"write","node":%q,"incarnation":%q,"block":%d,"seq":%d,"at":%q}`+"\n", args[1], args[2], seq, seq, time.Now().UTC().Format("2006-01-02T15:04:05.000Z"))
		time.Sleep(pace)
	}
}

// aligned is memory that O_DIRECT takes.
func aligned() []byte {
	b := make([]byte, 2*block)
	off := int(-uintptr(unsafe.Pointer(&b[0])) % block)
	return b[off : off+block]
}

// read says whose the file is and how many records it has. Any block that is not the next record of the same owner is an error: two wrote it.
func read(args []string) error {
	f, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it is only read
	b, first := make([]byte, block), ""
	for seq := uint64(1); ; seq++ {
		_, err := io.ReadFull(f, b)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			fmt.Printf("%s %d\n", first, seq-1)
			return nil
		}
		if err != nil {
			return err
		}
		if bytes.Equal(b, make([]byte, block)) {
			fmt.Printf("%s %d\n", first, seq-1) // room that was made for a record that power did not let through
			return nil
		}
		who, n, err := owner(b)
		if first == "" {
			first = who
		}
		if err != nil || who != first || n != seq {
			return fmt.Errorf("block %d of %s is of %q, record %d (%v); the file is of %q", seq, args[0], who, n, err, first)
		}
	}
}

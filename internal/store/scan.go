package store

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// scanned is what a walk through one file of lines found.
type scanned struct {
	lines int   // whole lines, damaged ones too
	good  int64 // bytes up to the last whole or inner line
	torn  int64 // bytes after that
}

// scan walks through one file of a history, closes it, and adds to r; nil is a file that does not exist. The last line of the newer file, and only
// that one, may be torn: every append is synced before the next begins.
func scan(path string, f io.ReadCloser, r *Recovery, fn func([]byte) error) (scanned, error) {
	if f == nil {
		return scanned{}, nil
	}
	defer func() { _ = f.Close() }()
	var s scanned
	in := bufio.NewReaderSize(f, MaxEntry+64)
	bad := int64(0) // length of a damaged line that may turn out to be the last
	for {
		line, size, err := readLine(in)
		if err != nil && !errors.Is(err, io.EOF) {
			return s, fmt.Errorf("cannot read %s: %w", path, err)
		}
		if size > 0 && bad > 0 { // it was not the last
			s.lines++
			s.good += bad
			r.damaged(path, s.lines)
			bad = 0
		}
		if size > 0 {
			entry, ok := decodeLine(line)
			if err != nil || !ok {
				bad = size
			} else {
				s.lines++
				s.good += size
				r.Entries++
				if fn != nil {
					if err := fn(entry); err != nil {
						return s, err
					}
				}
			}
		}
		if err != nil {
			s.torn = bad
			return s, nil
		}
	}
}

func (r *Recovery) damaged(path string, line int) {
	if r.Damaged == 0 {
		r.First = fmt.Sprintf("%s:%d", path, line)
	}
	r.Damaged++
}

// readLine returns one line without its end and how many bytes it took; a line that does not fit the buffer is returned empty, whole in size.
// The error is io.EOF for what has no line end.
func readLine(in *bufio.Reader) (line []byte, size int64, err error) {
	line, err = in.ReadSlice('\n')
	size = int64(len(line))
	for errors.Is(err, bufio.ErrBufferFull) {
		var more []byte
		more, err = in.ReadSlice('\n')
		size += int64(len(more))
		line = nil
	}
	if n := len(line); err == nil && n > 0 {
		line = line[:n-1]
	}
	return line, size, err
}

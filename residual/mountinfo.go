package residual

import (
	"bytes"
	"errors"
	"fmt"
)

// mount is one line of /proc/PID/mountinfo. Names keep the kernel's escapes (a line end is \012), so they are fit to print.
type mount struct {
	dev    string // major:minor
	root   string // of the mount in its file system; of a namespace's file its name, such as mnt:[4026532634]
	point  string
	fstype string
	source string
	super  string // the options of the file system
}

// maxMounts bounds the lines of all mount tables of one scan.
const maxMounts = 1_000_000

var errMounts = fmt.Errorf("more than %d mounts", maxMounts)

// parseMountinfo calls each for every line of a mount table; a line that is not understood is an error, because it may be the one that matters.
func parseMountinfo(b []byte, each func(mount)) error {
	for len(b) > 0 {
		var line []byte
		line, b, _ = bytes.Cut(b, []byte("\n"))
		m, err := parseMount(line)
		if err != nil {
			return err
		}
		each(m)
	}
	return nil
}

var errMount = errors.New("a line is not of a mount table")

// parseMount reads: id parent major:minor root point options [tag]... - type source super-options.
func parseMount(line []byte) (mount, error) {
	head, tail, ok := bytes.Cut(line, []byte(" - "))
	if !ok {
		return mount{}, errMount
	}
	var m mount
	for i, to := range []*string{nil, nil, &m.dev, &m.root, &m.point} {
		field, rest, more := bytes.Cut(head, []byte(" "))
		if len(field) == 0 || !more && i < 4 {
			return mount{}, errMount
		}
		if to != nil {
			*to = string(field)
		}
		head = rest
	}
	fstype, tail, ok := bytes.Cut(tail, []byte(" "))
	if !ok || len(fstype) == 0 || !bytes.ContainsRune([]byte(m.dev), ':') {
		return mount{}, errMount
	}
	m.fstype = string(fstype)
	source, super, ok := bytes.Cut(tail, []byte(" ")) // the source may be empty
	if !ok {
		return mount{}, errMount
	}
	m.source, m.super = string(source), string(super)
	return m, nil
}

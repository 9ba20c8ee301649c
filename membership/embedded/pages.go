package embedded

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// A store's file is looked at before bbolt opens it: bbolt has checksums on its two meta pages only, follows what a damaged page says, and ends
// the process where that leads outside the file. Here every page that can be reached must be as bbolt writes it, to the byte: one element behind
// the other, nothing behind the last. What the values hold is sealed apart (sealed.go). Free pages are not looked at.

const (
	pageHead   = 16 // id, flags, count, overflow
	leafElem   = 16 // flags, pos, ksize, vsize
	branchElem = 16 // pos, ksize, pgid
	bucketHead = 16 // root, sequence
	metaBytes  = 64 // what the checksum of a meta page covers is before its last eight bytes
	flagBranch = 1
	flagLeaf   = 2
	flagMeta   = 4
	boltMagic  = 0xED0CDAED
	maxDepth   = 32
)

// pages reads one file of bbolt.
type pages struct {
	file  io.ReaderAt
	size  uint64 // of a page
	count uint64 // pages that the meta page vouches for
	seen  map[uint64]bool
	each  func(bucket, key, value []byte) error
	named func(bucket []byte, anchor uint64)
}

// eachValue reads the whole file and hands over every bucket with its sequence, and every value of it. The error says what is wrong where.
func eachValue(path string, each func(bucket, key, value []byte) error, named func(bucket []byte, anchor uint64)) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for its writer
		return fmt.Errorf("it is no plain file but %v", info.Mode().Type())
	}
	f, err := os.Open(path) // #nosec G304: the daemon's own file
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	p := &pages{file: f, seen: make(map[uint64]bool), each: each, named: named}
	root, err := p.metas(info.Size())
	if err != nil {
		return err
	}
	return p.walk(root, nil, nil, nil, 0)
}

// metas checks both meta pages. A crash leaves none half written: they are smaller than a sector.
func (p *pages) metas(size int64) (root uint64, err error) {
	p.size = uint64(os.Getpagesize())
	head := make([]byte, pageHead+metaBytes)
	if _, err := p.file.ReadAt(head, 0); err != nil {
		return 0, fmt.Errorf("it has %d bytes, which is no store", size)
	}
	if n := uint64(binary.NativeEndian.Uint32(head[pageHead+8:])); n >= 512 && n <= 1<<16 && n&(n-1) == 0 {
		p.size = n
	}
	newest := uint64(0)
	for id := uint64(0); id < 2; id++ {
		b := make([]byte, p.size)
		if _, err := p.file.ReadAt(b, int64(id*p.size)); err != nil {
			return 0, fmt.Errorf("it ends in meta page %d", id)
		}
		m := b[pageHead : pageHead+metaBytes]
		sum := fnv.New64a()
		_, _ = sum.Write(m[:metaBytes-8])
		u64 := func(at int) uint64 { return binary.NativeEndian.Uint64(m[at:]) }
		if binary.NativeEndian.Uint32(m) != boltMagic || sum.Sum64() != u64(56) || uint64(binary.NativeEndian.Uint32(m[8:])) != p.size ||
			binary.NativeEndian.Uint64(b) != id || binary.NativeEndian.Uint16(b[8:]) != flagMeta || !zero(b[pageHead+metaBytes:]) {
			return 0, fmt.Errorf("meta page %d is damaged", id)
		}
		if tx := u64(48); id == 0 || tx > newest {
			newest, root, p.count = tx, u64(16), u64(40)
		}
	}
	if p.count > uint64(size)/p.size {
		return 0, fmt.Errorf("it is cut short: %d pages of %d are there", uint64(size)/p.size, p.count)
	}
	return root, nil
}

// read reads one page with all that belongs to it.
func (p *pages) read(id uint64) ([]byte, error) {
	if id < 2 || id >= p.count || p.seen[id] {
		return nil, fmt.Errorf("page %d is referred to wrongly", id)
	}
	head := make([]byte, pageHead)
	if _, err := p.file.ReadAt(head, int64(id*p.size)); err != nil {
		return nil, fmt.Errorf("cannot read page %d: %w", id, err)
	}
	more := uint64(binary.NativeEndian.Uint32(head[12:]))
	if binary.NativeEndian.Uint64(head) != id || more >= p.count-id {
		return nil, fmt.Errorf("page %d is damaged: its head is wrong", id)
	}
	for i := id; i <= id+more; i++ {
		if p.seen[i] {
			return nil, fmt.Errorf("page %d belongs to two", i)
		}
		p.seen[i] = true
	}
	b := make([]byte, (more+1)*p.size)
	if _, err := p.file.ReadAt(b, int64(id*p.size)); err != nil {
		return nil, fmt.Errorf("cannot read page %d: %w", id, err)
	}
	return b, nil
}

// walk reads the tree below a page: of the bucket of this name, of the root of all buckets for nil. All keys must be from lo on and before hi.
func (p *pages) walk(id uint64, bucket, lo, hi []byte, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("page %d is too deep", id)
	}
	b, err := p.read(id)
	if err != nil {
		return err
	}
	end, err := p.page(b, bucket, lo, hi, depth)
	if err != nil {
		return fmt.Errorf("page %d is damaged: %w", id, err)
	}
	if pagesOf := (max(end, 1) + int(p.size) - 1) / int(p.size); len(b) != pagesOf*int(p.size) || !zero(b[end:]) {
		return fmt.Errorf("page %d is damaged: something is behind its end", id)
	}
	return nil
}

// page reads the elements of one page and returns where the last one ends.
func (p *pages) page(b, bucket, lo, hi []byte, depth int) (int, error) {
	kind, n := binary.NativeEndian.Uint16(b[8:]), int(binary.NativeEndian.Uint16(b[10:]))
	if kind != flagBranch && kind != flagLeaf {
		return 0, fmt.Errorf("it is of kind %d", kind)
	}
	end := pageHead + n*leafElem
	if end > len(b) || n == 0 && (kind == flagBranch || depth > 0 && lo != nil) {
		return 0, fmt.Errorf("it says that it has %d elements", n)
	}
	type child struct {
		id  uint64
		key []byte
	}
	var children []child
	for i := range n {
		at := pageHead + i*leafElem
		e := b[at : at+leafElem]
		flags, pos, ks, vs := binary.NativeEndian.Uint32(e), binary.NativeEndian.Uint32(e[4:]), binary.NativeEndian.Uint32(e[8:]), binary.NativeEndian.Uint32(e[12:])
		if kind == flagBranch {
			flags, pos, ks, vs = 0, binary.NativeEndian.Uint32(e), binary.NativeEndian.Uint32(e[4:]), 0
		}
		if uint64(at)+uint64(pos) != uint64(end) || ks == 0 || uint64(end)+uint64(ks)+uint64(vs) > uint64(len(b)) {
			return 0, fmt.Errorf("element %d does not follow the one before", i)
		}
		key, value := b[end:end+int(ks)], b[end+int(ks):end+int(ks)+int(vs)]
		end += int(ks) + int(vs)
		if lo != nil && bytes.Compare(key, lo) < 0 || hi != nil && bytes.Compare(key, hi) >= 0 {
			return 0, fmt.Errorf("element %d is out of order", i)
		}
		lo = append(bytes.Clone(key), 0)
		if kind == flagBranch {
			children = append(children, child{binary.NativeEndian.Uint64(e[8:]), bytes.Clone(key)})
			continue
		}
		if err := p.element(bucket, key, value, flags, depth); err != nil {
			return 0, err
		}
	}
	for i, c := range children {
		next := hi
		if i+1 < len(children) {
			next = children[i+1].key
		}
		if err := p.walk(c.id, bucket, c.key, next, depth+1); err != nil {
			return 0, err
		}
	}
	return end, nil
}

// element is a value of a bucket, or a bucket of the root.
func (p *pages) element(bucket, key, value []byte, flags uint32, depth int) error {
	if bucket != nil {
		if flags != 0 {
			return fmt.Errorf("value %q has flags %d", key, flags)
		}
		return p.each(bucket, key, value)
	}
	if flags != 1 || len(value) < bucketHead {
		return fmt.Errorf("bucket %q is no bucket", key)
	}
	name := bytes.Clone(key)
	p.named(name, binary.NativeEndian.Uint64(value[8:]))
	if root := binary.NativeEndian.Uint64(value); root != 0 {
		if len(value) != bucketHead {
			return fmt.Errorf("bucket %q has something behind its end", key)
		}
		return p.walk(root, name, nil, nil, depth+1)
	}
	inline := value[bucketHead:]
	if len(inline) < pageHead || binary.NativeEndian.Uint64(inline) != 0 || binary.NativeEndian.Uint16(inline[8:]) != flagLeaf || binary.NativeEndian.Uint32(inline[12:]) != 0 {
		return fmt.Errorf("bucket %q is damaged", key)
	}
	end, err := p.page(bytes.Clone(inline), name, nil, nil, depth+1)
	if err == nil && end != len(inline) {
		err = fmt.Errorf("bucket %q has something behind its end", key)
	}
	return err
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

//go:build linux && (amd64 || arm64)

package libcorosync

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"
)

// The bounds of what is read: keys of one prefix, and bytes of one value.
const (
	mostKeys = 1 << 14
	maxValue = 64 << 10
)

// Map is one connection to corosync's map of configuration and runtime keys. One goroutine at a time may use it.
type Map struct{ handle uint64 }

// OpenMap connects.
func OpenMap() (*Map, error) {
	if err := Load(); err != nil {
		return nil, err
	}
	m := &Map{}
	if err := failed("cmap_initialize", cmapInitialize(&m.handle)); err != nil {
		return nil, err
	}
	return m, nil
}

// Close ends the connection.
func (m *Map) Close() error { return failed("cmap_finalize", cmapFinalize(m.handle)) }

// Text is the value of a key; NotExist where there is none. A key that is no text is an error.
func (m *Map) Text(key string) (string, error) {
	kind, value, err := m.get(key)
	if err == nil && kind != cmapString {
		err = fmt.Errorf("cmap key %s is no text (type %d)", key, kind)
	}
	return goString(value), err
}

// Number is the value of a key of any whole type, if it is not negative; NotExist where there is none.
func (m *Map) Number(key string) (uint64, error) {
	kind, value, err := m.get(key)
	if err != nil {
		return 0, err
	}
	if kind < cmapInt8 || kind > cmapUint64 || len(value) != 1<<((kind-1)/2) {
		return 0, fmt.Errorf("cmap key %s is no whole number (type %d, %d bytes)", key, kind, len(value))
	}
	if kind%2 == 1 && value[len(value)-1]&0x80 != 0 {
		return 0, fmt.Errorf("cmap key %s is negative", key)
	}
	return binary.LittleEndian.Uint64(append(value, make([]byte, 8)...)), nil
}

// get reads a value of any type: its size first, then its bytes; a value that grows in between is asked for again.
func (m *Map) get(key string) (kind uint32, value []byte, err error) {
	if len(key) == 0 || len(key) > maxKey {
		return 0, nil, fmt.Errorf("cmap_get: a key has 1 to %d bytes, not %d", maxKey, len(key))
	}
	k := cString(key)
	for range 4 {
		size, kind := new(uintptr), new(uint32)
		if s := cmapGet(m.handle, k, nil, size, kind); s != OK {
			return 0, nil, failed("cmap_get "+key, s)
		}
		if *size == 0 || *size > maxValue {
			return 0, nil, fmt.Errorf("cmap_get %s: a value of %d bytes", key, *size)
		}
		value := make([]byte, *size)
		s := cmapGet(m.handle, k, unsafe.Pointer(&value[0]), size, kind)
		if s == OK {
			return *kind, value[:min(int(*size), len(value))], nil
		}
		err = failed("cmap_get "+key, s)
		if s != Invalid {
			break
		}
	}
	return 0, nil, err
}

// Keys are all keys that begin with a prefix, at most 16384.
func (m *Map) Keys(prefix string) (keys []string, err error) {
	iter := new(uint64)
	if err := failed("cmap_iter_init", cmapIterInit(m.handle, cString(prefix), iter)); err != nil {
		return nil, err
	}
	name, size, kind := make([]byte, maxKey+1), new(uintptr), new(uint32)
	for len(keys) < mostKeys {
		s := cmapIterNext(m.handle, *iter, &name[0], size, kind)
		if s == NoSections {
			break
		}
		if err = failed("cmap_iter_next", s); err != nil {
			break
		}
		keys = append(keys, goString(name))
	}
	return keys, errors.Join(err, failed("cmap_iter_finalize", cmapIterFinalize(m.handle, *iter)))
}

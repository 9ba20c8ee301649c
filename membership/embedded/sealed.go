package embedded

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"go.etcd.io/bbolt"
)

// Every value in a store is sealed: it carries a checksum over its bucket, its key and itself, so that a flipped bit is told from a term, a vote
// or an entry. A store of an earlier build has none; it is sealed as a whole when it is opened for the first time.

const (
	sealMark  = 0xC3
	sealBytes = 5
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	metaFormat = []byte("format")
	format2    = []byte("2")
)

func seal(bucket, key, value []byte) []byte {
	b := make([]byte, sealBytes, sealBytes+len(value))
	b[0] = sealMark
	binary.BigEndian.PutUint32(b[1:], sumOf(bucket, key, value))
	return append(b, value...)
}

func sumOf(bucket, key, value []byte) uint32 {
	sum := crc32.Update(0, castagnoli, bucket)
	sum = crc32.Update(sum, castagnoli, binary.BigEndian.AppendUint32(nil, uint32(len(key))))
	sum = crc32.Update(sum, castagnoli, key)
	return crc32.Update(sum, castagnoli, value)
}

// errSeal: the value is not what was written.
var errSeal = errors.New("its checksum is wrong")

func unseal(bucket, key, sealed []byte) ([]byte, error) {
	if len(sealed) < sealBytes || sealed[0] != sealMark || binary.BigEndian.Uint32(sealed[1:]) != sumOf(bucket, key, sealed[sealBytes:]) {
		return nil, fmt.Errorf("value %q of %s is damaged: %w", key, bucket, errSeal)
	}
	return sealed[sealBytes:], nil
}

// bucket is one bucket of a store with sealed values.
type bucket struct {
	b    *bbolt.Bucket
	name []byte
}

func in(tx *bbolt.Tx, name []byte) bucket { return bucket{tx.Bucket(name), name} }

// Put keeps a value.
func (b bucket) Put(key, value []byte) error { return b.b.Put(key, seal(b.name, key, value)) }

// Delete removes a value.
func (b bucket) Delete(key []byte) error { return b.b.Delete(key) }

// Get is a value, nil for none; an error for one that is damaged.
func (b bucket) Get(key []byte) ([]byte, error) {
	v := b.b.Get(key)
	if v == nil {
		return nil, nil
	}
	return unseal(b.name, key, v)
}

// value is Get for what was looked at when the store was opened: what is damaged since then is memory, and reads as absent.
func (b bucket) value(key []byte) []byte {
	v, err := b.Get(key)
	if err != nil {
		return nil
	}
	return v
}

// ForEach hands over all values.
func (b bucket) ForEach(f func(key, value []byte) error) error {
	return b.b.ForEach(func(k, v []byte) error {
		plain, err := unseal(b.name, k, v)
		if err != nil {
			return err
		}
		return f(k, plain)
	})
}

// verify looks at the whole file of a store before anything opens it. sealed says that its values are.
func verify(path string) (sealed bool, err error) {
	buckets := map[string]bool{}
	err = eachValue(path, func(bucket, key, value []byte) error {
		buckets[string(bucket)] = true
		if bytes.Equal(bucket, bucketMeta) && bytes.Equal(key, metaFormat) {
			v, err := unseal(bucket, key, value)
			if err != nil {
				return err
			}
			if sealed = bytes.Equal(v, format2); !sealed {
				return fmt.Errorf("it is of format %q, this is format %s", v, format2)
			}
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	return sealed, eachValue(path, func(bucket, key, value []byte) error {
		if sealed {
			_, err := unseal(bucket, key, value)
			return err
		}
		if len(value) > 0 && value[0] == sealMark {
			return fmt.Errorf("value %q of %s is sealed, and the store does not say so", key, bucket)
		}
		return nil
	})
}

// sealAll makes a store of an earlier build a sealed one, in one transaction.
func sealAll(tx *bbolt.Tx) error {
	for _, name := range [][]byte{bucketLog, bucketStable, bucketMeta, bucketPeers} {
		old := map[string][]byte{}
		b := tx.Bucket(name)
		if err := b.ForEach(func(k, v []byte) error { old[string(k)] = bytes.Clone(v); return nil }); err != nil {
			return err
		}
		for k, v := range old {
			if err := b.Put([]byte(k), seal(name, []byte(k), v)); err != nil {
				return err
			}
		}
	}
	return in(tx, bucketMeta).Put(metaFormat, format2)
}

package embedded

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/fnv"

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
	format2    = []byte("2") // sealed values
	format3    = []byte("3") // and anchored buckets
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

// A bucket is anchored: its sequence, which bbolt keeps beside the number of its first page and which is used for nothing else, is the sum of all
// that it holds. So a damaged page number that leads to an older page of the same bucket, whole and sealed, is told too.

// Put keeps a value.
func (b bucket) Put(key, value []byte) error {
	sealed := seal(b.name, key, value)
	anchor := b.b.Sequence() ^ weigh(key, b.b.Get(key)) ^ weigh(key, sealed)
	return errors.Join(b.b.Put(key, sealed), b.b.SetSequence(anchor))
}

// Delete removes a value.
func (b bucket) Delete(key []byte) error {
	anchor := b.b.Sequence() ^ weigh(key, b.b.Get(key))
	return errors.Join(b.b.Delete(key), b.b.SetSequence(anchor))
}

// weigh is what a sealed value adds to the anchor of its bucket, 0 for none.
func weigh(key, sealed []byte) uint64 {
	if sealed == nil {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write(key)
	_, _ = h.Write(sealed[:min(len(sealed), sealBytes)]) // the seal stands for the value
	return h.Sum64()
}

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

var allBuckets = [][]byte{bucketLog, bucketMeta, bucketPeers, bucketStable}

// verify looks at the whole file of a store before anything opens it. The format is "" for a store of an earlier build.
func verify(path string) (format string, err error) {
	anchors, sums := map[string]uint64{}, map[string]uint64{}
	plain, sealed := 0, 0
	err = eachValue(path, func(bucket, key, value []byte) error {
		v, err := unseal(bucket, key, value)
		switch {
		case err == nil:
			sealed++
			sums[string(bucket)] ^= weigh(key, value)
		case len(value) > 0 && value[0] == sealMark || plain == 0 && sealed > 0:
			return err
		default:
			plain++
		}
		if bytes.Equal(bucket, bucketMeta) && bytes.Equal(key, metaFormat) {
			format = string(v)
		}
		return nil
	}, func(bucket []byte, anchor uint64) { anchors[string(bucket)] = anchor })
	switch {
	case err != nil:
		return "", err
	case format != "" && format != string(format2) && format != string(format3):
		return "", fmt.Errorf("it is of format %q, this is format %s", format, format3)
	case plain > 0 && sealed > 0:
		return "", fmt.Errorf("%d of its values have no checksum", plain)
	case sealed > 0 && format == "":
		return "", errors.New("its values are sealed, and it does not say so")
	case len(anchors) != len(allBuckets):
		return "", fmt.Errorf("it has %d parts, not %d", len(anchors), len(allBuckets))
	}
	for _, name := range allBuckets {
		anchor, ok := anchors[string(name)]
		if !ok || format == string(format3) && anchor != sums[string(name)] {
			return "", fmt.Errorf("%s is not what was written last", name)
		}
	}
	return format, nil
}

// sealAll makes a store of an earlier build a sealed and anchored one, in one transaction.
func sealAll(format string) func(*bbolt.Tx) error {
	return func(tx *bbolt.Tx) error {
		for _, name := range allBuckets {
			old := map[string][]byte{}
			b := tx.Bucket(name)
			if err := b.ForEach(func(k, v []byte) error { old[string(k)] = bytes.Clone(v); return nil }); err != nil {
				return err
			}
			anchor := uint64(0)
			for k, v := range old {
				if format == "" {
					v = seal(name, []byte(k), v)
					if err := b.Put([]byte(k), v); err != nil {
						return err
					}
				}
				anchor ^= weigh([]byte(k), v)
			}
			if err := b.SetSequence(anchor); err != nil {
				return err
			}
		}
		return in(tx, bucketMeta).Put(metaFormat, format3)
	}
}

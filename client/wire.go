package client

import (
	"bytes"
	"encoding/json"
	"time"
)

// API names the version of every document; it is the first field of each.
const API = "fenced/v1"

// Time is an instant as it goes over the wire: RFC 3339, UTC, to the millisecond. It identifies and orders nothing; it is for people.
type Time struct{ time.Time }

// At turns an instant into its wire form.
func At(t time.Time) Time { return Time{t} }

const timeLayout = "2006-01-02T15:04:05.000Z"

// MarshalJSON writes the instant in UTC; the zero Time is null (fields are marked omitzero, so it is mostly absent).
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return []byte(`"` + t.UTC().Format(timeLayout) + `"`), nil
}

// UnmarshalJSON reads any RFC 3339 instant, or null.
func (t *Time) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		t.Time = time.Time{}
		return nil
	}
	var at time.Time
	if err := json.Unmarshal(b, &at); err != nil {
		return err
	}
	t.Time = at.UTC()
	return nil
}

// List is a slice that is written as [] when it is nil: a reader never meets null where a list belongs. A plain slice may be assigned to it.
type List[T any] []T

// MarshalJSON writes the list, never null.
func (l List[T]) MarshalJSON() ([]byte, error) {
	if l == nil {
		return []byte("[]"), nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // this is no HTML; whoever encodes the whole may still escape it
	if err := enc.Encode([]T(l)); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

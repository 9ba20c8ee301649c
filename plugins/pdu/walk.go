package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gosnmp/gosnmp"

	"github.com/fenced-project/fenced/plugins/sdk"
)

// repetitions is how many objects one question of a walk asks for, from version 2c on.
const repetitions = 20

// walk reads a column, at most limit objects, by ctx's deadline. It is whole or an error: gosnmp's own walks end at any error of the device as if
// the column did, and an outlet's name that stands twice would be seen once (R16).
func (s *session) walk(ctx context.Context, root string, limit int) ([]gosnmp.SnmpPDU, error) {
	c := column{root: root, last: root, limit: limit, v1: s.g.Version == gosnmp.Version1}
	for {
		if err := ctx.Err(); err != nil {
			return nil, classify(ctx, err)
		}
		p, err := s.further(c.last)
		if err != nil {
			return nil, classify(ctx, err)
		}
		if end, err := c.take(p); err != nil {
			return nil, fmt.Errorf("cannot read what is under %s, after %d objects: %w", root, len(c.rows), err)
		} else if end {
			return c.rows, nil
		}
	}
}

// further asks for what comes after an object.
func (s *session) further(oid string) (*gosnmp.SnmpPacket, error) {
	if s.g.Version == gosnmp.Version1 {
		return s.g.GetNext([]string{oid})
	}
	return s.g.GetBulk([]string{oid}, 0, repetitions)
}

// column is what a walk has read so far.
type column struct {
	root, last string
	limit      int
	v1         bool // the version that is spoken
	rows       []gosnmp.SnmpPDU
}

// take adds the objects of an answer, and reports whether the column ends with it: only by an object that lies behind it, or by the device's word
// that nothing follows. Each answer brings at least one object that comes after the last, or ends the walk, so that limit bounds the questions too.
func (c *column) take(p *gosnmp.SnmpPacket) (end bool, err error) {
	switch {
	case c.v1 && p.Error == gosnmp.NoSuchName: // version 1 has no other word for the end
		return true, nil
	case p.Error != gosnmp.NoError:
		return false, refusal(p)
	case len(p.Variables) == 0:
		return false, sdk.Refused(errors.New("it answers without an object"))
	}
	for _, v := range p.Variables {
		name := "." + strings.TrimPrefix(v.Name, ".")
		switch v.Type {
		case gosnmp.EndOfMibView:
			return true, nil
		case gosnmp.NoSuchObject, gosnmp.NoSuchInstance, gosnmp.Null:
			return false, sdk.Refused(fmt.Errorf("it answers %v to the question what follows %s", v.Type, c.last))
		}
		if order, ok := compareOIDs(name, c.last); !ok || order <= 0 {
			return false, sdk.Refused(fmt.Errorf("it answers %.200q to the question what follows %s", name, c.last))
		}
		if !strings.HasPrefix(name, c.root+".") {
			return true, nil
		}
		if len(c.rows) >= c.limit {
			return false, sdk.Refused(fmt.Errorf("it has more than %d objects there", c.limit))
		}
		c.rows, c.last = append(c.rows, v), name
	}
	return false, nil
}

// compareOIDs orders two OIDs as a device walks through them: number by number, and what is shorter first. ok is false where one is no OID.
func compareOIDs(a, b string) (order int, ok bool) {
	x, okX := oidNumbers(a)
	y, okY := oidNumbers(b)
	return slices.Compare(x, y), okX && okY
}

func oidNumbers(oid string) ([]uint64, bool) {
	fields := pattern(oid).fields()
	out := make([]uint64, 0, len(fields))
	for _, f := range fields {
		n, err := strconv.ParseUint(f, 10, 32)
		if err != nil {
			return nil, false
		}
		out = append(out, n)
	}
	return out, true
}

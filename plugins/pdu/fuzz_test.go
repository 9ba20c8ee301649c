package main

import (
	"strings"
	"testing"

	"github.com/gosnmp/gosnmp"

	"github.com/fenced-project/fenced/plugins/sdk"
)

// FuzzAnswer: whatever comes as an answer to a question for one outlet, it is a small number of that very object or a failure with a class, and a
// name is printable. Nobody panics.
func FuzzAnswer(f *testing.F) {
	const oid = ".1.3.6.1.4.1.318.1.1.12.3.5.1.1.4.7"
	values := []gosnmp.SnmpPDU{
		{Name: oid, Type: gosnmp.Integer, Value: 2},
		{Name: oid, Type: gosnmp.Gauge32, Value: uint32(1 << 31)},
		{Name: oid, Type: gosnmp.OctetString, Value: []byte("outlet \x00seven")},
		{Name: oid, Type: gosnmp.ObjectIdentifier, Value: ".1.3.6.1.4.1.318"},
		{Name: oid, Type: gosnmp.NoSuchInstance},
		{Name: oid + ".1", Type: gosnmp.Integer, Value: 2},
	}
	for _, v := range values {
		for _, version := range []gosnmp.SnmpVersion{gosnmp.Version1, gosnmp.Version2c} {
			p := gosnmp.SnmpPacket{Version: version, Community: "public", PDUType: gosnmp.GetResponse, RequestID: 1, Variables: []gosnmp.SnmpPDU{v}}
			b, err := p.MarshalMsg()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		g := gosnmp.GoSNMP{Version: gosnmp.Version2c}
		p, err := g.SnmpDecodePacket(b)
		if err != nil || p == nil {
			return
		}
		vs, err := answered(p, []string{oid})
		if err != nil {
			if c := sdk.ClassOf(err); c != sdk.ClassRefused && c != sdk.ClassAuth && c != sdk.ClassLimbo {
				t.Fatalf("class %s: %v", c, err)
			}
			return
		}
		if len(vs) != 1 {
			t.Fatalf("%d objects answer a question for one", len(vs))
		}
		if n, err := integer(vs[0]); err == nil && (n < -1<<31 || n >= 1<<31) {
			t.Fatalf("%d is no small number", n)
		}
		_ = text(vs[0])
	})
}

// FuzzColumn: whatever two answers of a walk say, what it keeps lies in the column, goes up, and is not more than was allowed; it is whole only if
// no answer holds an error, and a failure has a class.
func FuzzColumn(f *testing.F) {
	const root, limit = ".1.3.6.1.4.1.318.1.1.12.3.5.1.1.2", 8
	packet := func(v gosnmp.SnmpVersion, e gosnmp.SNMPError, rows ...gosnmp.SnmpPDU) []byte {
		p := gosnmp.SnmpPacket{Version: v, Community: "public", PDUType: gosnmp.GetResponse, RequestID: 1, Error: e, Variables: rows}
		b, err := p.MarshalMsg()
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	row := func(name string) gosnmp.SnmpPDU {
		return gosnmp.SnmpPDU{Name: name, Type: gosnmp.OctetString, Value: []byte("node-1")}
	}
	first := packet(gosnmp.Version2c, gosnmp.NoError, row(root+".1"), row(root+".2"))
	f.Add(first, packet(gosnmp.Version2c, gosnmp.NoError, row(root+".3"), row(".1.3.6.1.4.1.318.1.1.12.3.5.1.1.4.1")), false)
	f.Add(first, packet(gosnmp.Version2c, gosnmp.GenErr, row(root+".2")), false)
	f.Add(first, first, false)
	f.Add(first, packet(gosnmp.Version2c, gosnmp.NoError, gosnmp.SnmpPDU{Name: root + ".2", Type: gosnmp.EndOfMibView}), false)
	f.Add(packet(gosnmp.Version1, gosnmp.NoError, row(root+".1")), packet(gosnmp.Version1, gosnmp.NoSuchName, row(root+".1")), true)
	f.Fuzz(func(t *testing.T, one, two []byte, v1 bool) {
		c := column{root: root, last: root, limit: limit, v1: v1}
		for _, b := range [][]byte{one, two} {
			g := gosnmp.GoSNMP{Version: gosnmp.Version2c}
			p, err := g.SnmpDecodePacket(b)
			if err != nil || p == nil {
				return
			}
			had := len(c.rows)
			end, err := c.take(p)
			if cl := sdk.ClassOf(err); err != nil && (end || cl != sdk.ClassRefused && cl != sdk.ClassAuth && cl != sdk.ClassLimbo) {
				t.Fatalf("end %t, class %s: %v", end, cl, err)
			}
			if err == nil && p.Error != gosnmp.NoError && (!v1 || p.Error != gosnmp.NoSuchName) {
				t.Fatalf("the error %s is overlooked", p.Error)
			}
			if err == nil && !end && len(c.rows) == had {
				t.Fatal("it goes on and has learned nothing")
			}
			last := root
			for _, v := range c.rows {
				if order, ok := compareOIDs(v.Name, last); !ok || order <= 0 || !strings.HasPrefix(v.Name, root+".") {
					t.Fatalf("%s after %s", v.Name, last)
				}
				last = v.Name
				_ = text(v)
			}
			if len(c.rows) > limit {
				t.Fatalf("%d objects", len(c.rows))
			}
			if err != nil || end {
				return
			}
		}
	})
}

package main

import (
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

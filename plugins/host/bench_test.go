package host

import (
	"context"
	"testing"
)

// BenchmarkColdStart is a process from nothing to its first answer, with mutual TLS, verification and limits.
func BenchmarkColdStart(b *testing.B) {
	for b.Loop() {
		t := newBench(b, Config{})
		t.put("n1", "on")
		t.configure(DeviceConfig{Name: "d", Plugin: "dummy"})
		t.wantState("d", "n1", "on")
		must(b, t.Host.Close())
	}
}

// BenchmarkWarmStatus is one Status of a running plugin.
func BenchmarkWarmStatus(b *testing.B) {
	t := newBench(b, Config{})
	t.put("n1", "on")
	t.configure(DeviceConfig{Name: "d", Plugin: "dummy"})
	t.warm()
	ctx := context.Background()
	for b.Loop() {
		if _, err := t.Status(ctx, "d", "n1"); err != nil {
			b.Fatal(err)
		}
	}
}

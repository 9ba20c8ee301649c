package bmc

import (
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/bougou/go-ipmi/pkg/bmc"
	"github.com/bougou/go-ipmi/pkg/client"
	control "github.com/bougou/go-ipmi/pkg/command/chassis"
	"github.com/bougou/go-ipmi/pkg/types"
)

// twice stands before a BMC and lets each datagram of a session arrive twice, as a console sends it whose answer is late. It returns its port.
func twice(t *testing.T, to *net.UDPAddr) int {
	t.Helper()
	front, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	back, err := net.DialUDP("udp4", nil, to)
	if err != nil {
		t.Fatal(err)
	}
	console := make(chan net.Addr, 1)
	done := make(chan struct{}, 2)
	go func() {
		defer func() { done <- struct{}{} }()
		b := make([]byte, 4096)
		for {
			n, from, err := front.ReadFrom(b)
			if err != nil {
				return
			}
			select {
			case console <- from:
			default:
			}
			_, _ = back.Write(b[:n])
			if inSession := n > typeAt && b[typeAt-1] == rmcpPlus && b[typeAt]&0x3f == 0; inSession {
				_, _ = back.Write(b[:n])
			}
		}
	}()
	go func() {
		defer func() { done <- struct{}{} }()
		b := make([]byte, 4096)
		var to net.Addr
		for {
			n, err := back.Read(b)
			if err != nil {
				return
			}
			if to == nil {
				to = <-console
			}
			_, _ = front.WriteTo(b[:n], to)
		}
	}()
	t.Cleanup(func() { _ = front.Close(); _ = back.Close(); <-done; <-done })
	return front.LocalAddr().(*net.UDPAddr).Port
}

// TestARepeatedDatagramIsOneCommand: what arrives twice with one number is done and counted once, and the next command is another one.
func TestARepeatedDatagramIsOneCommand(t *testing.T) {
	m := NewMemory(true)
	d, err := Start(Config{Listen: "127.0.0.1:0", User: "admin", Password: "secret", Power: m, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	c, err := client.NewClient("127.0.0.1", twice(t, d.Addr()), "admin", "secret")
	if err != nil {
		t.Fatal(err)
	}
	ctx := within(t, 10*slow())
	if err := c.WithCipherSuiteID(types.CipherSuiteID17).WithTimeout(time.Second).Connect(ctx); err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	for _, power := range []control.ChassisControl{control.ChassisControlPowerDown, control.ChassisControlPowerUp, control.ChassisControlPowerDown} {
		if _, err := c.ChassisControl(ctx, power); err != nil {
			t.Fatal(err)
		}
	}
	if n := d.Counts(); n.Off != 2 || n.On != 1 || n.AppliedOff != 2 || n.AppliedOn != 1 {
		t.Errorf("counts %+v; want 2 offs and an on, each done once", n)
	}
}

// TestARepeatGetsTheFirstAnswer: also where the command was refused; another session's same number is another command, and memory is bounded.
func TestARepeatGetsTheFirstAnswer(t *testing.T) {
	var o once
	ran := 0
	run := func(c types.CompletionCode) func() types.CompletionCode {
		return func() types.CompletionCode { ran++; return c }
	}
	a, b := &bmc.Session{InboundSeq: 7}, &bmc.Session{InboundSeq: 7}
	for i, c := range []struct {
		s    *bmc.Session
		give types.CompletionCode
		want types.CompletionCode
		ran  int
	}{
		{a, types.CodeNodeBusy, types.CodeNodeBusy, 1},
		{a, types.CodeOK, types.CodeNodeBusy, 1},
		{b, types.CodeOK, types.CodeOK, 2},
		{nil, types.CodeOK, types.CodeOK, 3},
		{nil, types.CodeOK, types.CodeOK, 4},
	} {
		if got := o.do(c.s, run(c.give)); got != c.want || ran != c.ran {
			t.Errorf("case %d: %v after %d runs; want %v and %d", i, got, ran, c.want, c.ran)
		}
	}
	for range 2 * sessions {
		o.do(&bmc.Session{InboundSeq: 1}, run(types.CodeOK))
	}
	if len(o.last) > sessions || len(o.order) > sessions {
		t.Errorf("%d sessions are remembered, %d in their order", len(o.last), len(o.order))
	}
}

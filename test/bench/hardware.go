package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/fenced-project/fenced/cmd/fenced-dev/bmc"
	"github.com/fenced-project/fenced/cmd/fenced-dev/pdu"
	"github.com/fenced-project/fenced/cmd/fenced-dev/redfish"
)

// The kinds of simulated hardware. They run in a process of their own, whose processor time is counted apart: what it takes is the price of
// pretending, not fenced's.
const (
	kindIPMI    = "ipmi"
	kindPDU     = "pdu"
	kindRedfish = "redfish"
)

// The account of all simulated hardware.
const (
	hwUser      = "fenced"
	hwPassword  = "correct horse"
	hwCommunity = "private"
)

// hardwareWord is the first argument of the process that is hardware: this program itself.
const hardwareWord = "hardware"

// hardware is that process, seen from outside.
type hardware struct {
	rig
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

// rig is what it says of itself when it listens: one port and one identity for each device.
type rig struct {
	Ports       []int    `json:"ports"`
	UUIDs       []string `json:"uuids"`
	Fingerprint string   `json:"fingerprint,omitempty"` // of redfish's certificate
}

// moved is how often switches were really moved to off, over all devices, since the last word on.
type moved struct {
	Off int `json:"off"`
}

// startHardware starts n devices of a kind, all of them on.
func startHardware(ctx context.Context, kind string, n int) (*hardware, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	h := &hardware{cmd: exec.CommandContext(ctx, self, hardwareWord, kind, strconv.Itoa(n))}
	h.cmd.Stderr = os.Stderr
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C at the terminal is for us; without us its stdin ends, and so does it
	if h.in, err = h.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := h.cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %d devices of kind %s: %w", n, kind, err)
	}
	h.out = json.NewDecoder(out)
	if err := h.out.Decode(&h.rig); err != nil {
		return nil, errors.Join(fmt.Errorf("%d devices of kind %s do not start: %w", n, kind, err), h.stop())
	}
	return h, nil
}

// restore moves all switches to on, and says how many had been moved to off since the last time.
func (h *hardware) restore() (int, error) {
	var m moved
	if _, err := io.WriteString(h.in, "on\n"); err != nil {
		return 0, err
	}
	if err := h.out.Decode(&m); err != nil {
		return 0, fmt.Errorf("the hardware does not answer: %w", err)
	}
	return m.Off, nil
}

// cpu is the processor time that it has taken so far, in seconds.
func (h *hardware) cpu() float64 {
	return float64(usage([]int{h.cmd.Process.Pid})[h.cmd.Process.Pid]) / 1e9
}

// stop ends it.
func (h *hardware) stop() error {
	_ = h.in.Close()
	if err := h.cmd.Wait(); err != nil {
		return fmt.Errorf("the hardware ended badly: %w", err)
	}
	return nil
}

// beHardware is the process itself: it says what it is on out, does what it is told on in, and ends when in does.
func beHardware(args []string, in io.Reader, out io.Writer) error {
	if len(args) != 2 {
		return errors.New("hardware wants a kind and a number")
	}
	n, err := strconv.Atoi(args[1])
	if err != nil || n < 1 || n > 1000 {
		return fmt.Errorf("%q is no number of devices", args[1])
	}
	s := shop{n: n}
	defer s.close()
	switch args[0] {
	case kindIPMI:
		err = s.ipmi()
	case kindPDU:
		err = s.pdu()
	case kindRedfish:
		err = s.redfish()
	default:
		err = fmt.Errorf("no hardware of kind %q", args[0])
	}
	if err != nil {
		return err
	}
	say := json.NewEncoder(out)
	if err := say.Encode(s.rig); err != nil {
		return err
	}
	for words := bufio.NewScanner(in); words.Scan(); {
		m := moved{}
		for _, restore := range s.restores {
			m.Off += restore()
		}
		if err := say.Encode(m); err != nil {
			return err
		}
	}
	return nil
}

// shop is the devices inside of that process.
type shop struct {
	rig
	n        int
	restores []func() int // each moves one device to on and says how often it went off since
	closes   []func()
}

func (s *shop) close() {
	for _, f := range s.closes {
		f()
	}
}

// uuid is the identity of the i-th machine, from 0.
func uuid(i int) string { return fmt.Sprintf("4c4c4544-0042-3510-8054-%012x", i+1) }

func (s *shop) add(port, i int, restore func() int, end func()) {
	s.Ports, s.UUIDs = append(s.Ports, port), append(s.UUIDs, uuid(i))
	s.restores, s.closes = append(s.restores, restore), append(s.closes, end)
}

// since turns a count that grows into how much it has grown since the last time, and moves the switch to on.
func since(m *bmc.Memory, offs func() int) func() int {
	last := 0
	return func() int {
		_ = m.Set(context.Background(), true) // memory cannot fail
		now := offs()
		grown := now - last
		last = now
		return grown
	}
}

func (s *shop) ipmi() error {
	for i := range s.n {
		guid, err := bmc.Wire(uuid(i), "smbios")
		if err != nil {
			return err
		}
		m := bmc.NewMemory(true)
		b, err := bmc.Start(bmc.Config{Listen: "127.0.0.1:0", User: hwUser, Password: hwPassword, GUID: guid, Power: m, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			return err
		}
		s.add(b.Addr().Port, i, since(m, func() int { return b.Counts().AppliedOff }), b.Close)
	}
	return nil
}

func (s *shop) redfish() error {
	for i := range s.n {
		m := bmc.NewMemory(true)
		r, err := redfish.Start(redfish.Config{
			Listen: "127.0.0.1:0", User: hwUser, Password: hwPassword, Systems: []redfish.System{{ID: "1", UUID: uuid(i), Power: m}}, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			return err
		}
		s.Fingerprint = r.Fingerprint()
		s.add(r.Addr().Port, i, since(m, func() int { return r.Counts().AppliedOff }), r.Close)
	}
	return nil
}

func (s *shop) pdu() error {
	model, err := pdu.ModelByName("apc-rpdu")
	if err != nil {
		return err
	}
	for i := range s.n {
		a, err := pdu.Start(pdu.Config{Listen: "127.0.0.1:0", Community: hwCommunity, Model: model, Outlets: 8, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			return err
		}
		last := 0
		s.add(a.Addr().Port, i, func() int {
			a.Switch(1, true)
			now := a.Counts().AppliedOff
			grown := now - last
			last = now
			return grown
		}, a.Close)
	}
	return nil
}

// hardwareStart bounds the start of some hundred devices.
const hardwareStart = 30 * time.Second

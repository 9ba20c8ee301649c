package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fenced-project/fenced/plugins/sdk"
	"github.com/fenced-project/fenced/test/harness"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testUUID = "11111111-2222-3333-4444-555555555555"

func open(t *testing.T, values map[string]string) sdk.Device {
	t.Helper()
	o, err := plugin{}.Describe().NewOptions(values)
	if err != nil {
		t.Fatal(err)
	}
	d, err := plugin{}.Open(harness.Within(t, 5*time.Second), "vm-1", o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// machine is a real QEMU without a disk, with three monitors: two for the plugin, by a socket and by TCP, and one for the test.
type machine struct{ socket, address, other string }

// ways are how the plugin is told of its monitor.
func (m machine) ways() map[string]map[string]string {
	return map[string]map[string]string{"unix": {"socket": m.socket}, "tcp": {"address": m.address}}
}

func startQEMU(t *testing.T) machine {
	t.Helper()
	path := harness.Program(t, "qemu-system-x86_64", "qemu-system-x86")
	dir, err := os.MkdirTemp("", "q") // short: it holds sockets
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := machine{filepath.Join(dir, "a"), l.Addr().String(), filepath.Join(dir, "b")}
	l.Close()
	cmd := exec.Command(path, "-machine", "pc,accel=tcg", "-m", "32", "-nodefaults", "-display", "none", "-uuid", testUUID,
		"-qmp", "unix:"+m.socket+",server=on,wait=off", "-qmp", "tcp:"+m.address+",server=on,wait=off", "-qmp", "unix:"+m.other+",server=on,wait=off")
	cmd.Stderr = os.Stderr
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // after its end
	harness.Start(t, cmd)
	harness.Await(t, func() error { // all exist when it answers on the last
		mon, err := connect(harness.Within(t, time.Second), "unix", m.other)
		if err == nil {
			mon.close()
		}
		return err
	})
	return m
}

// do executes one command on the machine's second monitor.
func (m machine) do(t *testing.T, name string, arguments map[string]any) {
	t.Helper()
	mon, err := connect(harness.Within(t, 10*time.Second), "unix", m.other)
	if err != nil {
		t.Fatal(err)
	}
	defer mon.close()
	if err := mon.do(name, arguments); err != nil {
		t.Fatal(err)
	}
}

// pretender speaks QMP as badly as it is told. The answer to a command comes from its function; "" sends nothing more.
type pretender struct {
	listener net.Listener
	wg       sync.WaitGroup
}

func pretend(t *testing.T, greeting string, answer func(name string, id int) string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &pretender{listener: l}
	p.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { serve(c, greeting, answer) })
		}
	})
	t.Cleanup(func() { l.Close(); p.wg.Wait() })
	return l.Addr().String()
}

func serve(c net.Conn, greeting string, answer func(string, int) string) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	fmt.Fprint(c, greeting)
	in := bufio.NewScanner(c)
	for in.Scan() {
		var cmd command
		if json.Unmarshal(in.Bytes(), &cmd) != nil {
			return
		}
		fmt.Fprint(c, answer(cmd.Execute, cmd.ID))
	}
}

const hello = `{"QMP":{"version":{},"capabilities":[]}}` + "\n"

func result(id int, doc string) string { return fmt.Sprintf(`{"return":%s,"id":%d}`+"\n", doc, id) }

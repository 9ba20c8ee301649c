package main

import (
	"encoding/binary"
	"io"
	"net"
	"os/exec"
	"syscall"
	"time"

	"github.com/fenced-project/fenced/test/lab/wire"
)

// agent serves shell commands until the machine ends.
func agent(args []string) error {
	l, err := net.Listen("tcp", args[0])
	if err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return err // init starts it again
		}
		go func() {
			defer c.Close()
			serve(&wire.Conn{Conn: c})
		}()
	}
}

// serve runs one command. A host that is gone takes its command with it.
func serve(c *wire.Conn) {
	if c.Send(wire.Hello, nil) != nil {
		return
	}
	kind, line, err := c.Receive()
	if err != nil || kind != wire.Command {
		return
	}
	cmd := exec.Command("/bin/sh", "-c", string(line))
	cmd.Dir = "/root"
	cmd.Stdout, cmd.Stderr = c.Writer(wire.Out), c.Writer(wire.Err)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 200 * time.Millisecond // a daemon that it leaves behind keeps the pipes open
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		_ = c.Send(wire.Err, []byte(err.Error()+"\n"))
		exit(c, 127)
		return
	}
	done := make(chan struct{})
	go pulse(c, done)
	go listen(c, in, done, cmd.Process.Pid)
	_ = cmd.Wait() // how it ended is in its ProcessState
	close(done)
	code := cmd.ProcessState.ExitCode()
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		code = 128 + int(ws.Signal())
	}
	exit(c, code)
}

func exit(c *wire.Conn, code int) {
	_ = c.Send(wire.Exit, binary.BigEndian.AppendUint32(nil, uint32(code)))
}

func pulse(c *wire.Conn, done <-chan struct{}) {
	t := time.NewTicker(wire.Beat)
	defer t.Stop()
	for c.Send(wire.Pulse, nil) == nil {
		select {
		case <-done:
			return
		case <-t.C:
		}
	}
}

// listen passes standard input on, and ends the command's process group when the host goes.
func listen(c *wire.Conn, in io.WriteCloser, done <-chan struct{}, group int) {
	for {
		kind, p, err := c.Receive()
		if err != nil {
			select {
			case <-done:
			default:
				_ = syscall.Kill(-group, syscall.SIGKILL) // it may have ended just now
			}
			return
		}
		if kind == wire.In && len(p) == 0 {
			_ = in.Close()
		} else if kind == wire.In {
			_, _ = in.Write(p) // a command need not read
		}
	}
}

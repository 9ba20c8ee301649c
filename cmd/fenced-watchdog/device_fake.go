package main

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// fakeOpener opens the devices of a fake system: sockets (SOCK_SEQPACKET) below its root, at which whoever simulates the machine answers. A
// connection is an open device; "feed" feeds it, "timeout N" and "pretimeout N" are answered with what it has now, "magic" stops it, and the
// end of the connection without it lets it run on. The first packet from it is "hello IDENTITY|magic" or "busy". No file is ever opened.
func fakeOpener(root string) opener {
	return func(path string) (device, error) {
		c, err := net.DialTimeout("unixpacket", filepath.Join(root, path), fakeDeadline)
		if err != nil {
			return nil, err
		}
		d := &fakeDevice{c: c}
		word, err := d.read()
		switch {
		case err != nil:
			return nil, errors.Join(err, c.Close())
		case word == "busy":
			return nil, errors.Join(unix.EBUSY, c.Close())
		}
		about, ok := strings.CutPrefix(word, "hello ")
		if !ok {
			return nil, errors.Join(fmt.Errorf("%s is no simulated watchdog: it says %q", path, word), c.Close())
		}
		d.identity, d.magic = strings.CutSuffix(about, "|magic")
		return d, nil
	}
}

// fakeDeadline bounds each word with a simulated device.
const fakeDeadline = 2 * time.Second

type fakeDevice struct {
	c        net.Conn
	identity string
	magic    bool
}

func (d *fakeDevice) feed() error { return d.say("feed") }

func (d *fakeDevice) setTimeout(seconds int) (int, error) { return d.ask("timeout", seconds) }

func (d *fakeDevice) setPretimeout(seconds int) (int, error) { return d.ask("pretimeout", seconds) }

func (d *fakeDevice) info() (string, bool) { return d.identity, d.magic }

func (d *fakeDevice) close(magic bool) error {
	var err error
	if magic {
		err = d.say("magic")
	}
	return errors.Join(err, d.c.Close())
}

func (d *fakeDevice) say(word string) error {
	if err := d.c.SetWriteDeadline(time.Now().Add(fakeDeadline)); err != nil {
		return err
	}
	_, err := d.c.Write([]byte(word))
	return err
}

func (d *fakeDevice) ask(what string, n int) (int, error) {
	if err := d.say(fmt.Sprintf("%s %d", what, n)); err != nil {
		return 0, err
	}
	word, err := d.read()
	if err != nil {
		return 0, err
	}
	var have int
	if _, err := fmt.Sscanf(word, what+" %d", &have); err != nil {
		return 0, fmt.Errorf("cannot set its %s to %d s: it says %q", what, n, word)
	}
	return have, nil
}

func (d *fakeDevice) read() (string, error) {
	if err := d.c.SetReadDeadline(time.Now().Add(fakeDeadline)); err != nil {
		return "", err
	}
	b := make([]byte, 128)
	n, err := d.c.Read(b)
	return string(b[:n]), err
}

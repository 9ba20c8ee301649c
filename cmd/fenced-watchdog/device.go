package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// device is an open watchdog. Opening one starts it.
type device interface {
	// feed puts the reset off by the device's timeout.
	feed() error
	// setTimeout asks for a timeout in whole seconds and returns what the device says it has now: drivers round, and some have their own mind.
	setTimeout(seconds int) (int, error)
	// setPretimeout asks for a warning (an NMI, mostly a panic) so many seconds before the reset and returns what the device has.
	setPretimeout(seconds int) (int, error)
	// info is the identity, and whether a magic close stops it, by the driver's own word.
	info() (identity string, magic bool)
	// close ends it: with magic the device stops, without it runs on and resets the machine.
	close(magic bool) error
}

// opener opens devices below one system root.
type opener func(path string) (device, error)

// look says what the system tells of a device without opening it: opening would start it.
func look(root, path string) deviceSeen {
	d := deviceSeen{Path: path}
	if _, err := os.Stat(filepath.Join(root, path)); err != nil {
		d.Code, d.Why = codeMissing, "there is no "+path+" (is the driver's module loaded?)"
		return d
	}
	dir := filepath.Join(root, "sys/class/watchdog", sysName(root, path))
	d.Identity = word(dir, "identity")
	d.Kind = kindOf(d.Identity, driver(dir))
	d.Running = word(dir, "state") == "active"
	d.NoWayOut = word(dir, "nowayout") == "1"
	d.LastReset = word(dir, "bootstatus") != "" && number(dir, "bootstatus")&cardReset != 0
	d.TimeoutMS = int64(number(dir, "timeout")) * 1000
	d.PretimeoutMS = int64(number(dir, "pretimeout")) * 1000
	return d
}

// cardReset is WDIOF_CARDRESET: the watchdog ended the boot before this one.
const cardReset = 0x20

// sysName is the name of a device in /sys/class/watchdog: /dev/watchdog is the first one under its old name.
func sysName(_, path string) string {
	if name := filepath.Base(path); name != "watchdog" {
		return name
	}
	return "watchdog0"
}

// kindOf tells softdog from hardware: it is the one that a hung kernel stops (R15). Its module has no device behind it, so its identity is what
// tells.
func kindOf(identity, driver string) string {
	switch {
	case strings.EqualFold(identity, "Software Watchdog"), strings.EqualFold(driver, "softdog"):
		return "softdog"
	case driver != "":
		return driver
	}
	return strings.ToLower(strings.ReplaceAll(identity, " ", "-"))
}

func driver(dir string) string {
	target, err := os.Readlink(filepath.Join(dir, "device/driver"))
	if err != nil {
		return ""
	}
	return filepath.Base(target)
}

func word(dir, name string) string {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil || len(b) > 256 {
		return ""
	}
	return strings.TrimSpace(string(b))
}

func number(dir, name string) int {
	n, err := strconv.Atoi(word(dir, name))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

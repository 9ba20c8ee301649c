package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// No test of this package can open a watchdog of this machine: the call that would is replaced before any test runs, and the variable without
// which it is not reached is taken out.
func TestMain(m *testing.M) {
	openKernel = func(path string) (int, error) { panic("a test reached " + path) }
	if err := os.Unsetenv("FENCED_ALLOW_RESET"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// dog is a device without a machine behind it.
type dog struct {
	identity string
	magic    bool
	timeout  func(asked int) int
	feeds    int
	feedErr  error
	onFeed   func()
	last     int // the newest timeout
	closed   string
}

func (d *dog) feed() error {
	if d.onFeed != nil {
		d.onFeed()
	}
	d.feeds++
	return d.feedErr
}

func (d *dog) setTimeout(n int) (int, error) {
	if d.timeout != nil {
		n = d.timeout(n)
	}
	if d.last = n; n < 0 {
		return 0, unix.EINVAL
	}
	return n, nil
}

func (d *dog) setPretimeout(n int) (int, error) { return n, nil }
func (d *dog) info() (string, bool)             { return d.identity, d.magic }
func (d *dog) close(magic bool) error {
	d.closed = fmt.Sprintf("closed magic=%t", magic)
	return nil
}

// bench is a holder with a clock that the test sets, in a fake system with two devices.
type bench struct {
	*holder
	t    *testing.T
	at   int64
	root string
	dogs map[string]*dog
	said []string
	errs map[string]error
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, at: 1000, root: t.TempDir(), dogs: map[string]*dog{}, errs: map[string]error{}}
	for _, name := range []string{"watchdog0", "watchdog1"} {
		b.write("dev/"+name, "")
		b.write("sys/class/watchdog/"+name+"/state", "inactive\n")
		b.dogs["/dev/"+name] = &dog{identity: "iTCO_wdt", magic: true}
	}
	b.restart()
	return b
}

func (b *bench) write(path, text string) {
	b.t.Helper()
	path = filepath.Join(b.root, path)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) restart() {
	open := func(path string) (device, error) {
		if err := b.errs[path]; err != nil {
			return nil, err
		}
		return b.dogs[path], nil
	}
	b.holder = newHolder(b.root, filepath.Join(b.root, "watchdog.open"), open, func() int64 { return b.at }, func(f string, a ...any) { b.said = append(b.said, fmt.Sprintf(f, a...)) })
}

func (b *bench) greet(devices ...string) reply {
	b.t.Helper()
	r := b.hello(1, 42, request{Instance: "a", Devices: devices, TimeoutMS: 10_000, MaxLeaseMS: 5000})
	if !r.OK {
		b.t.Fatal(r.Error)
	}
	return r
}

func (b *bench) until(ms int64) reply { return b.renew(1, request{UntilMS: ms}) }

func (b *bench) recorded() bool {
	_, err := os.Stat(b.record)
	return err == nil
}

// Opened by the first renewal and not before, set, read back, fed until the end of the lease and not once more.
func TestFedForTheLeaseAndNoLonger(t *testing.T) {
	b := newBench(t)
	d := b.dogs["/dev/watchdog0"]
	b.greet("/dev/watchdog0")
	b.feed()
	if d.feeds != 0 || b.recorded() {
		t.Fatal("it was opened before there was a lease")
	}
	r := b.until(5000)
	if !r.OK || r.State.Phase != phaseOpen || r.State.HardwareMS != 10_000 || r.State.Devices[0].Kind != "itco_wdt" || !r.State.Devices[0].Open || !b.recorded() {
		t.Fatalf("%+v", r)
	}
	if d.last != 10 || d.feeds != 1 {
		t.Fatalf("timeout %d, fed %d times", d.last, d.feeds)
	}
	for b.at = 1001; b.at < 5000; {
		before := b.at
		if b.at = b.feed(); b.at > before+feedEveryMS || b.at <= before {
			t.Fatalf("the next turn after %d is %d", before, b.at)
		}
	}
	fed := d.feeds
	for ; b.at < 60_000; b.at += 100 {
		b.feed()
	}
	if d.feeds != fed || fed < 4 {
		t.Fatalf("fed %d times, then %d", fed, d.feeds)
	}
	if r := b.until(62_000); r.Code != codeExpired || r.State.Phase != phaseExpired || d.closed != "" || !b.recorded() {
		t.Fatalf("%+v %s", r, d.closed)
	}
	if r := b.release(1); r.Code != codeExpired || d.closed != "" {
		t.Fatalf("it was closed after the lease: %+v", r)
	}
}

// A process that is stopped between its look at the clock and its feeding has fed too late: what is left of the time is made short.
func TestFedTooLate(t *testing.T) {
	b := newBench(t)
	d := b.dogs["/dev/watchdog0"]
	b.greet("/dev/watchdog0")
	b.until(5000)
	b.at, d.onFeed = 4990, func() { b.at = 5000 + lateMS + 1 }
	b.feed()
	if d.last != 1 || b.lease.phase != phaseExpired {
		t.Fatalf("timeout %d, phase %s", d.last, b.lease.phase)
	}
}

// A clean release stops the device by its magic close; afterwards it may be opened again.
func TestReleaseCloses(t *testing.T) {
	b := newBench(t)
	d := b.dogs["/dev/watchdog0"]
	b.greet("/dev/watchdog0")
	b.until(5000)
	if r := b.release(1); !r.OK || r.State.Phase != phaseClosed || d.closed != "closed magic=true" || b.recorded() || !b.mayEnd() {
		t.Fatalf("%+v %s", r, d.closed)
	}
	d.closed = ""
	if r := b.until(5500); !r.OK || r.State.Phase != phaseOpen {
		t.Fatalf("%+v", r)
	}
}

// nowayout, or a driver without magic close: closing would reset the machine, so it is fed on without a lease, and a next lease goes on with it.
func TestWhatCannotBeStopped(t *testing.T) {
	for _, how := range []string{"nowayout", "no magic"} {
		b := newBench(t)
		d := b.dogs["/dev/watchdog0"]
		if how == "nowayout" {
			b.write("sys/class/watchdog/watchdog0/nowayout", "1\n")
		} else {
			d.magic = false
		}
		b.greet("/dev/watchdog0")
		b.until(5000)
		if r := b.release(1); !r.OK || r.State.Phase != phaseCustody || d.closed != "" || !b.recorded() {
			t.Fatalf("%s: %+v %s", how, r, d.closed)
		}
		fed := d.feeds
		b.at = 100_000
		b.feed()
		if d.feeds != fed+1 {
			t.Fatalf("%s: not fed", how)
		}
		if r := b.until(104_000); !r.OK || r.State.Phase != phaseOpen {
			t.Fatalf("%s: %+v", how, r)
		}
		b.at = 104_000
		if b.feed(); d.feeds != fed+1 {
			t.Fatalf("%s: fed after the lease", how)
		}
	}
}

// The machine is reset by whichever works, so what counts is the longest; one that fails is told and does not hold up the others.
func TestSeveralDevices(t *testing.T) {
	b := newBench(t)
	one, two := b.dogs["/dev/watchdog0"], b.dogs["/dev/watchdog1"]
	two.timeout = func(int) int { return 12 }
	b.greet("/dev/watchdog0", "/dev/watchdog1")
	r := b.until(5000)
	if !r.OK || r.State.HardwareMS != 12_000 || len(r.State.Devices) != 2 {
		t.Fatalf("%+v", r)
	}
	one.feedErr = unix.EIO
	b.at = 2000
	b.feed()
	if r := b.until(6000); two.feeds != 2 || r.State.Devices[0].Code != codeDevice || r.State.Devices[1].Code != "" {
		t.Fatalf("%+v, the other was fed %d times", r.State.Devices, two.feeds)
	}
}

// What is not there, held by somebody, refuses its timeout or reads back another one is not used, and it is said why.
func TestDevicesThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*bench, *dog)
		code    string
		says    string
		closed  string
	}{
		"missing": {func(b *bench, _ *dog) { _ = os.Remove(filepath.Join(b.root, "dev/watchdog0")) }, codeMissing, "there is no /dev/watchdog0", ""},
		"systemd": {func(b *bench, _ *dog) { b.owner(1, "systemd", "/dev/watchdog") }, codeOwned, "systemd's RuntimeWatchdogSec= (pid 1)", ""},
		"another": {func(b *bench, _ *dog) { b.owner(77, "sbd\n", "/dev/watchdog0") }, codeOwned, "sbd (pid 77)", ""},
		"busy":    {func(b *bench, _ *dog) { b.errs["/dev/watchdog0"] = unix.EBUSY }, codeOwned, "cannot open", ""},
		"unclean": {func(b *bench, _ *dog) {
			b.write("sys/class/watchdog/watchdog0/state", "active\n")
			b.write("sys/class/watchdog/watchdog0/timeout", "30\n")
		}, codeUnclean, "resets this machine when its 30 s are over", ""},
		"refuses":   {func(_ *bench, d *dog) { d.timeout = func(int) int { return -1 } }, codeDevice, "invalid argument", "closed magic=true"},
		"longer":    {func(_ *bench, d *dog) { d.timeout = func(int) int { return 60 } }, codeDevice, "set to 10 s and reads back as 60 s", "closed magic=true"},
		"too short": {func(_ *bench, d *dog) { d.timeout = func(int) int { return 1 } }, codeDevice, "reads back as 1 s", "closed magic=true"},
		"cannot be stopped": {func(_ *bench, d *dog) {
			d.magic = false
			d.timeout = func(int) int { return 60 }
		}, codeDevice, "cannot be stopped any more", "closed magic=false"},
		"eats nothing": {func(_ *bench, d *dog) { d.feedErr = unix.EIO }, codeDevice, "input/output error", "closed magic=true"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			d := b.dogs["/dev/watchdog0"]
			c.prepare(b, d)
			b.greet("/dev/watchdog0")
			r := b.until(5000)
			if r.OK || r.Code != c.code || !strings.Contains(r.Error, c.says) || r.State.Phase != phaseClosed || b.recorded() || d.closed != c.closed {
				t.Fatalf("%+v %q", r, d.closed)
			}
		})
	}
}

// A device that runs with nobody behind it is opened only where the configuration says that firmware starts it.
func TestTakeOver(t *testing.T) {
	b := newBench(t)
	b.write("sys/class/watchdog/watchdog0/state", "active\n")
	if r := b.hello(1, 42, request{Instance: "a", Devices: []string{"/dev/watchdog0"}, TimeoutMS: 10_000, MaxLeaseMS: 5000, TakeOver: true}); !r.OK || r.State.Devices[0].Code != "" {
		t.Fatalf("%+v", r)
	}
	if r := b.until(5000); !r.OK {
		t.Fatal(r.Error)
	}
}

// A holder that finds the record of one before it in this boot opens nothing: that one died with the watchdog open, and its end is counted on.
func TestAnEarlierHolderDied(t *testing.T) {
	b := newBench(t)
	b.greet("/dev/watchdog0")
	b.until(5000)
	fed := b.dogs["/dev/watchdog0"].feeds
	b.restart()
	b.greet("/dev/watchdog0")
	r := b.until(5000)
	b.feed()
	if r.Code != codeUnclean || r.State.Phase != phaseOrphan || b.dogs["/dev/watchdog0"].feeds != fed || b.mayEnd() {
		t.Fatalf("%+v", r)
	}
	if len(b.said) == 0 || !strings.Contains(b.said[0], "an earlier holder of this boot") {
		t.Fatalf("%q", b.said)
	}
}

// A daemon that goes leaves its lease as it is; the next one goes on with it in time.
func TestTheDaemonGoes(t *testing.T) {
	b := newBench(t)
	d := b.dogs["/dev/watchdog0"]
	b.greet("/dev/watchdog0")
	b.until(5000)
	b.gone(1)
	b.at = 4000
	if b.feed(); d.feeds != 2 || b.mayEnd() {
		t.Fatalf("fed %d times", d.feeds)
	}
	if r := b.hello(2, 43, request{Instance: "b", Devices: []string{"/dev/watchdog0"}, TimeoutMS: 10_000, MaxLeaseMS: 5000}); !r.OK {
		t.Fatal(r.Error)
	}
	if r := b.renew(2, request{UntilMS: 8000}); !r.OK || r.State.UntilMS != 8000 || r.State.Instance != "b" || r.State.OwnerPid != 43 {
		t.Fatalf("%+v", r)
	}
}

// A test opens and never feeds, and nothing stops it; while a lease runs there is none.
func TestTheTest(t *testing.T) {
	ask := request{Instance: "cli", Devices: []string{"/dev/watchdog0"}, TimeoutMS: 10_000, MaxLeaseMS: 5000}
	b := newBench(t)
	b.greet("/dev/watchdog0")
	b.until(5000)
	if r := b.test(2, 50, ask); r.Code != codeBusy {
		t.Fatalf("%+v", r)
	}
	b = newBench(t)
	d := b.dogs["/dev/watchdog0"]
	if r := b.test(2, 50, ask); !r.OK || r.State.Phase != phaseTesting || d.feeds != 1 {
		t.Fatalf("%+v, %d", r, d.feeds)
	}
	b.gone(2)
	for i := range int64(100) {
		b.at += i
		b.feed()
	}
	if d.feeds != 1 || d.closed != "" || b.mayEnd() {
		t.Fatalf("fed %d times, %s", d.feeds, d.closed)
	}
}

// Only whose lease it is may speak for it, only root may speak, and only this version is understood.
func TestWhoMayAsk(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		r    request
		root bool
		code string
	}{
		{request{Version: 1, Op: "status"}, false, ""},
		{request{Version: 2, Op: "status"}, true, codeUsage},
		{request{Version: 1, Op: "hello"}, false, codeDenied},
		{request{Version: 1, Op: "renew"}, false, codeDenied},
		{request{Version: 1, Op: "release"}, false, codeDenied},
		{request{Version: 1, Op: "test"}, false, codeDenied},
		{request{Version: 1, Op: "dance"}, true, codeUsage},
		{request{Version: 1, Op: "renew", UntilMS: 2000}, true, codeBusy},
		{request{Version: 1, Op: "hello", Instance: "a", TimeoutMS: 10_000, MaxLeaseMS: 1}, true, codeUsage},
		{request{Version: 1, Op: "hello", Instance: "a", Devices: []string{"/dev/watchdog0", "/dev/watchdog0"}, TimeoutMS: 10_000, MaxLeaseMS: 1}, true, codeUsage},
		{request{Version: 1, Op: "hello", Instance: "a", Devices: []string{"/dev/watchdog0"}, TimeoutMS: 1999, MaxLeaseMS: 1}, true, codeUsage},
		{request{Version: 1, Op: "hello", Instance: "a", Devices: []string{"/dev/watchdog0"}, TimeoutMS: 5000, PretimeoutMS: 5000, MaxLeaseMS: 1}, true, codeUsage},
	} {
		if r := b.handle(9, 1, c.root, c.r); r.Code != c.code {
			t.Errorf("%+v: %+v", c.r, r)
		}
	}
}

// The guard: the devices of this machine are reached with root / and the unit's variable alone.
func TestGuard(t *testing.T) {
	for _, root := range []string{"", ".", "//", "/tmp/", "relative", "/tmp/.."} {
		if _, err := choose(root); err == nil {
			t.Errorf("%q is taken for a system root", root)
		}
	}
	if _, err := choose("/"); !errors.Is(err, errNotAllowed) {
		t.Errorf("%v", err)
	}
	if _, err := realOpener("/dev/watchdog0"); !errors.Is(err, errNotAllowed) {
		t.Errorf("%v", err)
	}
	t.Setenv("FENCED_ALLOW_RESET", "1")
	if open, err := choose("/"); err != nil || open == nil {
		t.Errorf("%v", err)
	}
	for _, path := range []string{"/dev/sda", "/dev/watchdog/../sda", "watchdog0", "/proc/sysrq-trigger"} {
		if _, err := realOpener(path); err == nil {
			t.Errorf("%s was opened", path)
		}
	}
	if open, err := choose(t.TempDir()); err != nil {
		t.Error(err)
	} else if d, err := open("/dev/watchdog0"); err == nil || d != nil {
		t.Error("a fake system without devices has one")
	}
}

// owner makes a process of the fake system that holds a device.
func (b *bench) owner(pid int, comm, device string) {
	b.t.Helper()
	dir := fmt.Sprintf("proc/%d/", pid)
	b.write(dir+"comm", comm)
	if err := errors.Join(os.MkdirAll(filepath.Join(b.root, dir, "fd"), 0o755), os.Symlink(device, filepath.Join(b.root, dir, "fd/7"))); err != nil {
		b.t.Fatal(err)
	}
}

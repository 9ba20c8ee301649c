package plugintest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/fenced-project/fenced/plugins/host"
)

// hardness are the cases about deadlines, signals, garbage and resources.
func hardness() []check {
	return []check{
		{"deadline", "calls with deadlines too short for any device end in time, and the plugin returns from them: it is not killed (R9)", deadline},
		{"many at once", "32 calls at once are all answered", many},
		{"kill -9", "its sudden death costs at most the call in it; the next call finds a new process with its devices open", killed},
		{"stopped", "stopped as by SIGSTOP it costs a timeout, is killed, and the next call finds a new process (hang)", stopped},
		{"garbage", "garbage on its socket neither ends it nor is answered as a call", garbage},
		{"memory", "after 200 calls it holds less than 128 MiB, and the kernel bounds it", memory},
		{"quiet", "it writes nothing to stdout but its handshake, and not more than a hundred lines to stderr", quiet},
	}
}

func deadline(ctx context.Context, s *subject) error {
	return s.with(ctx, func(ctx context.Context, h *host.Host) error {
		before, err := pid(h)
		if err != nil {
			return err
		}
		for _, d := range []time.Duration{time.Millisecond, 3 * time.Millisecond, 10 * time.Millisecond, 50 * time.Millisecond} {
			short, cancel := context.WithTimeout(ctx, d)
			begin := time.Now()
			_, err := h.Status(short, "d", s.Target)
			cancel()
			if c := host.ClassOf(err); c != host.ClassTimeout && c != host.ClassOK {
				return fmt.Errorf("with %v it answers: %w", d, err)
			}
			if took := time.Since(begin); took > d+time.Second {
				return fmt.Errorf("with a deadline of %v it took %v", d, took)
			}
		}
		if _, err := s.status(ctx, h, "d", s.Target); err != nil { // comes behind those that were dropped
			return err
		}
		after, err := pid(h)
		if err == nil && before != after {
			err = errors.New("it did not return at a deadline and was killed")
		}
		return err
	})
}

func many(ctx context.Context, s *subject) error {
	return s.with(ctx, func(ctx context.Context, h *host.Host) error {
		const calls = 32
		errs := make(chan error, calls)
		for range calls {
			go func() {
				c, cancel := context.WithTimeout(ctx, min(time.Minute, 3*s.Timeout))
				defer cancel()
				_, err := h.Status(c, "d", s.Target)
				errs <- err
			}()
		}
		var all []error
		for range calls {
			all = append(all, <-errs)
		}
		return errors.Join(all...)
	})
}

// signalled sends a signal while a call is under way or about to begin, and demands that the next call works in another process.
func signalled(ctx context.Context, s *subject, sig syscall.Signal, want ...host.Class) error {
	return s.with(ctx, func(ctx context.Context, h *host.Host) error {
		before, err := pid(h)
		if err != nil {
			return err
		}
		if err := syscall.Kill(before, sig); err != nil {
			return err
		}
		if err := s.felt(ctx, before); err != nil {
			return err
		}
		short, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		_, err = h.Status(short, "d", s.Target)
		ok := false
		for _, c := range want {
			ok = ok || host.ClassOf(err) == c
		}
		if !ok {
			return fmt.Errorf("the call ends with %v", orOK(err))
		}
		if _, err := s.status(ctx, h, "d", s.Target); err != nil {
			return fmt.Errorf("the next call fails: %w", err)
		}
		for end := time.Now().Add(s.Timeout); syscall.Kill(before, 0) == nil; {
			if time.Now().After(end) {
				return fmt.Errorf("the process %d still lives", before)
			}
			if err := pause(ctx, 5*time.Millisecond); err != nil {
				return err
			}
		}
		return nil
	})
}

// felt waits until a process is stopped or dead: a signal takes a moment.
func (s *subject) felt(ctx context.Context, pid int) error {
	for end := time.Now().Add(s.Timeout); time.Now().Before(end); {
		b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil {
			return nil
		}
		if _, rest, ok := strings.Cut(string(b), ") "); ok && strings.ContainsAny(rest[:1], "TZX") {
			return nil
		}
		if err := pause(ctx, time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("process %d does not react to a signal", pid)
}

func killed(ctx context.Context, s *subject) error {
	return signalled(ctx, s, syscall.SIGKILL, host.ClassPluginDied, host.ClassOK) // ok: the new process was there first
}

func stopped(ctx context.Context, s *subject) error {
	return signalled(ctx, s, syscall.SIGSTOP, host.ClassTimeout)
}

func garbage(ctx context.Context, s *subject) error {
	return s.with(ctx, func(ctx context.Context, h *host.Host) error {
		before, err := pid(h)
		if err != nil {
			return err
		}
		sockets, err := filepath.Glob(filepath.Join(s.dir, "h-*", "p*", "plugin-dir*", "*"))
		if err != nil || len(sockets) == 0 {
			return fmt.Errorf("cannot find its socket: %w", err)
		}
		for _, junk := range []string{"\x00\x01\x02", "GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", strings.Repeat("\xff", 1<<20)} {
			c, err := net.DialTimeout("unix", sockets[0], s.Timeout)
			if err != nil {
				return err
			}
			_ = c.SetDeadline(time.Now().Add(s.Timeout))
			_, _ = c.Write([]byte(junk)) // it may close before it has read all
			_ = c.Close()
		}
		if _, err := s.status(ctx, h, "d", s.Target); err != nil {
			return err
		}
		after, err := pid(h)
		if err == nil && before != after {
			err = errors.New("it died of garbage on its socket")
		}
		return err
	})
}

func memory(ctx context.Context, s *subject) error {
	return s.with(ctx, func(ctx context.Context, h *host.Host) error {
		for range 200 {
			if _, err := s.status(ctx, h, "d", s.Target); err != nil {
				return err
			}
		}
		p, err := pid(h)
		if err != nil {
			return err
		}
		kib, err := resident(p)
		if err != nil {
			return err
		}
		if kib > 128<<10 {
			return fmt.Errorf("it holds %d MiB", kib>>10)
		}
		limits, err := os.ReadFile("/proc/" + strconv.Itoa(p) + "/limits")
		if err != nil {
			return err
		}
		if strings.Contains(strings.Join(strings.Fields(string(limits)), " "), "Max data size unlimited") {
			return errors.New("its memory is not bounded")
		}
		return nil
	})
}

// resident is the anonymous memory of a process in KiB.
func resident(p int) (int, error) {
	f, err := os.Open("/proc/" + strconv.Itoa(p) + "/status")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 1 && fields[0] == "RssAnon:" {
			return strconv.Atoi(fields[1])
		}
	}
	return 0, errors.New("the kernel does not say how much memory it holds")
}

func quiet(_ context.Context, s *subject) error {
	if n, first := s.log.of("stdout"); n > 0 {
		return fmt.Errorf("it wrote %d lines to stdout, the first is %q", n, first)
	}
	if n, first := s.log.of("stderr"); n > 100 {
		return fmt.Errorf("it wrote %d lines to stderr, the first is %q", n, first)
	}
	return nil
}

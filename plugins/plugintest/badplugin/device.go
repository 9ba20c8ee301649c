package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/fenced-project/fenced/plugins/sdk"
)

var knobs = []string{"none", "hang", "late", "crash", "panic", "memory", "stdout", "stderr", "print", "note", "stop", "child", "cached", "environment", "tell", "slow", "files", "gate"}

type bad struct{ name, version string }

func (b bad) Describe() sdk.Description {
	return sdk.Description{
		Name: b.name, Version: b.version, Summary: "misbehaves as told", Kind: sdk.Power, Limit: 8,
		Options: []sdk.Option{
			{Name: "dir", Required: true, Mapping: true},
			{Name: "open", Type: sdk.Enum, Values: knobs, Default: "none"},
			{Name: "status", Type: sdk.Enum, Values: knobs, Default: "none"},
			{Name: "do", Type: sdk.Enum, Values: knobs, Default: "none"},
			{Name: "password", Secret: true},
		},
	}
}

func (b bad) Open(ctx context.Context, name string, o sdk.Options) (sdk.Device, error) {
	d := &device{name: name, dir: o.String("dir"), status: o.String("status"), do: o.String("do"), password: o.Secret("password").Reveal()}
	// Each opening leaves a line: tests count them.
	if err := d.write("opened", name+"\n", os.O_APPEND); err != nil {
		return nil, err
	}
	_, err := d.misbehave(ctx, o.String("open"), "")
	return d, err
}

type device struct{ name, dir, status, do, password, first string }

func (d *device) Close() error { return d.write("closed", d.name+"\n", os.O_APPEND) }

func (d *device) Status(ctx context.Context, target string) (sdk.Status, error) {
	detail, err := d.misbehave(ctx, d.status, target)
	if err != nil {
		return sdk.Status{}, err
	}
	b, err := os.ReadFile(filepath.Join(d.dir, target))
	if err != nil {
		return sdk.Status{}, sdk.Unreachable(err)
	}
	state := string(b)
	if d.status == "cached" {
		if d.first == "" {
			d.first = state
		}
		state = d.first
	}
	return sdk.Status{State: sdk.ParseState(state), Detail: detail}, nil
}

func (d *device) Do(ctx context.Context, target string, action sdk.Action) error {
	if _, err := d.misbehave(ctx, d.do, target); err != nil {
		return err
	}
	return d.write(target, string(action), os.O_TRUNC)
}

func (d *device) write(file, text string, flag int) error {
	f, err := os.OpenFile(filepath.Join(d.dir, file), os.O_CREATE|os.O_WRONLY|flag, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// misbehave does what knob says; it returns for the knobs after which the call goes on.
func (d *device) misbehave(ctx context.Context, knob, target string) (string, error) {
	switch knob {
	case "hang": // deaf to ctx, like a library that ignores it
		_ = d.write("hanging", strconv.Itoa(os.Getpid()), os.O_TRUNC)
		select {}
	case "late": // the effect comes after the deadline
		time.Sleep(3 * time.Second)
	case "slow":
		select {
		case <-time.After(1500 * time.Millisecond):
		case <-ctx.Done():
			return "", ctx.Err()
		}
	case "gate":
		return "", d.gate(ctx)
	case "crash":
		os.Exit(7)
	case "panic":
		panic("told to panic")
	case "memory":
		return "", eat()
	case "files":
		return "", hoard()
	case "stdout":
		return "", flood(1)
	case "stderr":
		return "", flood(2)
	case "print": // through the stream that go-plugin makes of os.Stderr
		for text := strings.Repeat("y", 1<<10); ; {
			if _, err := fmt.Fprintln(os.Stderr, text); err != nil {
				return "", err
			}
		}
	case "note":
		fmt.Println("reading the state of", target)
	case "stop":
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		select {} // the signal takes a moment
	case "child":
		cmd := exec.Command("/bin/sleep", "3600")
		cmd.Stdout, cmd.Stderr = os.NewFile(1, "stdout"), os.NewFile(2, "stderr")
		if err := cmd.Start(); err != nil {
			return "", err
		}
		_ = d.write("child", strconv.Itoa(cmd.Process.Pid), os.O_TRUNC)
		os.Exit(8)
	case "environment":
		return strings.Join(os.Environ(), " "), nil
	case "tell":
		fmt.Fprintln(os.Stderr, "the password is", d.password)
		return "", sdk.Auth(fmt.Errorf("login with %s failed for %s", d.password, target))
	}
	return "", nil
}

// gate returns when the test has made a file of this name, however long the machine takes for what the test does meanwhile.
func (d *device) gate(ctx context.Context) error {
	for look := time.NewTicker(10 * time.Millisecond); ; {
		if _, err := os.Stat(filepath.Join(d.dir, "gate")); err == nil {
			return nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// eat takes a gigabyte and touches each page.
func eat() error {
	var held [][]byte
	for range 64 {
		b := make([]byte, 16<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		held = append(held, b)
	}
	return fmt.Errorf("held %d MiB and lived", len(held)*16)
}

// hoard opens more files than anybody needs.
func hoard() error {
	for n := range 1 << 16 {
		if _, err := syscall.Open("/dev/null", syscall.O_RDONLY, 0); err != nil {
			return fmt.Errorf("%w after %d files", err, n)
		}
	}
	return nil // nobody stopped it
}

// flood writes a gigabyte of lines to a file descriptor that go-plugin does not replace.
func flood(fd int) error {
	chunk := []byte(strings.Repeat(strings.Repeat("x", 127)+"\n", 512))
	for written := 0; written < 1<<30; {
		n, err := syscall.Write(fd, chunk)
		if err != nil && !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR) {
			return err
		}
		written += max(n, 0)
	}
	return errors.New("flooded")
}

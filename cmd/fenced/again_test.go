package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// R26: a planned restart starts what is installed now, also where the program that runs was moved away and not replaced.
//
// proves: R26
func TestARestartStartsWhatIsInstalledNow(t *testing.T) {
	if os.Getenv("FENCED_TEST_AGAIN") != "" { // the process that restarts
		_, _ = os.Stdout.WriteString("up\n")
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		t.Fatal(again())
	}
	for _, moved := range []bool{true, false} {
		dir := t.TempDir()
		program := filepath.Join(dir, "fenced")
		copyProgram(t, os.Args[0], program)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		cmd := exec.CommandContext(ctx, program, "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), "FENCED_TEST_AGAIN=1")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(out)
		if l, err := lines.ReadString('\n'); l != "up\n" {
			t.Fatal(l, err)
		}
		if moved {
			if err := os.Rename(program, program+".before"); err != nil {
				t.Fatal(err)
			}
		} else if err := os.Remove(program); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(program, []byte("#!/bin/sh\necho next\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(in, "\n"); err != nil {
			t.Fatal(err)
		}
		if l, err := lines.ReadString('\n'); l != "next\n" {
			t.Errorf("moved away %t: the next program says %q (%v)", moved, l, err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("moved away %t: %v", moved, err)
		}
		cancel()
	}
}

func copyProgram(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o755); err != nil {
		t.Fatal(err)
	}
}

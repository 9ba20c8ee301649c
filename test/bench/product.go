package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// moduleRoot is the directory of go.mod.
func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	mod := strings.TrimSpace(string(out))
	if err != nil || mod == "" || mod == os.DevNull {
		return "", errors.New("cannot find go.mod: run it inside the module")
	}
	return filepath.Dir(mod), nil
}

// product makes the binaries, or takes those of FENCED_BUILD; the function that it returns removes what it made.
func (r *run) product(ctx context.Context) (func(), error) {
	if dir := os.Getenv("FENCED_BUILD"); dir != "" {
		abs, err := filepath.Abs(dir)
		r.build = abs
		return func() {}, err
	}
	dir, err := os.MkdirTemp("", "fenced-bench-build-")
	if err != nil {
		return nil, err
	}
	drop := func() { _ = os.RemoveAll(dir) }
	r.say("building the product")
	for _, b := range [][]string{{dir + "/", "./cmd/fenced", "./cmd/fenced-dev"}, {filepath.Join(dir, "plugins", "fenced-plugin-dummy"), "./plugins/dummy"}} {
		cmd := exec.CommandContext(ctx, "go", append([]string{"build", "-trimpath", "-buildvcs=false", "-o"}, b...)...)
		cmd.Dir = r.root
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			drop()
			return nil, fmt.Errorf("cannot build %v: %w: %s", b[1:], err, out)
		}
	}
	r.build = dir
	return drop, nil
}

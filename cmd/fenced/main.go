package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/internal/cli"
)

// version is set by the linker.
var version = "dev"

func main() {
	os.Exit(cli.Main(os.Args, cli.Deps{
		Version:        version,
		Run:            run,
		RunWitness:     runWitness,
		Dev:            dev,
		ListPlugins:    listPlugins,
		DescribePlugin: describePlugin,
		Describer:      describer,
		Opener:         opener,
		UsedPlugin:     usedPlugin,
		VerifyPlugin:   verifyPlugin,
		TestPlugin:     testPlugin,
		ListAgents:     listAgents,
		Residual:       residue,
		CheckLog:       checkLog,
		Recover:        recovery,
		Corosync:       askCorosync,
		Sim:            simulate,
		WatchdogStatus: watchdogStatus,
		WatchdogTest:   watchdogTest,
	}, os.Stdin, os.Stdout, os.Stderr))
}

// devGrace is how long the playground may take to clean up after a signal before it is killed.
const devGrace = 15 * time.Second

// dev runs the playground of fenced-dev, which stands beside this binary where it is installed: production does not ship test devices.
func dev(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	self, err := os.Executable()
	if err != nil {
		_, _ = io.WriteString(stderr, "fenced dev: cannot find this program: "+err.Error()+"\n")
		return int(client.CodeError)
	}
	path := filepath.Join(filepath.Dir(self), "fenced-dev")
	if _, err := os.Stat(path); err != nil {
		_, _ = io.WriteString(stderr, "fenced dev: the playground is not installed: "+err.Error()+"\nit is built by `make build` and not shipped to production\n")
		return int(client.CodeNoSuch)
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	cmd := exec.CommandContext(ctx, path, append([]string{"playground"}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = devGrace
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		return exit.ExitCode()
	}
	_, _ = io.WriteString(stderr, "fenced dev: "+err.Error()+"\n")
	return int(client.CodeError)
}

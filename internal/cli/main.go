package cli

import (
	"context"
	"errors"
	"io"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/fenced-project/fenced/client"
)

// Main runs one command line and returns its exit code. args[0] is the name it was called by: fence_node, fence_tool and fence_dlm are
// answered as themselves, every other name is fenced.
func Main(args []string, deps Deps, stdin io.Reader, stdout, stderr io.Writer) int {
	name, rest := "fenced", []string(nil)
	if len(args) > 0 {
		name, rest = filepath.Base(args[0]), args[1:]
	}
	a := newApp(deps, stdin, stdout, stderr)
	ctx := context.Background()
	switch name {
	case "fence_node":
		a.name = name
		return a.fenceNode(ctx, rest)
	case "fence_tool":
		a.name = name
		return a.fenceTool(ctx, rest)
	case "fence_dlm":
		a.name = name
		return a.fenceDLM(ctx, rest)
	}
	root := a.root()
	root.SetArgs(rest)
	err := root.ExecuteContext(ctx)
	var coded *client.Error
	if err != nil && !a.ran && !errors.As(err, &coded) {
		err = usage("%v", err) // cobra's own: unknown command, missing flag
	}
	return a.finish(err)
}

// interruptible is for commands that wait: SIGINT and SIGTERM end the wait, not the process, so that it can say what it left behind.
// Everywhere else a signal ends the process, which has done nothing yet.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
}

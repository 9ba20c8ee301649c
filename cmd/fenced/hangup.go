package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/internal/api"
	fenced "github.com/fenced-project/fenced/internal/daemon"
)

// reloadTimeout bounds the wait for calls to devices that are in flight when devices change.
const reloadTimeout = 30 * time.Second

// reloadOnHangup does on SIGHUP what `fenced config reload` does, and says in the log what came of it. It ends with ctx; wait waits for that.
func reloadOnHangup(ctx context.Context, d *fenced.Daemon, log *slog.Logger) (wait func()) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer signal.Stop(hup)
		for {
			select {
			case <-hup:
				reload(ctx, d, log)
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() { <-ended }
}

func reload(ctx context.Context, d *fenced.Daemon, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, reloadTimeout)
	defer cancel()
	r, err := d.Reload(ctx, api.Caller{})
	var e *client.Error
	switch {
	case errors.As(err, &e):
		log.Error("SIGHUP: the configuration was not taken", "error", err, "problems", strings.Join(e.Problems, " | "))
	case err != nil:
		log.Error("SIGHUP: the configuration was not taken", "error", err)
	case !r.Equal:
		log.Warn("SIGHUP: the file is not the committed roster; see fenced apply --dry-run", "committed", r.Version, "file", r.Hash, "taken", r.Taken)
	default:
		log.Info("SIGHUP: configuration read again", "roster", r.Version, "hash", r.Hash, "restart_for", strings.Join(r.Restart, "; "))
	}
}

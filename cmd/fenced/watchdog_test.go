package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/internal/config"
	"github.com/fenced-project/fenced/internal/watchdog"
)

// S4.9: where a watchdog is demanded and none can be used, nothing is started (78); in every other mode nobody asks.
// part of: S4.9
func TestARequiredWatchdogIsMissing(t *testing.T) {
	for mode, refused := range map[config.WatchdogMode]bool{config.WatchdogOff: false, config.WatchdogAuto: false, config.WatchdogRequired: true} {
		c := &config.Config{WatchdogSocket: filepath.Join(t.TempDir(), "watchdog.sock"), Watchdog: config.Watchdog{Mode: mode, Devices: []string{"/dev/watchdog0"}, TimeoutMS: 10_000}}
		err := checkWatchdog(t.Context(), c, "i")
		var e *client.Error
		if refused != (errors.As(err, &e) && e.Code == client.CodeConfig && strings.Contains(e.Error(), "watchdog.mode is required")) || (!refused && err != nil) {
			t.Errorf("%s: %v", mode, err)
		}
	}
}

// S4.9: a holder that is slow, or still has the daemon before this one, is no reason to stay out until somebody comes: 78 is not tried again. One that
// is not there, or refuses, is told at once; none is waited for for ever.
// part of: S4.9
func TestARequiredWatchdogsHolderIsSlow(t *testing.T) {
	slow := fmt.Errorf("%w: %w", watchdog.ErrUnreachable, os.ErrDeadlineExceeded)
	busy := &watchdog.Refused{Code: watchdog.CodeBusy, Text: "daemon x holds the lease"}
	for _, c := range []struct {
		name  string
		err   error
		times int // how often it answers so
		asked int
		ok    bool
	}{
		{"slow twice", slow, 2, 3, true},
		{"no answer before the context's end", context.DeadlineExceeded, 1, 2, true},
		{"busy once", busy, 1, 2, true},
		{"busy for ever", busy, 100, helloTries, false},
		{"not there", fmt.Errorf("%w: %w", watchdog.ErrUnreachable, syscall.ECONNREFUSED), 100, 1, false},
		{"missing", &watchdog.Refused{Code: watchdog.CodeMissing}, 100, 1, false},
	} {
		asked := 0
		_, err := helloPatiently(t.Context(), func(context.Context) (watchdog.State, error) {
			if asked++; asked <= c.times {
				return watchdog.State{}, c.err
			}
			return watchdog.State{}, nil
		})
		if (err == nil) != c.ok || asked != c.asked {
			t.Errorf("%s: asked %d times, %v", c.name, asked, err)
		}
	}
}

// What the holder refuses has its exit code.
func TestHolderErrors(t *testing.T) {
	for code, want := range map[string]client.Code{
		watchdog.CodeBusy: client.CodeUnsafe, watchdog.CodeDenied: client.CodeNotPermitted, watchdog.CodeMissing: client.CodeConfig,
		watchdog.CodeOwned: client.CodeConfig, watchdog.CodeExpired: client.CodeError,
	} {
		var e *client.Error
		if err := holderError(&watchdog.Refused{Code: code, Text: "x"}); !errors.As(err, &e) || e.Code != want {
			t.Errorf("%s: %v", code, err)
		}
	}
}

package main

import (
	"errors"
	"path/filepath"
	"strings"
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

package config

import (
	"reflect"
	"strings"
	"testing"
)

func TestWatchdogSection(t *testing.T) {
	r := newRoom(t)
	for text, want := range map[string]Watchdog{
		"": {Mode: WatchdogOff, Devices: []string{"/dev/watchdog"}, TimeoutMS: 10_000},
		"watchdog: {mode: required, devices: [/dev/watchdog0, /dev/watchdog1], timeout: 30s, pretimeout: 5s, take_over: true}\n": {
			Mode: WatchdogRequired, Devices: []string{"/dev/watchdog0", "/dev/watchdog1"}, TimeoutMS: 30_000, PretimeoutMS: 5000, TakeOver: true,
		},
		"watchdog: {mode: auto, devices: /dev/watchdog1}\n": {Mode: WatchdogAuto, Devices: []string{"/dev/watchdog1"}, TimeoutMS: 10_000},
	} {
		c, ps := r.load(good + text)
		if ps.Fatal() {
			t.Fatal(ps)
		}
		if !reflect.DeepEqual(c.Watchdog, want) {
			t.Errorf("%s: %+v", text, c.Watchdog)
		}
	}
}

// V10: at load the file's own values are held against each other; a device that is none is never opened.
func TestWatchdogMistakes(t *testing.T) {
	r := newRoom(t)
	for text, says := range map[string]string{
		"watchdog: {mode: on}":                                             "watchdog.mode cannot be",
		"watchdog: {mode: auto, timeout: 1s}":                              "shorter than two feedings",
		"watchdog: {mode: auto, timeout: 2500ms}":                          "watchdogs count seconds",
		"watchdog: {mode: auto, pretimeout: 10s}":                          "not before the timeout",
		"watchdog: {mode: auto, pretimeout: 1500ms}":                       "watchdogs count seconds",
		"watchdog: {mode: auto}\ntimings: {assume_dead_after: 18s}":        "assume_dead_after (18000 ms) is shorter than the 18500 ms",
		"watchdog: {mode: auto, devices: /dev/sda}":                        "is no watchdog",
		"watchdog: {mode: auto, devices: [/dev/watchdog/../sda]}":          "is no watchdog",
		"watchdog: {mode: auto, devices: [/dev/watchdog, /dev/watchdog0]}": "names a device twice",
		"watchdog: {mode: auto, devices: []}":                              "has 0",
		"watchdog: {mode: auto, device: /dev/watchdog0}":                   "no field",
		"watchdog: {mode: auto, timeout: 11m}":                             "watchdog.timeout cannot be",
	} {
		if _, ps := r.load(good + text + "\n"); !ps.Fatal() || !strings.Contains(ps.Error(), says) {
			t.Errorf("%s: %v", text, ps)
		}
	}
	if _, ps := r.load(good + "timings: {assume_dead_after: 5s}\n"); ps.Fatal() {
		t.Errorf("without a watchdog there is no inequality: %v", ps)
	}
}

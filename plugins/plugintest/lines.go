package plugintest

import (
	"context"
	"log/slog"
	"sync"
)

// lines is a slog.Handler that counts what the plugin wrote, by stream.
type lines struct {
	mu    sync.Mutex
	count map[string]int
	first map[string]string
}

func (l *lines) Enabled(context.Context, slog.Level) bool { return true }
func (l *lines) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *lines) WithGroup(string) slog.Handler            { return l }

func (l *lines) Handle(_ context.Context, r slog.Record) error {
	if r.Message != "plugin output" {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count == nil {
		l.count, l.first = map[string]int{}, map[string]string{}
	}
	var stream, text string
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "stream":
			stream = a.Value.String()
		case "text":
			text = a.Value.String()
		}
		return true
	})
	if l.count[stream] == 0 {
		l.first[stream] = text
	}
	l.count[stream]++
	return nil
}

// of returns how many lines of a stream came, and the first.
func (l *lines) of(stream string) (int, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count[stream], l.first[stream]
}

package daemon

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/fenced-project/fenced/internal/config"
)

// enders is a host whose self-fence plugins end nothing, each in a way of its own.
type enders struct {
	mu    sync.Mutex
	asked []string
	do    map[string]func(ctx context.Context) error
}

func (e *enders) Do(ctx context.Context, device, target, action string) error {
	e.mu.Lock()
	e.asked = append(e.asked, device+target+" "+action)
	do := e.do[device]
	e.mu.Unlock()
	return do(ctx)
}

func silent() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func allowedTo(plugins ...string) *config.Config {
	c := &config.Config{SystemRoot: "/", AllowReset: true}
	for _, p := range plugins {
		c.SelfFence = append(c.SelfFence, config.SelfFencer{Plugin: p, TimeoutMS: 50})
	}
	return c
}

// R24, S2.15: plugins are asked in turn; one that refuses, hangs although its deadline is over, panics, or says that it did, is followed by the next,
// and after all of them the daemon itself acts. Nothing but their own timeouts holds it up.
// part of: S2.15
func TestSelfFencePluginsComeFirstAndHoldNothingUp(t *testing.T) {
	over := make(chan struct{}) // the last resort was asked
	held := make(chan struct{}, 1)
	e := &enders{do: map[string]func(context.Context) error{
		"self-fence 1": func(context.Context) error { return errors.New("refused") },
		"self-fence 2": func(context.Context) error { // deaf to its deadline
			select {
			case <-over:
			case <-time.After(testTimeout):
				held <- struct{}{}
			}
			return errors.New("late")
		},
		"self-fence 3": func(context.Context) error { panic("broken") },
		"self-fence 4": func(context.Context) error { return nil }, // and the machine still runs
	}}
	var last []string
	end := SelfFence(allowedTo("a", "b", "c", "selffence"), e, func(why string) error {
		e.mu.Lock()
		defer e.mu.Unlock()
		last = append(slices.Clone(e.asked), why)
		close(over)
		return errors.New("still here")
	}, silent())
	begin := time.Now()
	if err := end("a lockspace was left"); err == nil {
		t.Error("it says that it ended the machine that runs this test")
	}
	if len(held) > 0 {
		t.Error("one that hangs held up the others")
	}
	want := []string{"self-fence 1 off", "self-fence 2 off", "self-fence 3 off", "self-fence 4 off", "a lockspace was left"}
	if !slices.Equal(last, want) {
		t.Errorf("%q", last)
	}
	if took := time.Since(begin); took < 100*time.Millisecond {
		t.Errorf("the one that says that it did got %s, not its time", took)
	}
}

// R24: where the daemon may not end its machine nobody is asked to, and nobody gets the permission; in a pretended machine only the bundled plugin is
// asked, and told which one.
func TestWhoMayEndThisMachine(t *testing.T) {
	last := func(string) error { return nil }
	e := &enders{}
	if SelfFence(allowedTo("acme"), e, nil, silent()) != nil {
		t.Error("there is no last resort, and others are asked")
	}
	forbidden := allowedTo("acme", "selffence")
	forbidden.AllowReset = false
	pretended := allowedTo("acme", "selffence")
	pretended.SystemRoot = "/tmp/x"
	for name, c := range map[string]*config.Config{"forbidden": forbidden, "pretended": pretended, "none": allowedTo()} {
		if env := SelfFenceEnvironment(c); len(env) > 0 {
			t.Errorf("%s: %v", name, env)
		}
	}
	if got := DeviceConfigs(forbidden); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	if got := DeviceConfigs(pretended); len(got) != 1 || got[0].Plugin != "selffence" || got[0].Options["system_root"] != "/tmp/x" || got[0].Kind != "self" {
		t.Errorf("%+v", got)
	}
	real := allowedTo("acme", "selffence")
	if got := DeviceConfigs(real); len(got) != 2 || got[1].Options["system_root"] != "/" || got[0].Kind != "self" || !got[0].Isolate {
		t.Errorf("%+v", got)
	}
	if env := SelfFenceEnvironment(real); len(env) != 2 || !slices.Equal(env["acme"], []string{"FENCED_ALLOW_RESET=1"}) {
		t.Errorf("%v", env)
	}
	if err := SelfFence(allowedTo(), e, last, silent())("x"); err != nil || len(e.asked) > 0 {
		t.Errorf("%v %q", err, e.asked)
	}
}

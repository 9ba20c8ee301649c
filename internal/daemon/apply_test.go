package daemon

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/fence"
	"github.com/fenced-project/fenced/internal/api"
	"github.com/fenced-project/fenced/internal/config"

	"github.com/fenced-project/fenced/client"
)

func slower(r *fence.Roster) { r.Timing.StaggerMS = 123 }

func TestAnOlderFileDoesNotWinSilently(t *testing.T) { // S5.8, R5
	l := newLab(t)
	one, two := l.nodes[1].d, l.nodes[2].d
	l.write(slower, 1)
	if a, err := one.Apply(l.ctx(), api.ApplyArgs{Reason: "t"}); err != nil || a.Version != 2 || a.From != 1 || !strings.Contains(strings.Join(a.Todo, "\n"), "copy the configuration to node-2, node-3") {
		t.Fatalf("%+v %v", a, err)
	}
	l.until(2, "roster 2", func(s client.Status) bool { return s.Roster.Version == 2 && !s.Roster.Equal })
	for _, c := range []struct {
		file  func(*fence.Roster)
		words string
	}{
		{func(*fence.Roster) {}, "is still roster 1, and roster 2 is committed"},
		{func(r *fence.Roster) { r.Policy.BrakeWindowMS = 7 }, "was made from roster 1, and roster 2 is committed"},
	} {
		l.write(c.file, 2)
		if _, err := two.Apply(l.ctx(), api.ApplyArgs{}); client.CodeOf(err) != client.CodeUnsafe || !strings.Contains(err.Error(), c.words) {
			t.Fatalf("%v", err)
		}
		if a, err := two.Apply(l.ctx(), api.ApplyArgs{DryRun: true}); err != nil || len(a.BlockedBy) != 1 || a.BlockedBy[0].Code != client.CodeUnsafe {
			t.Fatalf("%+v %v", a, err)
		}
	}
	if a, err := two.Apply(l.ctx(), api.ApplyArgs{Force: true}); err != nil || a.Version != 3 || !slices.Contains(a.Changes, "timing stagger 123ms -> 100ms") {
		t.Fatalf("%+v %v", a, err)
	}
}

func TestAMemberTakesTheNewFileByItselfAndActsAgain(t *testing.T) { // R5, S5.8
	l := newLab(t)
	l.write(slower, 1)
	if _, err := l.nodes[1].d.Apply(l.ctx(), api.ApplyArgs{}); err != nil {
		t.Fatal(err)
	}
	l.until(3, "that it does not act, and why", func(s client.Status) bool {
		return slices.ContainsFunc(s.Attention, func(a client.Attention) bool {
			return a.Code == "W202" && strings.Contains(a.Text, "not roster 2") && strings.Contains(a.Text, "timing stagger 123ms -> 100ms")
		})
	})
	l.write(slower, 3)
	l.until(3, "roster 2 as its own", func(s client.Status) bool { return s.Roster.Equal && len(s.Attention) == 0 })
	l.stop(1)
	l.until(3, "node-1 fenced by the only one who may", func(s client.Status) bool { return s.Nodes[0].State == client.StateFenced })
}

func TestReloadTakesOnlyWhatIsCommitted(t *testing.T) {
	l := newLab(t)
	d := l.nodes[2].d
	l.write(slower, 2)
	r, err := d.Reload(l.ctx(), api.Caller{})
	if err != nil || r.Equal || r.Taken || len(r.Changes) != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	if s, _ := d.Status(l.ctx()); !s.Roster.Equal {
		t.Fatal("an edit that nobody applied took a node out of duty")
	}
	l.write(func(r *fence.Roster) { r.Cluster = "other" }, 2)
	if _, err := d.Reload(l.ctx(), api.Caller{}); client.CodeOf(err) != client.CodeConfig {
		t.Fatalf("%v", err)
	}
	wrong := client.Errorf(client.CodeConfig, "the configuration is wrong")
	wrong.Problems = []string{"fenced.yaml:3:1: no"}
	l.mu.Lock()
	l.files[2] = func() (*config.Config, error) { return nil, wrong }
	l.mu.Unlock()
	if _, err := d.Reload(l.ctx(), api.Caller{}); client.CodeOf(err) != client.CodeConfig {
		t.Fatalf("%v", err)
	}
	if s, _ := d.Status(l.ctx()); !s.Roster.Equal {
		t.Fatal("a bad file changed something")
	}
	l.write(func(*fence.Roster) {}, 2)
	if r, err := d.Reload(l.ctx(), api.Caller{}); err != nil || !r.Taken || !r.Equal {
		t.Fatalf("%+v %v", r, err)
	}
}

// What plugins say of options refuses a file that a person wants to be taken, as a whole, and a restart into it; a daemon that follows the committed
// roster takes it all the same: then a device is out, and not the node.
func TestAFileThatPluginsRefuse(t *testing.T) {
	l := newLab(t)
	d := l.nodes[2].d
	wrong := client.Errorf(client.CodeConfig, "the configuration is wrong")
	wrong.Problems = []string{"fenced.yaml:3:1: plugin bmc has no option x"}
	d.cfg.Examine = func(context.Context) (*config.Config, error) { return nil, wrong }
	l.write(slower, 2)
	if r, err := d.Reload(l.ctx(), api.Caller{}); client.CodeOf(err) != client.CodeConfig || r.Taken {
		t.Errorf("a reload: %+v, %v", r, err)
	}
	if _, err := d.Apply(l.ctx(), api.ApplyArgs{}); client.CodeOf(err) != client.CodeConfig {
		t.Errorf("an apply: %v", err)
	}
	if _, err := d.Restart(l.ctx(), api.RestartArgs{Reason: "t", Timeout: time.Minute}); client.CodeOf(err) != client.CodeConfig || d.Restarts() {
		t.Errorf("a restart: %v", err)
	}
	if s, _ := d.Status(l.ctx()); !s.Roster.Equal || s.Roster.Version != 1 {
		t.Fatalf("a file that was refused changed something: %+v", s.Roster)
	}
	l.write(slower, 1)
	if _, err := l.nodes[1].d.Apply(l.ctx(), api.ApplyArgs{}); err != nil {
		t.Fatal(err)
	}
	l.until(2, "roster 2 as its own", func(s client.Status) bool { return s.Roster.Equal && s.Roster.Version == 2 })
}

// R28: what was read first is never taken last: a reload reads its file when the one before it has ended, and says so where that takes too long.
func TestReloadsReadOneAfterTheOther(t *testing.T) {
	l := newLab(t)
	d := l.nodes[2].d
	judging, go1 := make(chan struct{}), make(chan struct{})
	reads := 0
	d.cfg.Examine = func(context.Context) (*config.Config, error) {
		if reads++; reads == 1 {
			close(judging)
			<-go1
		}
		return d.cfg.Reload()
	}
	first := make(chan error, 1)
	go func() { _, err := d.Reload(l.ctx(), api.Caller{}); first <- err }()
	<-judging
	short, cancel := context.WithTimeout(l.ctx(), time.Millisecond)
	defer cancel()
	if _, err := d.Reload(short, api.Caller{}); client.CodeOf(err) != client.CodeTryAgain || reads != 1 {
		t.Errorf("%v after %d reads", err, reads)
	}
	close(go1)
	if err := <-first; err != nil {
		t.Error(err)
	}
	if _, err := d.Reload(l.ctx(), api.Caller{}); err != nil || reads != 2 {
		t.Errorf("%v after %d reads", err, reads)
	}
}

// R26: what plugins take to look at the file counts in the time of a restart, so that who was told 124 sees no restart after it; half of it is theirs.
func TestALookAtTheFileIsPartOfTheTimeOfARestart(t *testing.T) {
	l := newLab(t)
	d := l.nodes[2].d
	const limit = 400 * time.Millisecond
	d.cfg.Examine = func(ctx context.Context) (*config.Config, error) {
		if by, ok := ctx.Deadline(); !ok || time.Until(by) > limit/2 {
			t.Errorf("it may look until %v", by)
		}
		time.Sleep(limit + 10*time.Millisecond) // its processes take so long to end
		return nil, nil
	}
	if _, err := d.Restart(l.ctx(), api.RestartArgs{Reason: "t", Timeout: limit}); client.CodeOf(err) != client.CodeTimeout || d.Restarts() {
		t.Errorf("%v, restarts %t", err, d.Restarts())
	}
}

// R24: who may end this machine is settled at the start; a reload says that a change of it waits for the next one, and keeps the devices that the order
// of the start means.
func TestAReloadKeepsWhoEndsThisMachine(t *testing.T) {
	l := newLab(t)
	d := l.nodes[2].d
	first, err := d.cfg.Reload()
	if err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	l.files = map[fence.NodeID]func() (*config.Config, error){2: func() (*config.Config, error) {
		c := *first
		c.SelfFence = []config.SelfFencer{{Plugin: "acme", TimeoutMS: 1000}}
		c.Watchdog.TimeoutMS++
		return &c, nil
	}}
	l.mu.Unlock()
	r, err := d.Reload(l.ctx(), api.Caller{})
	if err != nil || !r.Taken || !slices.Equal(r.Restart, []string{"self_fence", "watchdog"}) {
		t.Fatalf("%+v %v", r, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.configured; c == nil || len(c.SelfFence) != 0 || c.Watchdog.TimeoutMS != 1 {
		t.Errorf("configured with %+v", c)
	}
}

func TestWhatTheClusterWouldRefuseIsSaidBefore(t *testing.T) { // R5
	l := newLab(t)
	d := l.nodes[1].d
	l.write(func(r *fence.Roster) { r.Nodes = r.Nodes[:2] }, 1)
	a, err := d.Apply(l.ctx(), api.ApplyArgs{DryRun: true})
	if err != nil || len(a.BlockedBy) != 1 || a.BlockedBy[0].Code != client.CodeError || !strings.Contains(a.BlockedBy[0].Text, "node-3 cannot be removed: it is in the view") ||
		a.BlockedBy[0].Next != "fenced leave, on node-3" {
		t.Fatalf("%+v %v", a, err)
	}
	if _, err := d.Apply(l.ctx(), api.ApplyArgs{}); client.CodeOf(err) != client.CodeError {
		t.Fatalf("%v", err)
	}
	if _, err := d.Apply(l.ctx(), api.ApplyArgs{Hash: "other"}); client.CodeOf(err) != client.CodeTryAgain {
		t.Fatalf("another file than the one that was shown: %v", err)
	}
	if s, _ := d.Status(l.ctx()); s.Roster.Version != 1 || !s.Roster.Equal {
		t.Fatalf("%+v", s.Roster)
	}
	if _, err := d.Replace(l.ctx(), api.ReplaceArgs{Node: "node-3", Reason: "t"}); client.CodeOf(err) != client.CodeError || !strings.Contains(err.Error(), "in the view") {
		t.Fatalf("%v", err)
	}
}

func TestDevicesDoNotChangeUnderACall(t *testing.T) { // R16: an operation asks from first to last what its claim's roster names
	l := newLab(t)
	l.hang.Store(true)
	l.stop(3)
	l.until(1, "a call", func(client.Status) bool { return l.calls[1].Load() > 0 })
	l.write(func(r *fence.Roster) { r.Devices[2].Mapping = "moved" }, 1, 2)
	if _, err := l.nodes[1].d.Apply(l.ctx(), api.ApplyArgs{}); err != nil {
		t.Fatal(err)
	}
	l.until(2, "the new file", func(s client.Status) bool { return s.Roster.Equal })
	l.hang.Store(false)
	l.until(1, "node-3 fenced", func(s client.Status) bool { return s.Nodes[2].State == client.StateFenced })
	if n := l.torn.Load(); n != 0 {
		t.Fatalf("devices changed %d times while a call was in flight", n)
	}
}

func TestANodeIsFoundUnderItsNewName(t *testing.T) {
	l := newLab(t)
	l.stop(3)
	l.until(1, "node-3 fenced", func(s client.Status) bool { return s.Nodes[2].State == client.StateFenced })
	l.write(func(r *fence.Roster) { r.Nodes[2].Name = "web" }, 1, 2)
	d := l.nodes[1].d
	if _, err := d.Apply(l.ctx(), api.ApplyArgs{}); err != nil {
		t.Fatal(err)
	}
	for name, code := range map[string]client.Code{"web": client.CodeOK, "node-3": client.CodeOK, "node-9": client.CodeNoSuch} {
		h, err := d.History(l.ctx(), api.HistoryQuery{Node: name, Limit: 9})
		if client.CodeOf(err) != code || (err == nil && (len(h.Lines) != 1 || h.Lines[0].Victim != "web" || h.Lines[0].NodeID != 3)) {
			t.Errorf("%s: %+v %v", name, h, err)
		}
	}
}

func TestTheBaseOfAFileIsKept(t *testing.T) {
	dir := t.TempDir()
	b, err := openBase(dir)
	if err != nil || b.base.Version != 0 {
		t.Fatalf("%+v %v", b.base, err)
	}
	if err := b.file.Write([]byte(`{"version":3,"hash":"h"}`)); err != nil {
		t.Fatal(err)
	}
	if b, err = openBase(dir); err != nil || b.base != (rosterBase{3, "h"}) {
		t.Fatalf("%+v %v", b.base, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "roster-base"), []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err = openBase(dir); err == nil || b.base.Version != 0 {
		t.Fatalf("damaged, and believed: %+v", b.base)
	}
}

package daemon

import (
	"encoding/json"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/fence/member"
	"github.com/fenced-project/fenced/internal/api"
	"github.com/fenced-project/fenced/internal/config"
	"github.com/fenced-project/fenced/internal/store"

	"github.com/fenced-project/fenced/client"
)

// noted is what a daemon of this state directory finds when it starts.
func noted(dir string) (member.LocalFound, []alarm) {
	d := &Daemon{cfg: Config{Config: &config.Config{StateDir: dir}}, log: slog.New(slog.DiscardHandler)}
	return d.foundLocal(), d.alarms
}

// Without quorum: the device is switched once, there is no verdict, and the note of it is on disk for the next daemon (R31).
func TestForcedPowerIsNotedOnDisk(t *testing.T) {
	l := newLab(t)
	one := l.nodes[1].d
	l.stop(2)
	l.stop(3)
	l.until(1, "no quorum", func(s client.Status) bool { return !s.Quorate })
	before := l.count(3)
	p, err := one.Local(l.ctx(), api.LocalArgs{ID: "l1", Node: "node-3", Action: client.ActionOff, Reason: "it hangs"})
	if err != nil {
		t.Fatal(err)
	}
	l.until(1, "the end of it", func(client.Status) bool {
		p, err = one.LocalPower(l.ctx(), "l1")
		return err == nil && p.Done
	})
	if p.Code != client.CodeOK || p.State != client.PowerOff || p.Verdict != nil || !p.Local || p.Told || len(p.Attempts) != 1 || l.count(3) != before+1 {
		t.Errorf("%+v, %d offs", p, l.count(3)-before)
	}
	if again, err := one.Local(l.ctx(), api.LocalArgs{ID: "l1", Node: "node-3", Action: client.ActionOff, Reason: "it hangs"}); err != nil || !again.Done || l.count(3) != before+1 {
		t.Errorf("the same command once more: %+v %v, %d offs", again, err, l.count(3)-before)
	}
	found, alarms := noted(one.cfg.Config.StateDir)
	if len(found.Records) != 1 || len(alarms) != 0 {
		t.Fatalf("the next daemon finds %+v %v", found, alarms)
	}
	r := found.Records[0]
	if r.ID != "l1" || r.Node != 3 || r.Boot != one.cfg.Self.Boot || r.DurationMS <= 0 || r.EffectMS != 1000 || !strings.Contains(r.By, "@node-1") {
		t.Errorf("noted: %+v", r)
	}
	if _, err := one.Local(l.ctx(), api.LocalArgs{ID: "l2", Node: "node-9", Action: client.ActionOff, Reason: "x"}); client.CodeOf(err) != client.CodeNoSuch {
		t.Errorf("an unknown node: %v", err)
	}
	if _, err := one.LocalPower(l.ctx(), "l9"); client.CodeOf(err) != client.CodeNoSuch {
		t.Errorf("an unknown id: %v", err)
	}
}

// A note that cannot be read is an alarm, not a silence.
func TestDamagedNotesOfForcedPower(t *testing.T) {
	dir := t.TempDir()
	if found, alarms := noted(dir); len(found.Records) != 0 || len(alarms) != 0 {
		t.Errorf("nothing noted: %+v %v", found, alarms)
	}
	b, err := json.Marshal([]member.LocalRecord{{ID: "a", Node: 2}})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.NewFile(LocalPath(dir), 0o600, diskDeadline).Write(b); err != nil {
		t.Fatal(err)
	}
	if found, alarms := noted(dir); len(found.Records) != 1 || len(alarms) != 0 {
		t.Errorf("one noted: %+v %v", found, alarms)
	}
	if err := os.WriteFile(LocalPath(dir), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if found, alarms := noted(dir); len(found.Records) != 0 || len(alarms) != 1 || !strings.Contains(alarms[0].text, "unreadable") {
		t.Errorf("damaged: %+v %v", found, alarms)
	}
}

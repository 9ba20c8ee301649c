package daemon

import (
	"errors"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/membership"
)

// TestAMemberWhoseSessionRecordIsLostLeavesTheCluster: its next daemon would not know what this one was (R20, R26). Who is no member stays out
// as it is.
func TestAMemberWhoseSessionRecordIsLostLeavesTheCluster(t *testing.T) {
	l := newLab(t)
	r := l.nodes[2]
	l.until(2, "node-2 a member", func(s client.Status) bool { return s.Nodes[1].State == client.StateMember })
	lose := func(r *running) {
		t.Helper()
		if err := r.d.ask(l.ctx(), func() { r.d.sessionLost(errors.New("no space left on device")) }); err != nil {
			t.Fatal(err)
		}
	}
	lose(r)
	if why, _ := r.failed.Load().(string); !strings.Contains(why, "no space") {
		t.Errorf("the provider was told %q", why)
	}
	stranger := &running{d: &Daemon{member: r.d.member, log: r.d.log}, failed: r.failed}
	stranger.d.cfg = r.d.cfg
	stranger.d.cfg.Self.Boot = "another"
	r.failed.Store("")
	if err := r.d.ask(l.ctx(), func() { stranger.d.sessionLost(errors.New("no space left on device")) }); err != nil {
		t.Fatal(err)
	}
	if why, _ := r.failed.Load().(string); why != "" {
		t.Errorf("a life that is no member was taken out: %q", why)
	}
}

// TestANodeThatIsOutOfServiceSaysSo: status names the disk and what to do, and that there is no quorum here.
func TestANodeThatIsOutOfServiceSaysSo(t *testing.T) {
	l := newLab(t)
	d := l.nodes[1].d
	if err := d.ask(l.ctx(), func() { d.provided(membership.QuorumLost{Why: "cannot write the log", Final: true}) }); err != nil {
		t.Fatal(err)
	}
	s, err := d.Status(l.ctx())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range s.Attention {
		if a.Code == "E110" && strings.Contains(a.Text, "cannot write the log") && strings.Contains(a.Next, d.cfg.Config.StateDir) {
			return
		}
	}
	t.Errorf("%+v", s.Attention)
}

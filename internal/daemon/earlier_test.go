package daemon

import (
	"testing"

	"github.com/fenced-project/fenced/fence/member"

	"github.com/fenced-project/fenced/client"
)

// A daemon that reads the log of before finds its node a member there: it was the daemon before it. Until the view shows this one it is no member, so
// nothing that is ordered behind it is started (READY=1, R13): a dlm_controld beside state that is left over ends corosync. Seen in the lab.
func TestADaemonThatNobodyHasSeenIsNoMember(t *testing.T) {
	l := newLab(t)
	r := l.nodes[2]
	l.until(2, "node-2 a member", func(s client.Status) bool { return s.Nodes[1].State == client.StateMember })
	var own, other string
	if err := r.d.ask(l.ctx(), func() {
		r.d.step(member.NewInstance{Instance: "another"}) // the log and the view are of the one before it
		own, other = r.d.state(r.d.member.Domain().Node(2)), r.d.state(r.d.member.Domain().Node(1))
	}); err != nil {
		t.Fatal(err)
	}
	if own != client.StateJoining || other != client.StateMember {
		t.Errorf("it is %q, and another one %q", own, other)
	}
}

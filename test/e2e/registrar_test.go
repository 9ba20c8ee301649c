package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// registrar is a fence agent with the metadata of fence_scsi: off takes a node's registration away from anywhere, on registers the node that it runs on. It
// says on every on which node's daemon ran it. Registrations are files in dir: closed-NODE is there while NODE has none.
const registrar = `#!/bin/bash
while IFS= read -r l; do
	case $l in
	action=*) action=${l#*=} ;;
	plug=*) plug=${l#*=} ;;
	dir=*) dir=${l#*=} ;;
	esac
done
if [ "$action" = metadata ]; then
	cat <<'X'
<?xml version="1.0" ?>
<resource-agent name="fence_registrar" shortdesc="Registrations made of files">
<parameters>
	<parameter name="action" unique="0" required="1"><content type="string" default="off" /></parameter>
	<parameter name="dir" unique="0" required="1"><content type="string" /></parameter>
	<parameter name="plug" unique="0" required="1"><content type="string" /></parameter>
</parameters>
<actions>
	<action name="on" on_target="1" automatic="1"/><action name="off"/><action name="status"/><action name="monitor"/><action name="metadata"/>
</actions></resource-agent>
X
	exit 0
fi
case $action in
on)
	pid=$$ by=nobody
	while [ "$pid" -gt 1 ]; do
		line=$(tr '\0' ' ' </proc/$pid/cmdline)
		case $line in *' run '*' --node '*) by=${line##* --node } by=${by%% *}; break ;; esac
		pid=$(awk '{print $4}' /proc/$pid/stat)
	done
	echo "$plug by $by" >>"$dir/registered"
	[ ! -e "$dir/broken" ] || { echo "cannot register: the disk does not answer" >&2; exit 1; }
	[ "$by" = "$plug" ] || exit 1
	rm -f "$dir/closed-$plug" ;;
off) : >"$dir/closed-$plug" ;;
status) [ ! -e "$dir/closed-$plug" ] || exit 2 ;;
esac
exit 0
`

// A node is cut off by an agent that only the node itself can undo, as fence_scsi (ADR 0099): what its life still writes is refused. Its daemon comes back in
// that life and registers nothing. Its next boot is registered by its own daemon, again after that failed, and only then admitted; no other node ever runs it.
func TestANodeRegistersItself(t *testing.T) {
	agent := filepath.Join(t.TempDir(), "fence_registrar")
	must(t, os.WriteFile(agent, []byte(registrar), 0o755)) //nolint:gosec // a program
	c, ctx := startWithin(t, playground.Options{BMCs: func(int) []playground.BMCSpec {
		return []playground.BMCSpec{{Port: true, Registrar: agent, AttemptTimeout: patience(8 * time.Second)}}
	}}, patience(30*time.Second), patience(150*time.Second))
	w := &watched{ctx: ctx, accident: accidentOf(t, c), disk: sharedDisk(t), next: stubborn(t, c.Node(1), "next"), g: &guarded{Node: c.Node(3)}}
	w.disk.c = c
	w.awaits(ctx, w.next, client.NoticeGranted)
	w.disk.writes(c.Node(3))
	w.await(ctx, "its first write", func() bool { return len(w.disk.lives()) == 1 })
	closed, registered := filepath.Join(c.Dir(), "closed-node-3"), filepath.Join(c.Dir(), "registered")
	must(t, c.Node(3).Kill())
	w.awaits(ctx, w.next, client.NoticeReleased)
	if _, err := os.Stat(closed); err != nil {
		t.Fatalf("released, and it is registered: %v", err)
	}
	w.disk.writes(c.Node(1))
	w.await(ctx, "the first write of who takes over", func() bool { return len(w.disk.lives()) > 1 })
	must(t, c.Node(3).Restart(ctx))
	w.await(ctx, "the cut life to be told", func() bool { return inLog(c.Node(3), "has a verdict") })
	if b, err := os.ReadFile(registered); err == nil {
		t.Errorf("the cut life was registered: %s", b)
	}
	must(t, os.WriteFile(filepath.Join(c.Dir(), "broken"), nil, 0o600))
	must(t, c.Node(3).LosePower(ctx))
	must(t, c.Node(3).RegainPower(ctx))
	w.await(ctx, "a third try", func() bool { b, _ := os.ReadFile(registered); return strings.Count(string(b), "\n") > 2 })
	if s := stateOn(ctx, c.Node(1), "node-3"); s == client.StateMember {
		t.Error("it is a member and not registered")
	}
	w.await(ctx, "W217", func() bool {
		s, err := c.Node(1).Client().Status(ctx)
		return err == nil && slices.ContainsFunc(s.Attention, func(a client.Attention) bool { return a.Code == client.AttentionUnfence && a.Node == "node-3" })
	})
	must(t, os.Remove(filepath.Join(c.Dir(), "broken")))
	must(t, c.AwaitClean(ctx))
	if _, err := os.Stat(closed); err == nil {
		t.Error("it is a member and not registered")
	}
	b, err := os.ReadFile(registered)
	must(t, err)
	for l := range strings.Lines(string(b)) {
		if l != "node-3 by node-3\n" {
			t.Errorf("registered: %s", l)
		}
	}
	if got, want := w.disk.lives(), []string{w.lives[3], w.lives[1]}; !slices.Equal(got, want) {
		t.Errorf("the disk was written by the lives %v, want %v", got, want)
	}
}

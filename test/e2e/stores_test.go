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

// S5.2: 1 and 3 commit a victim while 2, which it is, hears nothing. The store of 3 is wiped, 1 dies, 3 returns. 2 and 3 are a majority of the
// nodes and elect nobody: the victim is not lost. When 1 is back, 2 is fenced, and 3 joins by itself with a new store.
// proves: S5.2
func TestWipedStoreElectsNobodyWhoForgets(t *testing.T) {
	c, ctx := start(t, playground.Options{BMCs: short})
	must(t, c.AwaitClean(ctx))
	a, o := accidentOf(t, c), offline{t, c}
	one, two, three := c.Node(1), c.Node(2), c.Node(3)
	must(t, c.BMC(2).SetKnobs(ctx, "hang"))
	must(t, two.Cut())
	for _, i := range []int{1, 3} {
		a.await(ctx, c.Node(i).Name+" to call node-2 a victim", func() bool { return a.saw(i, 2, playground.Detection) && len(a.victims(i)) == 1 })
	}
	must(t, three.LosePower(ctx))
	must(t, one.LosePower(ctx))
	state := o.path(three, "state")
	must(t, os.RemoveAll(state))
	must(t, os.Mkdir(state, 0o700))
	must(t, two.Heal())
	must(t, three.RegainPower(ctx))
	o.attention(ctx, three, "E109", "node-3", "have no leader")
	quiet := time.Now().Add(patience(5 * time.Second))
	for time.Now().Before(quiet) {
		if s := status(ctx, two); s.Quorate {
			t.Fatal("a wiped store and one that lags are a quorum: the victim is forgotten")
		}
		if s := status(ctx, three); s.Quorate || s.Domain != "" {
			t.Fatalf("a wiped store is in domain %s, quorate %v", s.Domain, s.Quorate)
		}
		select {
		case <-ctx.Done():
			t.Fatal(ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
	must(t, c.BMC(2).SetKnobs(ctx))
	must(t, one.RegainPower(ctx))
	a.await(ctx, "another life of node-2", func() bool { return two.BootID() != a.lives[2] })
	must(t, c.AwaitClean(ctx))
	if line := a.oneStory(ctx, 2); line.Verdict == "" {
		t.Errorf("the victim has no verdict: %+v", line)
	}
	must(t, c.Await(ctx, "the new store to vote", func() bool { s := status(ctx, three); return s.Quorate && s.Votes.Have == 3 }))
}

// S5.3: a store is put back as it was before its last start. Both sides say why it stays outside and what to do; given up, it joins again.
// Nobody comes to harm.
// proves: S5.3
func TestRestoredStoreStaysOutside(t *testing.T) {
	p := atPeace(t)
	o := offline{t, p.c}
	n := p.c.Node(3)
	copied := filepath.Join(t.TempDir(), "yesterday")
	p.leave(n, false)
	o.copyStore(o.store(n), copied)
	p.again(n)
	must(t, p.c.AwaitClean(p.ctx))
	p.leave(n, false)
	must(t, os.RemoveAll(o.store(n)))
	o.copyStore(copied, o.store(n))
	p.again(n)
	for _, by := range []int{1, 2} {
		if w := o.attention(p.ctx, p.c.Node(by), "W212", n.Name, "restored from a copy"); !strings.Contains(w.Next, "fenced recover --new-store") {
			t.Errorf("%s does not say what to do: %+v", p.c.Node(by).Name, w)
		}
	}
	if w := o.attention(p.ctx, n, "E107", n.Name, "restored from a copy"); !strings.Contains(w.Next, "fenced recover --new-store") {
		t.Errorf("the node itself does not say what to do: %+v", w)
	}
	if s := status(p.ctx, n); s.Quorate {
		t.Error("a restored store is in a quorate view")
	}
	o.stop(p.ctx, n)
	o.newStore(p.ctx, n)
	p.again(n)
	p.kept()
}

// R3: a running machine is cloned while the log stands still, and the clone started beside it: at an address of its own, and then, after the node
// has moved, at the one that the node had. The clone is refused and told what to do; the healthy node stays, and the others say where the clone is.
func TestCloneOfALivingNodeStaysOutside(t *testing.T) {
	// A stall of the original for two ping intervals, just when the clone comes, is a silence: they are longer here than this machine stalls.
	c, ctx := start(t, playground.Options{Nodes: 4, Spare: 1, FailureTimeout: patience(4 * time.Second)})
	p := &peace{t: t, c: c, ctx: ctx, lives: map[string]string{}, cold: map[string]int{}}
	must(t, c.AwaitClean(ctx))
	o := offline{t, p.c}
	one, two, three, twin := p.c.Node(1), p.c.Node(2), p.c.Node(3), p.c.Node(4)
	life := three.BootID()
	healthy := func(s client.Status) bool {
		return s.Quorate && s.Votes.Have == 3 && slices.ContainsFunc(s.Nodes, func(n client.Node) bool {
			return n.ID == 3 && n.State == client.StateMember && n.BootID == life
		})
	}
	refused := func(name, address string) {
		t.Helper()
		must(t, twin.Clone(three, name, address))
		must(t, twin.RegainPower(p.ctx))
		for _, by := range []*playground.Node{one, two} {
			w := o.attention(p.ctx, by, "W212", name, "in use by another daemon")
			if !strings.Contains(w.Next, "find the second machine") || strings.Contains(w.Next, "recover") {
				t.Errorf("%s does not say what to do: %+v", by.Name, w)
			}
		}
		if w := o.attention(p.ctx, twin, "E107", name, "in use by another daemon"); !strings.Contains(w.Next, "here: systemctl stop fenced") {
			t.Errorf("the clone does not say what to do: %+v", w)
		}
		for _, n := range []*playground.Node{one, two, three} {
			p.sees(n, "the original as it was", healthy)
		}
		if s := status(p.ctx, twin); s.Quorate {
			t.Error("a clone is in a quorate view")
		}
		must(t, twin.LosePower(p.ctx))
	}
	refused("node-3", twin.Address())
	elsewhere, err := three.SecondAddress()
	must(t, err)
	p.types(one, 0, "renames node node-3 to web-3 (id 3)", "node", "rename", "node-3", "web-3", "--address", elsewhere)
	must(t, one.CopyConfig(two, three))
	for _, n := range []*playground.Node{one, two, three} {
		p.sees(n, "node 3 with its new name", func(s client.Status) bool { return s.Roster.Equal && healthy(s) })
	}
	must(t, three.DropAddress())
	address, err := twin.TakeAddress(three)
	must(t, err)
	p.types(three, 0, "disarmed", "disarm", "--reason", "a word from the new address", "-o", "json")
	for _, n := range []*playground.Node{one, two, three} {
		p.sees(n, "that word", func(s client.Status) bool { return !s.Armed && healthy(s) })
	}
	refused("web-3", address)
	p.harmless()
}

// S5.6, the disk's side: a store is copied to another node. The daemon there does not start and says whose it is; given up, it joins again.
func TestStoreOfAnotherNodeDoesNotStart(t *testing.T) {
	p := atPeace(t)
	o := offline{t, p.c}
	one, three := p.c.Node(1), p.c.Node(3)
	copied := filepath.Join(t.TempDir(), "of-node-1")
	p.leave(one, false)
	o.copyStore(o.store(one), copied)
	p.again(one)
	must(t, p.c.AwaitClean(p.ctx))
	p.leave(three, false)
	must(t, os.RemoveAll(o.store(three)))
	o.copyStore(copied, o.store(three))
	code, _, talk := o.run(p.ctx, three, "run")
	if code != client.CodeNeedsOperator || !strings.Contains(talk, "store of node 1") || !strings.Contains(talk, "fenced recover --new-store") {
		t.Errorf("code %d: %s", code, talk)
	}
	o.newStore(p.ctx, three)
	p.again(three)
	p.kept()
}

// S5.6: a spare boots with the configuration of a victim that nobody could switch off yet. It is refused with an alarm, the victim stays, and
// nothing is released until the victim itself is proven off.
// proves: S5.6
func TestSpareWithTheVictimsConfiguration(t *testing.T) {
	c, ctx := start(t, playground.Options{BMCs: short})
	must(t, c.AwaitClean(ctx))
	f, o := begin(t, c, 3), offline{t, c}
	n := c.Node(3)
	must(t, c.BMC(3).SetKnobs(ctx, "hang"))
	must(t, n.LosePower(ctx))
	f.await(ctx, "every survivor to see the victim", func() bool { return f.survivorsSaw(playground.Detection) })
	id, serial := o.path(n, "root/sys/class/dmi/id/product_uuid"), o.path(n, "root/sys/class/dmi/id/board_serial")
	was, err := os.ReadFile(id)
	must(t, err)
	wasSerial, err := os.ReadFile(serial)
	must(t, err)
	must(t, os.WriteFile(id, []byte("5eaf00d5-0000-4000-8000-000000000003\n"), 0o644))
	must(t, os.WriteFile(serial, []byte("SPARE\n"), 0o644))
	must(t, os.RemoveAll(o.store(n)))
	must(t, n.RegainPower(ctx))
	for _, by := range f.survivors() {
		o.attention(ctx, by, "E112", n.Name, "R2")
		s := status(ctx, by)
		if !slices.ContainsFunc(s.Operations, func(op client.Operation) bool { return op.Victim == n.Name && op.Incarnation == f.life }) {
			t.Errorf("the victim is gone from %s: %+v", by.Name, s.Operations)
		}
	}
	f.nothingReleased()
	must(t, n.LosePower(ctx)) // somebody takes the spare away and puts the machine back
	must(t, os.WriteFile(id, was, 0o644))
	must(t, os.WriteFile(serial, wasSerial, 0o644))
	must(t, c.BMC(3).SetKnobs(ctx))
	f.await(ctx, "every survivor to release the victim", func() bool { return f.survivorsSaw(playground.Release) })
	must(t, c.AwaitClean(ctx))
	f.truth()
	f.theOthersLive(ctx)
}

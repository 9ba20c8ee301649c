package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// settled is an armed cluster of three, and perhaps spare machines, whose configuration changes while it runs.
func settled(t *testing.T, spare int) *peace {
	t.Helper()
	c, ctx := start(t, playground.Options{Nodes: 3 + spare, Spare: spare})
	p := &peace{t: t, c: c, ctx: ctx, lives: map[string]string{}, cold: map[string]int{}}
	must(t, c.AwaitClean(ctx))
	return p
}

// types runs a command on a node and demands its exit code and a word of what it says.
func (p *peace) types(n *playground.Node, code int, words string, args ...string) {
	p.t.Helper()
	out, got, err := n.Run(p.ctx, args...)
	must(p.t, err)
	if got != code || !strings.Contains(out, words) {
		p.t.Fatalf("fenced %s on %s ends with %d, want %d and %q:\n%s", strings.Join(args, " "), n.Name, got, code, words, out)
	}
}

// sees waits until a node's status shows something.
func (p *peace) sees(n *playground.Node, what string, cond func(client.Status) bool) {
	p.t.Helper()
	must(p.t, p.c.Await(p.ctx, n.Name+" to see "+what, func() bool {
		s := status(p.ctx, n)
		return s.Node != "" && cond(s)
	}))
}

// harmless demands that nobody was ever called a victim and no BMC was told to switch anything.
func (p *peace) harmless() {
	p.t.Helper()
	for _, n := range p.c.Nodes() {
		if v := p.saw(n, client.EventVictim); v != 0 {
			p.t.Errorf("%s shows %d victims", n.Name, v)
		}
	}
	for _, b := range p.c.BMCs() {
		if got := counts(p.ctx, p.t, b); got.Off != 0 || got.On != 0 {
			p.t.Errorf("%s was used: %+v", b.Name, got)
		}
	}
}

func warnsOf(s client.Status, code, words string) bool {
	return slices.ContainsFunc(s.Attention, func(a client.Attention) bool { return a.Code == code && strings.Contains(a.Text, words) })
}

// A node is added to a cluster that works, comes, goes and is removed, and nobody is fenced or frozen for it (R5, S5.8, 0029, 0030).
func TestANodeIsAddedAndRemovedLive(t *testing.T) {
	p := settled(t, 1)
	one, two, three, four := p.c.Node(1), p.c.Node(2), p.c.Node(3), p.c.Node(4)
	add := []string{"node", "add", "node-4", "--id", "4", "--address", four.Address(), "--level", "bmc-4", "--device", p.c.BMC(4).Device()}
	p.types(one, 0, "adds node node-4 (id 4", append(slices.Clone(add), "--dry-run")...)
	p.types(one, 0, "roster 2", add...)
	p.sees(one, "that node-4 is expected and takes no quorum", func(s client.Status) bool {
		return warnsOf(s, "W211", "node-4 was added") && s.Quorate && s.Votes.Need == 2 && s.Roster.Equal
	})
	p.sees(two, "that its file is old", func(s client.Status) bool { return warnsOf(s, "W202", "removes node node-4") && !s.Roster.Equal })
	p.types(two, 107, "is still roster 1, and roster 2 is committed", "apply")
	must(t, one.CopyConfig(two, three, four))
	for _, n := range []*playground.Node{two, three} {
		p.sees(n, "the new file, by itself", func(s client.Status) bool { return s.Roster.Equal && s.Roster.Version == 2 })
	}
	must(t, four.RegainPower(p.ctx))
	p.c.Seat(p.c.Nodes()...)
	must(t, p.c.AwaitClean(p.ctx))
	p.sees(one, "four votes", func(s client.Status) bool { return s.Votes.Need == 3 && s.Votes.Have == 4 })

	p.types(one, 1, "node-4 cannot be removed: it is in the view", "node", "remove", "node-4", "--yes")
	p.leave(four, false)
	p.away(one, four)
	p.types(one, 0, "roster 3", "node", "remove", "node-4", "--yes")
	must(t, one.CopyConfig(two, three))
	for _, n := range []*playground.Node{one, two, three} {
		p.sees(n, "three nodes", func(s client.Status) bool { return s.Roster.Equal && len(s.Nodes) == 3 && s.Votes.Need == 2 })
	}
	p.c.Seat(one, two, three)
	p.again(four)
	must(t, p.c.Await(p.ctx, "the removed node to be refused", func() bool {
		return slices.ContainsFunc(p.c.Events(1), func(e playground.Event) bool {
			return e.Event.Event == client.EventRefused && strings.Contains(e.Text, "node 4 is not configured here")
		})
	}))
	must(t, p.c.AwaitClean(p.ctx))
	p.harmless()
}

// A node gets another name and another address while it works (ids stay): nobody restarts, nobody is missed.
func TestANodeIsRenamedAndMovedLive(t *testing.T) {
	p := settled(t, 0)
	one, two, three := p.c.Node(1), p.c.Node(2), p.c.Node(3)
	life := three.BootID()
	elsewhere, err := three.SecondAddress()
	must(t, err)
	p.types(one, 0, "renames node node-3 to web-3 (id 3)", "node", "rename", "node-3", "web-3", "--address", elsewhere)
	must(t, one.CopyConfig(two, three))
	member := func(s client.Status) bool {
		return s.Roster.Equal && s.Quorate && slices.ContainsFunc(s.Nodes, func(n client.Node) bool {
			return n.Name == "web-3" && n.ID == 3 && n.State == client.StateMember && n.BootID == life
		})
	}
	for _, n := range p.c.Nodes() {
		p.sees(n, "web-3", member)
	}
	must(t, three.DropAddress())
	p.types(three, 0, "disarmed", "disarm", "--reason", "a word from the new address", "-o", "json")
	for _, n := range p.c.Nodes() {
		p.sees(n, "web-3 at its new address", func(s client.Status) bool { return member(s) && !s.Armed })
	}
	if s := status(p.ctx, three); s.Node != "web-3" {
		t.Errorf("it calls itself %s", s.Node)
	}
	p.harmless()
}

// A machine is replaced: the new one is refused until a person gives the old one up, and the old one is refused from then on (R2, S5.6).
func TestAMachineIsReplaced(t *testing.T) {
	p := settled(t, 0)
	one, three := p.c.Node(1), p.c.Node(3)
	p.types(one, 1, "in the view", "node", "replace", "node-3", "--yes", "--reason", "too early")
	p.leave(three, false)
	p.away(one, three)
	must(t, three.LosePower(p.ctx))
	fresh, err := three.NewBoard("")
	must(t, err)
	must(t, three.RegainPower(p.ctx))
	p.sees(one, "that another machine is refused", func(s client.Status) bool { return warnsOf(s, "W204", "is not the machine") })
	p.types(one, 0, fresh, "node", "replace", "node-3", "--yes", "--reason", "the board burnt")
	must(t, p.c.AwaitClean(p.ctx))
	p.leave(three, false)
	p.away(one, three)
	must(t, three.LosePower(p.ctx))
	_, err = three.NewBoard(three.Board())
	must(t, err)
	must(t, three.RegainPower(p.ctx))
	p.sees(one, "that the old machine is refused", func(s client.Status) bool { return warnsOf(s, "W204", "is not the machine "+fresh) })
	p.harmless()
}

// A file is read again on demand: what is wrong or not applied changes nothing and says why (V17, S5.8).
func TestAFileIsReadAgain(t *testing.T) {
	p := settled(t, 0)
	two := p.c.Node(2)
	file := filepath.Join(p.c.Dir(), two.Name, "fenced.yaml")
	good, err := os.ReadFile(file)
	must(t, err)
	write := func(text string) { must(t, os.WriteFile(file, []byte(text), 0o640)) }
	p.types(two, 0, "read again: the file is roster 1", "config", "reload")
	write(string(good) + "nodse: {}\n")
	p.types(two, 78, "nodse", "config", "reload")
	write(strings.Replace(string(good), "username:", "usernam:", 1))
	for _, args := range [][]string{{"config", "reload"}, {"apply", "--reason", "x"}, {"restart", "--reason", "x"}} {
		p.types(two, 78, `has no option "usernam"; did you mean username?`, args...)
	}
	write(strings.Replace(string(good), "stagger: 200ms", "stagger: 300ms", 1))
	p.types(two, 90, "timing stagger 200ms -> 300ms", "config", "reload")
	p.sees(two, "that it goes on", func(s client.Status) bool { return s.Roster.Equal && s.Quorate && len(s.Attention) == 0 })
	p.types(two, 0, "roster 2", "apply", "--reason", "slower")
	must(t, two.CopyConfig(p.c.Node(1), p.c.Node(3)))
	for _, n := range p.c.Nodes() {
		p.sees(n, "roster 2", func(s client.Status) bool { return s.Roster.Equal && s.Roster.Version == 2 })
	}
	p.harmless()
}

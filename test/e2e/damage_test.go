package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/internal/store"
)

// wreck is one way to damage a file.
type wreck struct {
	name string
	do   func(path string, whole []byte) error
}

func write(change func([]byte) []byte) func(string, []byte) error {
	return func(path string, whole []byte) error { return os.WriteFile(path, change(bytes.Clone(whole)), 0o600) }
}

var wrecks = []wreck{
	{"nothing in it", write(func([]byte) []byte { return nil })},
	{"cut in half", write(func(b []byte) []byte { return b[:len(b)/2] })},
	{"garbage", write(func(b []byte) []byte { return bytes.Repeat([]byte("garbage!"), len(b)/8+1) })},
	{"a flipped bit", write(func(b []byte) []byte { b[16] ^= 4; return b })},
	{"a directory", func(path string, _ []byte) error { return os.Mkdir(path, 0o700) }},
}

// A damaged store does not start: the daemon names the file, says how to rejoin, and ends with 92. Whatever happens to the history keeps no node
// out (R20). Nobody comes to harm.
func TestDamagedStoreIsNamedAndRefusesDuty(t *testing.T) {
	p := atPeace(t)
	o, n := offline{t, p.c}, p.c.Node(3)
	if code, _, talk := o.run(p.ctx, n, "run"); code == client.CodeOK || !strings.Contains(talk, "another fenced is running on it") {
		t.Errorf("a second daemon on the same store: code %d: %s", code, talk)
	}
	p.leave(n, false)
	db := filepath.Join(o.store(n), "log.db")
	whole, err := os.ReadFile(db)
	must(t, err)
	for _, w := range wrecks {
		must(t, os.RemoveAll(db))
		must(t, w.do(db, whole))
		code, _, talk := o.run(p.ctx, n, "run")
		if code != client.CodeNeedsOperator || !strings.Contains(talk, db) || !strings.Contains(talk, "fenced recover --new-store") {
			t.Errorf("%s: code %d: %s", w.name, code, talk)
		}
	}
	must(t, os.RemoveAll(db))
	must(t, os.WriteFile(db, whole, 0o600))
	history := o.path(n, "state", "history.db")
	for _, w := range []wreck{{"garbage", write(func([]byte) []byte { return []byte("garbage\n\xff\xfe\nmore\n") })}, wrecks[4]} {
		must(t, os.RemoveAll(history))
		must(t, w.do(history, nil))
		p.again(n)
		must(t, p.c.AwaitClean(p.ctx))
		o.attention(p.ctx, n, "W213", n.Name, history)
		p.leave(n, false)
	}
	must(t, os.RemoveAll(history))
	must(t, wrecks[2].do(db, whole))
	if r := o.newStore(p.ctx, n); r.Done && r.Was != "" {
		t.Errorf("garbage was read: %+v", r)
	}
	p.again(n)
	p.kept()
}

// A machine that ended its life three times in a row for a process that died is not started with the others (R24): the daemon says which, and ends with
// 92, which no manager tries again. Started once more by hand it is a member, and nobody came to harm.
func TestAProcessThatDiedTooOftenBarsItsNode(t *testing.T) {
	p := atPeace(t)
	o, n := offline{t, p.c}, p.c.Node(3)
	p.leave(n, false)
	must(t, store.NewFile(o.path(n, "state", "lastwords.json"), 0o600, 0).Write([]byte(`{"boot":"an-earlier-one","why":"core process a.service died","losses":3}`)))
	if code, _, talk := o.run(p.ctx, n, "run"); code != client.CodeNeedsOperator || !strings.Contains(talk, "core process a.service died") || !strings.Contains(talk, "start fenced once more") {
		t.Errorf("it starts: code %d: %s", code, talk)
	}
	p.again(n)
	must(t, p.c.AwaitClean(p.ctx))
	p.kept()
}

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/machine"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
	"github.com/fenced-project/fenced/test/product"
)

// offline is what an administrator does on a node whose daemon does not run.
type offline struct {
	t *testing.T
	c *playground.Cluster
}

func (o offline) path(n *playground.Node, elem ...string) string {
	return filepath.Join(append([]string{o.c.Dir(), n.Name}, elem...)...)
}

func (o offline) store(n *playground.Node) string { return o.path(n, "state", "raft") }

func (o offline) machine(n *playground.Node) *machine.Machine {
	o.t.Helper()
	m, err := machine.New(o.path(n))
	must(o.t, err)
	return m
}

// run runs one command of the product on a node and returns its exit code with what it said.
func (o offline) run(ctx context.Context, n *playground.Node, verb string, args ...string) (client.Code, string, string) {
	o.t.Helper()
	build, err := product.Dir()
	must(o.t, err)
	all := append([]string{
		verb, "--config", o.path(n, "fenced.yaml"), "--system-root", o.path(n, "root"), "--state-dir", o.path(n, "state"), "--run-dir", o.path(n, "run"),
		"--plugin-dir", filepath.Join(build, "plugins"), "--node", n.Name, "--socket", n.Socket(),
	}, args...)
	cmd := exec.CommandContext(ctx, filepath.Join(build, "fenced"), all...)
	var out, talk strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &talk
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		o.t.Fatal(err)
	}
	return client.Code(cmd.ProcessState.ExitCode()), out.String(), talk.String()
}

// recovers runs `fenced recover` and demands that it is done.
func (o offline) recovers(ctx context.Context, n *playground.Node, args ...string) client.Recovery {
	o.t.Helper()
	code, out, talk := o.run(ctx, n, "recover", append(args, "-o", "json")...)
	var r client.Recovery
	if err := json.Unmarshal([]byte(out), &r); code != client.CodeOK || err != nil || !r.Done {
		o.t.Fatalf("fenced recover %v on %s: code %d, %v\n%s%s", args, n.Name, code, err, out, talk)
	}
	return r
}

// newStore gives up a node's store as a person does, who starts the daemon again in the same life.
func (o offline) newStore(ctx context.Context, n *playground.Node) client.Recovery {
	o.t.Helper()
	r := o.recovers(ctx, n, "--new-store", "--yes", "--reason", "e2e")
	if !r.NewStore || r.Kept == "" {
		o.t.Errorf("%+v", r)
	}
	return r
}

// stop does what systemd does: SIGTERM to the daemon alone, and waits for its end.
func (o offline) stop(ctx context.Context, n *playground.Node) {
	o.t.Helper()
	r, err := o.machine(n).Status()
	must(o.t, err)
	if r.Running {
		must(o.t, unix.Kill(r.Pid, unix.SIGTERM))
	}
	o.ended(ctx, n)
}

func (o offline) ended(ctx context.Context, n *playground.Node) {
	o.t.Helper()
	must(o.t, o.c.Await(ctx, "the daemon of "+n.Name+" to end", func() bool {
		r, err := o.machine(n).Status()
		return err == nil && !r.Running
	}))
}

// begin starts the daemon again in the same life; it may end at once.
func (o offline) begin(ctx context.Context, n *playground.Node) {
	o.t.Helper()
	must(o.t, o.machine(n).Restart(ctx))
}

// copyStore copies a store to another place, which must not exist.
func (o offline) copyStore(from, to string) {
	o.t.Helper()
	must(o.t, os.CopyFS(to, os.DirFS(from)))
}

// said reports whether a node's log has a text since an offset.
func (o offline) said(n *playground.Node, since int64, text string) bool {
	b, err := os.ReadFile(n.LogPath())
	return err == nil && int64(len(b)) > since && strings.Contains(string(b[since:]), text)
}

func (o offline) logEnd(n *playground.Node) int64 {
	info, err := os.Stat(n.LogPath())
	if err != nil {
		return 0
	}
	return info.Size()
}

// attention waits until a node's status shows an attention of a code about a node with a text, and returns it.
func (o offline) attention(ctx context.Context, by *playground.Node, code, about, text string) client.Attention {
	o.t.Helper()
	var found client.Attention
	var last client.Status
	err := o.c.Await(ctx, by.Name+" to show "+code+" about "+about, func() bool {
		s, err := by.Client().Status(ctx)
		if err != nil {
			return false
		}
		last = s
		for _, a := range s.Attention {
			if a.Code == code && a.Node == about && strings.Contains(a.Text, text) {
				found = a
				return true
			}
		}
		return false
	})
	if err != nil {
		o.t.Fatalf("%v; it shows %+v and waits for %+v", err, last.Attention, last.Waiting)
	}
	if found.Next == "" {
		o.t.Errorf("%s says nothing of what to do: %+v", by.Name, found)
	}
	return found
}

// status asks a node; a node that does not answer has an empty one.
func status(ctx context.Context, n *playground.Node) client.Status {
	s, err := n.Client().Status(ctx)
	if err != nil {
		return client.Status{}
	}
	return s
}

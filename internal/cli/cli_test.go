package cli_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/internal/api"
	"github.com/fenced-project/fenced/internal/cli"
	"github.com/fenced-project/fenced/internal/config"
)

// checkedM looks for leaked goroutines after the tests.
type checkedM struct{ *testing.M }

func (m checkedM) Run() int {
	code := m.M.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func TestMain(m *testing.M) {
	command := func() { os.Exit(cli.Main(os.Args, testDeps(), os.Stdin, os.Stdout, os.Stderr)) }
	testscript.Main(checkedM{m}, map[string]func(){"fenced": command, "fence_node": command, "fence_tool": command, "fence_dlm": command})
}

// fakeRecover prepares a recovery of a store that does not exist; what is done is told on standard output's document.
func fakeRecover(_ context.Context, _ config.Options, a cli.RecoverArgs) (cli.Recovery, error) {
	if os.Getenv("DAEMON_RUNS") != "" {
		e := client.Errorf(client.CodeTryAgain, "the daemon of this node runs: it must not use the store meanwhile")
		e.Next = "systemctl stop fenced"
		return cli.Recovery{}, e
	}
	p := client.Recovery{
		API: client.API, Cluster: "prod1", Node: "node-3", Was: "8f1d2c3b", Index: 57, Lost: a.Lost, Unproven: a.Unproven, NewStore: a.NewStore,
		Victims: []string{"node-2"}, Stay: []string{"node-4"}, Votes: client.Votes{Have: 1, Need: 2, Source: "roster"},
	}
	if a.NewStore {
		p.Lost, p.Stay, p.Unread = nil, nil, os.Getenv("UNREAD")
	}
	return cli.Recovery{Plan: p, Close: func() {}, Do: func(reason string) (client.Recovery, error) {
		if reason == "fail" {
			return p, errors.New("cannot write the new domain, the old one stays: no space")
		}
		p.Done = true
		if a.NewStore {
			p.Kept = "/var/lib/fenced/raft.given-up"
		} else {
			p.Domain = "5a5a"
		}
		return p, nil
	}}, nil
}

// fakeResidual answers by the name of the system root.
func fakeResidual(_ context.Context, o config.Options) (client.Residual, error) {
	r := client.Residual{API: client.API, Simulated: true, Result: client.ResidualClean, Policy: "self-fence", Would: "announce clean"}
	unknown := client.Finding{Probe: "gfs2", Path: "/sys/fs/gfs2", Class: "state", What: "unknown", Why: "cannot read it: not a directory\x1b[31m"}
	nfs := client.Finding{Probe: "mounts", Path: "/srv/nfs", Class: "access", What: "nfs4 mount of server:/export", Why: "its server is reached from here", Holders: client.List[client.Holder]{{PID: 1, Comm: "systemd", StartTime: 7}}}
	switch o.SystemRoot {
	case "clean":
		r.Findings = client.List[client.Finding]{nfs}
	case "dirty":
		r.Result, r.Would = client.ResidualDirty, "self-fence: state is left over and no session of this boot explains it"
		r.Findings = client.List[client.Finding]{{Probe: "dlm", Path: "/sys/kernel/dlm/ls", Class: "state", What: "dlm lockspace ls", Why: "the kernel holds a lockspace that no daemon of ours controls", Reset: true}, nfs}
	case "unknown":
		r.Result, r.Would, r.Findings = client.ResidualUnknown, "stay out: state is left over from this boot", client.List[client.Finding]{unknown}
	default:
		return r, config.Problems{{File: "wrong.yaml", Line: 3, Col: 1, Text: "residual has no field \"device\"", Remedy: "did you mean devices?"}}
	}
	return r, nil
}

// testDeps stand for what cmd/fenced injects.
func testDeps() cli.Deps {
	return cli.Deps{
		Version: "1.0-test",
		Now:     func() time.Time { return time.Date(2026, 11, 21, 9, 10, 0, 0, time.UTC) },
		Run: func(_ context.Context, o config.Options, stdout, _ io.Writer) error {
			fmt.Fprintf(stdout, "run config=%s root=%s socket=%s strict=%t\n", o.Path, o.SystemRoot, o.Socket, o.Strict)
			if o.Path == "wrong.yaml" {
				return config.Problems{{File: "wrong.yaml", Line: 3, Col: 1, Text: "unknown field \"nodse\"", Remedy: "did you mean nodes?"}}
			}
			return nil
		},
		RunWitness: func(_ context.Context, o config.Options, stdout, _ io.Writer) error {
			fmt.Fprintf(stdout, "witness config=%s root=%s state=%s run=%s strict=%t\n", o.Path, o.SystemRoot, o.StateDir, o.RunDir, o.Strict)
			return nil
		},
		Corosync:       fakeCorosync,
		Residual:       fakeResidual,
		WatchdogStatus: fakeHolder, WatchdogTest: fakeTest,
		Dev: func(_ context.Context, args []string, _ io.Reader, stdout, _ io.Writer) int {
			fmt.Fprintf(stdout, "dev %q\n", args)
			return len(args)
		},
		ListPlugins: func(_ context.Context, dir string) ([]client.Plugin, error) {
			return []client.Plugin{{Name: "dummy", Version: "1.0", Path: dir + "/fenced-plugin-dummy", Kind: "power", State: client.PluginIdle, Summary: "does nothing"}}, nil
		},
		DescribePlugin: func(_ context.Context, path string) (client.Plugin, error) {
			if !strings.HasSuffix(path, "dummy") {
				return client.Plugin{}, client.NoSuch("plugin", path, nil)
			}
			return client.Plugin{
				Name: "dummy", Version: "1.0", Path: path, Summary: "does nothing", Kind: "power", Protocols: []uint32{1}, Actions: []string{"off", "on"},
				EffectMS: 90000, SettleMS: 100, Sample: "devices:\n  d1: {plugin: dummy}\n",
				Options: []client.PluginOption{
					{Name: "address", Type: "string", Required: true, Mapping: true, Help: "host:port"},
					{Name: "password", Type: "string", Secret: true, Help: "of the account"},
					{Name: "mode", Type: "enum", Values: []string{"a", "b"}, Default: "a", Help: "which"},
				},
			}, nil
		},
		UsedPlugin: func(_ context.Context, dir, name, _ string) ([]string, error) { // the last is the highest
			all, err := filepath.Glob(filepath.Join(dir, "fenced-plugin-"+name+"*"))
			return all[max(0, len(all)-1):], err
		},
		VerifyPlugin: func(_ context.Context, path, sum string) client.PluginCheck {
			c := client.PluginCheck{Name: "dummy", Path: path, SHA256: strings.Repeat("ab", 32), Version: "1.0", Protocol: 1, Checked: sum == strings.Repeat("ab", 32)}
			if sum != "" && !c.Checked {
				c.Error = path + " has another SHA-256 sum"
			}
			return c
		},
		ListAgents: func(_ context.Context, _ string, names []string) ([]client.Agent, error) {
			list := []client.Agent{
				{
					Name: "fence_apc", Class: "power", Why: "it switches on and off, reboots, and says the state", Summary: "Fence agent for APC", Actions: []string{"on", "off", "status"},
					Options: []client.AgentOption{
						{Name: "ip", Type: "string", Required: true, Help: "address"},
						{Name: "password", Type: "string", Secret: true, Help: "of the account"},
						{Name: "version", Type: "select", Values: []string{"1", "2c"}, Default: "1", Help: "of SNMP"},
					},
					Sample: "devices:\n  apc-1: {plugin: agent, agent: fence_apc}\n",
				},
				{Name: "fence_lost", Error: "its interpreter is missing"},
			}
			return slices.DeleteFunc(list, func(g client.Agent) bool { return len(names) > 0 && !slices.Contains(names, g.Name) }), nil
		},
		Recover: fakeRecover,
		TestPlugin: func(_ context.Context, path string, o cli.PluginTest) (client.PluginReport, error) {
			r := client.PluginReport{Path: path, Passed: o.Options["knob"] != "lie", Cases: []client.PluginCase{{Name: "describe", Result: client.CasePass, MS: 3}}}
			if !r.Passed {
				r.Cases = append(r.Cases, client.PluginCase{Name: "already-off", Result: client.CaseFail, MS: 1200, Text: "says on"})
			}
			return r, nil
		},
	}
}

type nodeKey struct{}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		UpdateScripts:       os.Getenv("FENCED_UPDATE") == "1",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup:               setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"run":    runCommand,
			"daemon": daemonCommand,
		},
	})
}

// setup gives every script a daemon of its own behind a real socket.
func setup(env *testscript.Env) error {
	dir, err := os.MkdirTemp("", "fs") // short: a socket's path has at most 108 bytes
	if err != nil {
		return err
	}
	node := newFakeNode()
	server, err := api.New(api.Config{}, node, node.feed)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "s")
	ln, err := server.Listen(path)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, ln) }()
	env.Defer(func() {
		cancel()
		if err := <-done; err != nil {
			panic(err)
		}
		_ = os.RemoveAll(dir)
	})
	env.Values[nodeKey{}] = node
	env.Setenv("FENCED_SOCKET", path)
	return nil
}

// runCommand is `run CODE PROGRAM ARGUMENTS…`: the program must end with exactly this exit code.
func runCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: run CODE PROGRAM [ARGUMENTS]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	switch err := ts.Exec(args[1], args[2:]...); {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// daemonCommand scripts the fake daemon:
//
//	daemon answer METHOD FILE       FILE of testdata/docs, or of the script
//	daemon refuse METHOD CODE TEXT [NEAR…]
//	daemon allow METHOD             ends a refusal
//	daemon publish METHOD FILE      events to publish when METHOD is called; "now" publishes them at once
//	daemon pending N                Show says N times that the operation is not over
//	daemon await METHOD             waits until METHOD was called
//	daemon asked FILE               writes what was asked since the last time
func daemonCommand(ts *testscript.TestScript, neg bool, args []string) {
	node, ok := ts.Value(nodeKey{}).(*fakeNode)
	if neg || !ok || len(args) < 2 {
		ts.Fatalf("usage: daemon answer|refuse|publish|pending|await|asked …")
	}
	if args[0] == "await" {
		select {
		case <-node.called(args[1]):
		case <-time.After(slow(10 * time.Second)):
			ts.Fatalf("%s was not called", args[1])
		}
		return
	}
	node.mu.Lock()
	defer node.mu.Unlock()
	switch args[0] {
	case "answer":
		node.answers[args[1]] = document(ts, args[2])
	case "refuse":
		code, err := strconv.Atoi(args[2])
		ts.Check(err)
		node.refuse[args[1]] = client.Errorf(client.Code(code), "%s", args[3])
		node.refuse[args[1]].Near = args[4:]
	case "allow":
		delete(node.refuse, args[1])
	case "publish":
		var events []client.Event
		for _, line := range strings.Split(strings.TrimSpace(string(document(ts, args[2]))), "\n") {
			var e client.Event
			ts.Check(json.Unmarshal([]byte(line), &e))
			events = append(events, e)
		}
		if args[1] != "now" {
			node.after[args[1]] = events
			return
		}
		for _, e := range events {
			node.feed.Publish(e)
		}
	case "pending":
		n, err := strconv.Atoi(args[1])
		ts.Check(err)
		node.pending = n
	case "asked":
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.Join(append(node.asked, ""), "\n")), 0o600))
		node.asked = nil
	default:
		ts.Fatalf("daemon %s?", args[0])
	}
}

// slow stretches a test's deadline on a slow machine.
func slow(d time.Duration) time.Duration {
	if f, err := strconv.ParseFloat(os.Getenv("FENCED_TEST_SLOW"), 64); err == nil && f > 1 {
		return time.Duration(float64(d) * f)
	}
	return d
}

func document(ts *testscript.TestScript, name string) []byte {
	if b, err := os.ReadFile(filepath.Join("testdata", "docs", name)); err == nil {
		return b
	}
	return []byte(ts.ReadFile(name))
}

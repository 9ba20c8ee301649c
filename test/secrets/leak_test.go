package secrets

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
)

// Nothing that a cluster says, writes or starts holds a secret of its configuration, also when its BMCs refuse, are dead, and when its
// processes are made to dump their stacks.
func TestNoSecretLeaks(t *testing.T) {
	needsRoot(t)
	ctx, cancel := context.WithTimeout(context.Background(), patience(80*time.Second))
	defer cancel()
	starting, started := context.WithTimeout(ctx, patience(30*time.Second))
	defer started()
	p := plant(starting, t)
	s := startSampler(p.needles)
	defer s.stop()
	hay := &haystack{needles: p.needles}
	streams := p.follow(ctx)

	p.ask(ctx, t, hay) // plans read all devices: the wrong, the dead, ipmitool's and the good one
	p.fence(ctx, t, 3, func() { must(t, p.Node(3).Kill()) })
	p.dumpPlugin(ctx, t)
	p.fence(ctx, t, 2, func() { p.dumpDaemon(t, 2) })
	p.ask(ctx, t, hay)
	p.command(ctx, t, hay)

	hay.search("the event streams", streams())
	s.stop()
	for _, n := range p.Nodes() {
		events, err := json.Marshal(p.Events(n.Index))
		must(t, err)
		hay.search("the events of "+n.Name, events)
		run, err := filepath.EvalSymlinks(filepath.Join(p.dir, n.Name, "run"))
		must(t, err)
		must(t, hay.tree(run))
	}
	must(t, hay.tree(filepath.Dir(p.dir), p.own...))
	p.judge(t, hay, s)
}

// judge says what was found, and that there was something to look at.
func (p *planted) judge(t *testing.T, hay *haystack, s *sampler) {
	t.Helper()
	t.Logf("searched %d places with %d bytes; %d passes over /proc, %d different texts there, ipmitool seen %d times", hay.places, hay.bytes, s.passes, len(s.seen), s.tool)
	for _, f := range append(hay.findings, s.hay.findings...) {
		t.Errorf("leaked: %s", f)
	}
	for _, program := range []string{"fenced", "fenced-plugin-bmc"} {
		if !s.ran[program] {
			t.Errorf("the sampler never saw %s", program)
		}
	}
	if !p.tool {
		t.Log("SKIP ipmitool: it is not installed")
	} else if s.tool == 0 {
		t.Error("the sampler never saw ipmitool")
	}
	for _, n := range p.Nodes() {
		log, err := os.ReadFile(n.LogPath())
		must(t, err)
		if n.Index == 2 && !bytes.Contains(log, []byte("goroutine ")) {
			t.Errorf("the log of %s holds no dump", n.Name)
		}
	}
	spoke := p.spoke(t, "node-3")
	if !strings.Contains(spoke["wrong"], client.ClassAuth) || spoke["dead"] == "" || strings.Contains(spoke["dead"], client.ClassOK) ||
		!strings.Contains(spoke["redfish-wrong"], client.ClassAuth) {
		t.Errorf("the error paths did not speak: %v", spoke)
	}
	if spoke = p.spoke(t, "node-2"); !strings.Contains(spoke["redfish"], client.ClassOK) {
		t.Errorf("Redfish did not fence: %v", spoke)
	}
}

// spoke are the classes of all attempts at a node in history, by device. A level is passed over where a probe was refused the login before (R28): what
// is said then names the device in its text.
func (p *planted) spoke(t *testing.T, node string) map[string]string {
	t.Helper()
	history, err := p.Node(1).Client().History(t.Context(), client.HistoryQuery{Node: node})
	must(t, err)
	out := map[string]string{}
	for _, l := range history.Lines {
		for _, a := range l.Attempts {
			device := a.Device
			if words := strings.Fields(a.Text); device == "" && len(words) > 2 && words[0] == "device" && words[2] == "refused" {
				device = words[1]
			}
			out[device] += a.Class + " "
		}
	}
	return out
}

// fence breaks a node and waits until it is back with another life.
func (p *planted) fence(ctx context.Context, t *testing.T, node int, harm func()) {
	t.Helper()
	n := p.Node(node)
	life := n.BootID()
	harm()
	must(t, p.Await(ctx, n.Name+" to have another life", func() bool { return n.BootID() != life && n.BootID() != "" }))
	must(t, p.AwaitClean(ctx))
}

// dumpPlugin makes the plugin of node-1 write its stacks and die.
func (p *planted) dumpPlugin(ctx context.Context, t *testing.T) {
	t.Helper()
	pid := 0
	must(t, p.Await(ctx, "a plugin of node-1", func() bool { // one that overran its deadline was ended, and comes again
		pid = child(p.daemon(t, 1), "fenced-plugin-bmc")
		return pid != 0
	}))
	must(t, syscall.Kill(pid, syscall.SIGQUIT))
	must(t, p.Await(ctx, "the dump of the plugin in the log of node-1", func() bool {
		log, err := os.ReadFile(p.Node(1).LogPath())
		return err == nil && bytes.Contains(log, []byte("SIGQUIT: quit"))
	}))
}

func (p *planted) dumpDaemon(t *testing.T, node int) {
	t.Helper()
	must(t, syscall.Kill(p.daemon(t, node), syscall.SIGQUIT))
}

// daemon is the process id of a node's daemon.
func (p *planted) daemon(t *testing.T, node int) int {
	t.Helper()
	pids, err := filepath.Glob("/proc/[0-9]*/cmdline")
	must(t, err)
	for _, path := range pids {
		args := strings.Split(read(path), "\x00")
		if len(args) > 3 && filepath.Base(args[0]) == "fenced" && args[3] == filepath.Join(p.dir, p.Node(node).Name, "fenced.yaml") {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			must(t, err)
			return pid
		}
	}
	t.Fatalf("the daemon of node %d does not run", node)
	return 0
}

// child is the first child of a process that runs this program, 0 if there is none.
func child(parent int, program string) int {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		_, rest, _ := strings.Cut(read(path), ") ")
		fields := strings.Fields(rest)
		if len(fields) < 2 || fields[1] != strconv.Itoa(parent) {
			continue
		}
		args, _, _ := strings.Cut(read(filepath.Join(filepath.Dir(path), "cmdline")), "\x00")
		if filepath.Base(args) == program {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			return pid
		}
	}
	return 0
}

// ask gets every document of every node's API as it comes over the wire, and some that it refuses.
func (p *planted) ask(ctx context.Context, t *testing.T, hay *haystack) {
	t.Helper()
	for _, n := range p.Nodes() {
		paths := []string{"/v1/status", "/v1/history", "/v1/plugins", "/v1/plan?node=nobody&read=true", "/v1/operations/999999", "/v1/nothing", "/v1/events?from=x"}
		for i := 1; i <= 3; i++ {
			paths = append(paths, fmt.Sprintf("/v1/plan?node=node-%d&read=true", i))
		}
		history := get(ctx, t, n, "/v1/history")
		for _, id := range regexp.MustCompile(`"id":(\d+)`).FindAllSubmatch(history, -1) {
			paths = append(paths, "/v1/operations/"+string(id[1]))
		}
		for _, path := range paths {
			hay.search(n.Name+" "+path, get(ctx, t, n, path))
		}
	}
}

// get reads one document.
func get(ctx context.Context, t *testing.T, n *playground.Node, path string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, patience(20*time.Second))
	defer cancel()
	resp, err := request(ctx, n, path)
	must(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(t, err)
	if len(b) == 0 {
		t.Errorf("%s %s says nothing", n.Name, path)
	}
	return b
}

func request(ctx context.Context, n *playground.Node, path string) (*http.Response, error) {
	hc := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", n.Socket())
	}}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://fenced"+path, nil)
	if err != nil {
		return nil, err
	}
	return hc.Do(req)
}

// follow reads the raw event streams of node-1, which nobody harms; the function that it returns ends that and gives them.
func (p *planted) follow(ctx context.Context) func() []byte {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	var all bytes.Buffer
	wg.Go(func() {
		resp, err := request(ctx, p.Node(1), "/v1/events?from=0")
		if err != nil {
			return
		}
		defer resp.Body.Close()
		_, _ = io.Copy(&all, resp.Body) // until it is cancelled
	})
	return func() []byte {
		cancel()
		wg.Wait()
		return all.Bytes()
	}
}

// command runs what an administrator would, right and wrong, and looks at what it prints.
func (p *planted) command(ctx context.Context, t *testing.T, hay *haystack) {
	t.Helper()
	config := filepath.Join(p.dir, "node-1", "fenced.yaml")
	root := filepath.Join(p.dir, "node-1", "root") // what else this machine has installed is not this test's
	plugin := filepath.Join(p.build, "plugins", "fenced-plugin-bmc")
	for _, args := range append([][]string{
		{"config", "check", "--config", config, "--system-root", root},
		{"config", "check", "--config", config, "--system-root", root, "-o", "json"},
		{"plugin", "list"},
		{"plugin", "info", plugin},
		{"plugin", "info", plugin, "-o", "json"},
		{"status", "-o", "wide"},
		{"status", "-o", "json"},
		{"history"},
		{"history", "-o", "json"},
		{"plan", "node-3", "--read"},
		{"apply", "--dry-run"},
	}, p.mistakes(t)...) {
		cmd := exec.CommandContext(ctx, filepath.Join(p.build, "fenced"), args...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "FENCED_SOCKET=" + p.Node(1).Socket(), "CREDENTIALS_DIRECTORY=" + p.creds}
		out, err := cmd.CombinedOutput()
		if len(out) == 0 {
			t.Errorf("fenced %v says nothing, %v", args, err)
		}
		hay.search(fmt.Sprintf("the output of fenced %v", args), out)
	}
}

// mistakes are configuration files with a secret where none may be: what is said of them must not repeat it.
func (p *planted) mistakes(t *testing.T) [][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, "node-1", "fenced.yaml"))
	must(t, err)
	good, key := p.password["good"], read(filepath.Join(p.creds, "authkey"))
	device := regexp.MustCompile(`password_file: "[^"]*/wrong"`)
	var out [][]string
	for name, bad := range map[string]string{
		"in the clear":   device.ReplaceAllString(string(text), "password: "+good),
		"as a path":      device.ReplaceAllString(string(text), "password_file: "+good),
		"as a list":      device.ReplaceAllString(string(text), "password_file: ["+good+"]"),
		"as an option":   device.ReplaceAllString(string(text), good+": 1"),
		"key in clear":   regexp.MustCompile(`(?m)^authkey: .*$`).ReplaceAllString(string(text), "authkey: "+strings.TrimSpace(key)),
		"key of nothing": regexp.MustCompile(`(?m)^authkey: .*$`).ReplaceAllString(string(text), "authkey: ${CREDENTIALS_DIRECTORY}/good"),
		"no yaml":        device.ReplaceAllString(string(text), "password: ["+good),
	} {
		path := filepath.Join(p.creds, strings.ReplaceAll(name, " ", "-")+".yaml")
		must(t, os.WriteFile(path, []byte(bad), 0o600))
		p.own = append(p.own, path)
		out = append(out, []string{"config", "check", "--config", path}, []string{"config", "check", "--config", path, "--plugin-dir", filepath.Join(p.build, "plugins")})
	}
	return out
}

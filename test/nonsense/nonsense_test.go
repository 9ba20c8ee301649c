package nonsense

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fenced-project/fenced/test/product"
)

func TestNonsense(t *testing.T) {
	_, err := product.Dir() // a first build takes a busy machine longer than the cluster's start may
	must(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), patience(150*time.Second))
	defer cancel()
	starting, started := context.WithTimeout(ctx, patience(30*time.Second))
	defer started()
	r := start(starting, t)
	t.Run("NoiseOnTheSocket", func(t *testing.T) { r.noiseOn(ctx, t, "unix", r.Node(1).Socket()) })
	t.Run("NoiseOnTheClusterPort", func(t *testing.T) { r.noiseOn(ctx, t, "tcp", r.address(t, 1)) })
	t.Run("NoiseOnThePingPort", func(t *testing.T) { r.noiseOnPing(ctx, t) })
	t.Run("ConnectionsToTheSocket", func(t *testing.T) { r.crowd(ctx, t, "unix", r.Node(1).Socket(), 1) })
	t.Run("ConnectionsToTheClusterPort", func(t *testing.T) { r.crowd(ctx, t, "tcp", r.address(t, 1), perConnection) })
	t.Run("RegistrationsOfPrograms", func(t *testing.T) { r.registrations(ctx, t) })
	t.Run("NoiseOfAPlugin", func(t *testing.T) { r.noiseOfAPlugin(ctx, t) })
	t.Run("PluginFiles", func(t *testing.T) { r.pluginFiles(ctx, t) })
}

// noiseOn sends a mebibyte some times over: each connection is closed, one line is written for all.
func (r *rig) noiseOn(ctx context.Context, t *testing.T, network, address string) {
	log := r.calm(ctx, t, func() {
		for range 5 {
			conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, network, address)
			must(t, err)
			must(t, conn.SetDeadline(time.Now().Add(patience(10*time.Second))))
			_, _ = conn.Write(noise()) // it may be closed before it is through
			if _, err := io.Copy(io.Discard, conn); err != nil && os.IsTimeout(err) {
				t.Errorf("the connection stays open: %v", err)
			}
			_ = conn.Close()
		}
	})
	refusals(t, log, 1, 1)
}

// noiseOnPing sends datagrams of noise, of what begins like a ping, and the largest there are.
func (r *rig) noiseOnPing(ctx context.Context, t *testing.T) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", r.address(t, 1))
	must(t, err)
	defer conn.Close()
	send := func(size int, head string) func() {
		return func() {
			for b := noise(); len(b) > 0; b = b[min(len(b), size):] {
				_, _ = conn.Write(append([]byte(head), b[:min(len(b), size)]...)) // a full buffer is no error of ours
			}
		}
	}
	refusals(t, r.calm(ctx, t, send(1000, "")), 1, 1)
	refusals(t, r.calm(ctx, t, send(60_000, "")), 0, 1)
	refusals(t, r.calm(ctx, t, send(1000, "fncp\x01")), 1, 1)
}

// perConnection is how many lines a crowd at the cluster port may give: one for each reason in ten seconds, and a crowd that is held for long
// meets several (beyond the bound, too slow, closed in the handshake).
const perConnection = 8

// crowd opens ten thousand connections and holds them: those beyond the bound are closed, and all come back when the crowd goes.
func (r *rig) crowd(ctx context.Context, t *testing.T, network, address string, lines int) {
	const many = 10_000
	pid := r.daemon(t, 1)
	memory, files := resident(t, pid), descriptors(t, pid)
	must(t, os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)) // the peak from here on
	log := r.calm(ctx, t, func() {
		began := time.Now()
		conns := make([]net.Conn, many)
		var wg sync.WaitGroup
		for k := range 8 {
			wg.Go(func() {
				for i := k; i < many; i += 8 {
					conns[i], _ = (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, network, address) // refused is fine
				}
			})
		}
		wg.Wait()
		if most := descriptors(t, pid); most > files+300 {
			t.Errorf("the daemon has %d descriptors, it had %d", most, files)
		}
		closed := 0
		for _, c := range conns {
			if c == nil {
				closed++
				continue
			}
			_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
			if _, err := io.Copy(io.Discard, c); err == nil || !os.IsTimeout(err) {
				closed++
			}
			_ = c.Close()
		}
		if closed < many-300 {
			t.Errorf("%d of %d connections were closed", closed, many)
		}
		t.Logf("%d of %d connections closed by the daemon, in %v", closed, many, time.Since(began).Round(time.Millisecond))
	})
	refusals(t, log, 1, lines)
	if peak := resident(t, pid, "VmHWM"); peak > memory+64<<10 {
		t.Errorf("the daemon took %d KiB, before it had %d", peak, memory)
	}
	must(t, r.Await(ctx, "the descriptors to come back", func() bool { return descriptors(t, pid) <= files+8 }))
	_, err := r.Node(1).Client().Status(ctx)
	must(t, err)
}

// resident is a process's memory in KiB.
func resident(t *testing.T, pid int, field ...string) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	must(t, err)
	found := regexp.MustCompile(append(field, "VmRSS")[0] + `:\s+(\d+) kB`).FindSubmatch(b)
	if found == nil {
		t.Fatalf("no memory in %s", b)
	}
	n, err := strconv.Atoi(string(found[1]))
	must(t, err)
	return n
}

func descriptors(t *testing.T, pid int) int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	must(t, err)
	return len(entries)
}

// noiseOfAPlugin: a plugin that writes a mebibyte of noise instead of its handshake, on every node since the start, is out; the log tells of
// the noise at most once in ten seconds for each of its streams, and attention shows it.
func (r *rig) noiseOfAPlugin(ctx context.Context, t *testing.T) {
	r.attention(ctx, t, "plugin noise: ")
	log, err := os.ReadFile(r.Node(1).LogPath())
	must(t, err)
	lines, refused := 0, 0
	for line := range bytes.Lines(log) {
		if bytes.Contains(line, []byte("plugin=noise")) && !bytes.Contains(line, []byte("level=DEBUG")) {
			lines++
			if bytes.Contains(line, []byte("msg=refused")) {
				refused++
			}
		}
	}
	t.Logf("%d lines about the plugin, %d of them refusals", lines, refused)
	// In ten seconds: one about the noise, one that it is down. And one that it is not used, from the first status on.
	if most := 1 + int(r.Since()/(10*time.Second)); refused == 0 || refused > most || lines > 2*most+1 {
		t.Errorf("%d lines about the plugin, %d of them refusals, want at most %d and %d", lines, refused, 2*most+1, most)
	}
}

// attention waits until every node's status shows a text.
func (r *rig) attention(ctx context.Context, t *testing.T, text string) {
	t.Helper()
	for _, n := range r.Nodes() {
		must(t, r.Await(ctx, "the attention of "+n.Name+" to show "+text, func() bool {
			s, err := n.Client().Status(ctx)
			if err != nil {
				return false
			}
			for _, a := range s.Attention {
				if strings.Contains(a.Text, text) {
					return true
				}
			}
			return false
		}))
	}
}

// pluginFiles spoils the file of the bmc plugin while it runs: it is out on every node, with the reason in status, and the daemons go on.
func (r *rig) pluginFiles(ctx context.Context, t *testing.T) {
	if os.Geteuid() != 0 {
		skip(t, "giving files away needs root")
	}
	good, err := os.ReadFile(r.bmcPlugin())
	must(t, err)
	put := func(text []byte) {
		fresh := r.bmcPlugin() + ".new"
		must(t, os.WriteFile(fresh, text, 0o755))
		must(t, os.Rename(fresh, r.bmcPlugin()))
	}
	if n := len(r.running(t)); n != 3 {
		t.Fatalf("%d bmc plugins run, want 3", n)
	}
	r.calm(ctx, t, func() {
		must(t, os.Remove(r.bmcPlugin()))
		r.attention(ctx, t, "plugin bmc: devices need it, and its file is not there")
		must(t, r.Await(ctx, "the running plugins to be ended", func() bool { return len(r.running(t)) == 0 }))
		put(append(bytes.Clone(good), 0))
		r.attention(ctx, t, "the configuration says "+r.sum)
		put(good)
		must(t, os.Chown(r.bmcPlugin(), 65534, 65534))
		r.attention(ctx, t, "it must belong to root")
		if n := len(r.running(t)); n != 0 {
			t.Errorf("%d bmc plugins run", n)
		}
	})
	log, err := os.ReadFile(r.Node(1).LogPath())
	must(t, err)
	for _, text := range []string{`msg="plugin process condemned"`, `msg="plugin is down"`, `msg="plugin is not used"`} {
		if !bytes.Contains(log, []byte(text)) {
			t.Errorf("the log does not say %s", text)
		}
	}
}

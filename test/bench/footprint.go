package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/fenced-project/fenced/plugins/proto"
)

// many is how many devices the plugin of footprint has.
const many = 500

// footprint measures what one process of the bmc plugin takes with 500 devices: at rest, after each of them was read, and with a call to each of them under
// way at once, none of which is answered.
func footprint(ctx context.Context, r *run) error {
	if os.Geteuid() != 0 {
		return r.skip("only root may look at a plugin's descriptors", nameFootRSS, nameFootRoutines, nameFootFiles)
	}
	var rest, busy prints
	for range max(1, r.n()/4) { // they hardly differ
		if err := r.footprints(ctx, &rest, &busy); err != nil {
			return err
		}
	}
	for _, one := range []struct {
		part, note string
		p          prints
	}{{"", "500 devices, each of them read, at rest", rest}, {":busy", "500 devices, a call to each of them under way", busy}} {
		r.add(line(nameFootRSS+one.part, "MiB", one.note, one.p.rss))
		r.add(line(nameFootRoutines+one.part, "", one.note+"; without the runtime's own", one.p.routines))
		r.add(line(nameFootFiles+one.part, "", one.note, one.p.files))
	}
	return nil
}

// prints are what one process took, one for each time.
type prints struct{ rss, routines, files []float64 }

// footprints takes both figures once, each from a fresh process: counting goroutines ends it.
func (r *run) footprints(ctx context.Context, rest, busy *prints) error {
	h, err := startHardware(ctx, kindIPMI, many)
	if err != nil {
		return err
	}
	err = r.footprintOf(ctx, h, rest, func(p *lonePlugin) error { return p.readAll(ctx) })
	if err == nil {
		if err = h.cmd.Process.Signal(syscall.SIGSTOP); err == nil {
			err = r.footprintOf(ctx, h, busy, func(p *lonePlugin) error { return p.hangAll(ctx) })
			_ = h.cmd.Process.Signal(syscall.SIGCONT)
		}
	}
	return errors.Join(err, h.stop())
}

func (r *run) footprintOf(ctx context.Context, h *hardware, to *prints, prepare func(*lonePlugin) error) error {
	p, err := r.startPlugin(ctx, "bmc")
	if err != nil {
		return err
	}
	defer p.end()
	for _, d := range ipmiDevices(h, map[string]string{"timeout": "60s"}) {
		options := maps.Clone(d.Options)
		options["password"] = hwPassword
		a, err := p.rpc.Open(ctx, &proto.OpenRequest{Device: d.Name, Name: d.Name, Options: options})
		if err != nil || a.Failure != nil {
			return fmt.Errorf("%s is not opened: %v %w", d.Name, a.GetFailure(), err)
		}
		p.devices = append(p.devices, d.Name)
	}
	if err := prepare(p); err != nil {
		return err
	}
	kib, err := resident(p.cmd.Process.Pid)
	if err != nil {
		return err
	}
	files, err := p.files()
	if err != nil {
		return err
	}
	routines, err := p.routines()
	if err != nil {
		return err
	}
	to.rss, to.files, to.routines = append(to.rss, kib/1024), append(to.files, float64(files)), append(to.routines, float64(routines))
	return nil
}

// lonePlugin is a plugin without a host, spoken to over its own wire: a host would not let through all that it writes when it dumps its stacks.
type lonePlugin struct {
	cmd     *exec.Cmd
	conn    *grpc.ClientConn
	rpc     proto.FencePluginClient
	dir     string
	stderr  bytes.Buffer
	devices []string
	calls   sync.WaitGroup
}

func (r *run) startPlugin(ctx context.Context, name string) (*lonePlugin, error) {
	dir, err := os.MkdirTemp("/tmp", "fb")
	if err != nil {
		return nil, err
	}
	p := &lonePlugin{dir: dir, cmd: exec.CommandContext(ctx, filepath.Join(r.build, "plugins", proto.FilePrefix+name))}
	p.cmd.Env = []string{proto.Handshake.MagicCookieKey + "=" + proto.Handshake.MagicCookieValue, "TMPDIR=" + dir}
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	// CORE|PROTOCOL|NETWORK|ADDRESS|KIND, as go-plugin's hosts read it.
	said, err := bufio.NewReader(out).ReadString('\n')
	word := strings.Split(strings.TrimSpace(said), "|")
	if err != nil || len(word) < 5 || word[2] != "unix" {
		p.end()
		return nil, fmt.Errorf("%s does not start: it says %q: %w", name, said, err)
	}
	if p.conn, err = grpc.NewClient("unix:"+word[3], grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
		p.end()
		return nil, err
	}
	p.rpc = proto.NewFencePluginClient(p.conn)
	return p, nil
}

// end kills the process, if it runs, and waits for everything.
func (p *lonePlugin) end() {
	_ = p.cmd.Process.Kill()
	if p.conn != nil {
		_ = p.conn.Close()
	}
	p.calls.Wait()
	_ = p.cmd.Wait() // a second time where routines waited already
	_ = os.RemoveAll(p.dir)
}

// readAll reads every device, as many at once as a host's openers do.
func (p *lonePlugin) readAll(ctx context.Context) error {
	places, failed := make(chan struct{}, 16), make(chan error, len(p.devices))
	for _, d := range p.devices {
		places <- struct{}{}
		p.calls.Go(func() {
			defer func() { <-places }()
			a, err := p.rpc.Status(ctx, &proto.StatusRequest{Device: d})
			if err != nil || a.State != "on" {
				failed <- fmt.Errorf("%s reads %v: %w", d, a, err)
			}
		})
	}
	p.calls.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return pause(ctx, time.Second) // what a call leaves behind for a moment is gone
	}
}

// hangAll asks every device of hardware that stands still, and returns when the plugin has a socket for each.
func (p *lonePlugin) hangAll(ctx context.Context) error {
	for _, d := range p.devices {
		p.calls.Go(func() { _, _ = p.rpc.Status(ctx, &proto.StatusRequest{Device: d}) }) // the process is killed before it answers
	}
	ctx, cancel := context.WithTimeout(ctx, hardwareStart)
	defer cancel()
	for {
		n, err := p.files()
		if err != nil || n >= len(p.devices) {
			return err
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return fmt.Errorf("the plugin has %d descriptors for %d calls: %w", n, len(p.devices), err)
		}
	}
}

// files is how many descriptors the process has.
func (p *lonePlugin) files() (int, error) {
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	return len(fds), err
}

// routines makes the process dump its stacks and die, and counts its goroutines.
func (p *lonePlugin) routines() (int, error) {
	if err := p.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		return 0, err
	}
	_ = p.cmd.Wait() // it fails: that is how it ends
	n := bytes.Count(p.stderr.Bytes(), []byte("\ngoroutine "))
	if n == 0 {
		return 0, fmt.Errorf("the plugin dumped no stacks: %.200s", p.stderr.String())
	}
	return n, nil
}

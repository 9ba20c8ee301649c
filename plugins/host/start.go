package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	gorunner "github.com/hashicorp/go-plugin/runner"
	"golang.org/x/mod/semver"
	"google.golang.org/grpc"

	"github.com/fenced-project/fenced/plugins/proto"
)

// errBest says that nothing better is installed than what runs.
var errBest = errors.New("nothing better is installed")

// start starts one process of a plugin, of the highest of its versions that can be: one that does not start is passed over. The versions that
// are no better than the file `instead` ("" for none) are not tried. Whatever goes wrong, nothing of it is left.
func (h *Host) start(ctx context.Context, plugin, lane, instead string) (*process, error) {
	var errs []error
	tried := map[string]bool{}
	for {
		files, err := h.files(plugin, h.checksum(plugin))
		if err != nil {
			return nil, fmt.Errorf("cannot trust plugin %s: %w", plugin, err)
		}
		i := slices.IndexFunc(files, func(f installed) bool { return !tried[f.path] && (f.usable() || f.retry) })
		switch {
		case len(files) == 0:
			return nil, fmt.Errorf("cannot trust plugin %s: %w", plugin, &os.PathError{Op: "open", Path: filepath.Join(h.config.Dir, proto.FilePrefix+plugin), Err: syscall.ENOENT})
		case i < 0 && len(errs) == 0:
			return nil, fmt.Errorf("cannot trust plugin %s: %w", plugin, files[0].err)
		case i < 0:
			return nil, oneLine(errs)
		case files[i].path == instead:
			return nil, errBest
		}
		p, err := h.startFile(ctx, plugin, lane, files[i])
		switch {
		case err == nil && h.isBest(p, tried):
			return p, nil
		case err == nil: // its version was not known, and now that it is, there is a higher one
			p.condemn("", true)
			continue
		case ctx.Err() != nil, errors.Is(err, errClosed):
			return nil, err
		}
		tried[files[i].path] = true
		if len(files) > 1 {
			err = fmt.Errorf("%s: %w", filepath.Base(files[i].path), err)
		}
		errs = append(errs, err)
	}
}

// oneLine is why none of several versions started.
func oneLine(errs []error) error {
	texts := make([]string, 0, len(errs))
	for _, err := range errs {
		texts = append(texts, err.Error())
	}
	return errors.New(strings.Join(texts, "; "))
}

// isBest reports whether no other file should be tried first, by what is known after p's start.
func (h *Host) isBest(p *process, tried map[string]bool) bool {
	files, err := h.files(p.plugin, h.checksum(p.plugin))
	if err != nil {
		return true
	}
	i := slices.IndexFunc(files, func(f installed) bool { return !tried[f.path] && f.usable() })
	return i < 0 || files[i].path == p.path || files[i].version != "" && semver.Compare("v"+files[i].version, "v"+p.about.Version) <= 0
}

// startFile verifies and starts one process of a plugin's file and returns it when it has described itself, within the plugin's start timeout. What
// came of it is learned. Its reap runs.
func (h *Host) startFile(ctx context.Context, plugin, lane string, f installed) (*process, error) {
	path, err := Verify(f.path, h.checksum(plugin))
	if err != nil {
		return nil, fmt.Errorf("cannot trust plugin %s: %w", plugin, err)
	}
	file, err := stampOf(path)
	if err != nil {
		return nil, fmt.Errorf("cannot trust plugin %s: %w", plugin, err)
	}
	p, err := h.startProcess(ctx, plugin, lane, path, f)
	if ctx.Err() != nil || errors.Is(err, errClosed) {
		return p, err // says nothing of the file
	}
	l := learned{file: file, err: err}
	if err == nil {
		p.file, l.version = file, p.about.Version
	}
	h.learn(f.path, l)
	return p, err
}

// startProcess starts a process of the program at path.
func (h *Host) startProcess(ctx context.Context, plugin, lane, path string, f installed) (*process, error) {
	log := h.log.With("plugin", plugin, "lane", lane)
	dir, err := os.MkdirTemp(h.dir, "p")
	if err != nil {
		return nil, fmt.Errorf("cannot start plugin %s: %w", plugin, err)
	}
	run := h.newRunner(path, dir, log, func() []string { return h.secrets(plugin) })
	run.stdout.noise.gate = h.gate(plugin, lane)
	run.stderr.noise.gate = run.stdout.noise.gate
	p := &process{
		host: h, plugin: plugin, lane: lane, log: log, path: f.path, started: time.Now(), run: run, gone: make(chan struct{}), dead: make(chan struct{}), openings: map[string]*opening{},
		flights: map[*flight]bool{}, changed: make(chan struct{}),
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	limit := h.config.startTimeout(plugin)
	p.client = goplugin.NewClient(h.clientConfig(plugin, run, limit))

	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	stop := context.AfterFunc(ctx, run.kill) // go-plugin's own waits end when the process dies
	err = p.connect(plugin, f)
	if stop() && err == nil && h.adopt(p) {
		log.Info("plugin process started", "pid", run.ID(), "version", p.about.Version)
		return p, nil
	}
	if err == nil && ctx.Err() == nil {
		err = errClosed
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = errors.Join(fmt.Errorf("it did not start within %v", limit), err)
	}
	if err == nil {
		err = ctx.Err()
	}
	text := line(redact(err.Error(), h.secrets(plugin)))
	run.kill()
	p.client.Kill()
	if run.running() {
		text += "; " + run.ended()
	}
	p.cancel()
	_ = run.first.Close()
	h.removeDir(dir)
	return nil, fmt.Errorf("cannot start plugin %s: %s", plugin, text)
}

// clientConfig is everything that LIBRARIES.md demands of go-plugin: gRPC only, mutual TLS, no inherited environment, our own runner.
func (h *Host) clientConfig(plugin string, run *runner, limit time.Duration) *goplugin.ClientConfig {
	return &goplugin.ClientConfig{
		HandshakeConfig:  proto.Handshake,
		VersionedPlugins: proto.Sets(nil),
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		AutoMTLS:         true,
		SkipHostEnv:      true,
		StartTimeout:     2 * limit, // ours ends the process before, and says what took too long
		UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: run.dir},
		Logger:           hclog.NewNullLogger(), // it would repeat what the runner logs
		SyncStdout:       run.stdout,
		SyncStderr:       run.stderr,
		GRPCDialOptions: []grpc.DialOption{
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(proto.MaxMessage), grpc.MaxCallSendMsgSize(proto.MaxMessage)),
			grpc.WithIdleTimeout(0),
		},
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, socketDir string) (gorunner.Runner, error) {
			run.env, run.socketDir = slices.Concat(h.environment(run.dir), h.config.Environment[plugin], cmd.Env), socketDir
			return run, nil
		},
	}
}

// connect makes the handshake and asks the plugin what it is. It ends when the process is killed.
func (p *process) connect(plugin string, f installed) error {
	c, err := p.client.Client()
	if err != nil && strings.Contains(err.Error(), "incompatible API version") {
		return fmt.Errorf("it speaks no version of the plugin protocol that this fenced speaks: install a version of it that does: %w", err)
	}
	if err != nil {
		return err
	}
	raw, err := c.Dispense(proto.SetKey)
	if err != nil {
		return err
	}
	rpc, ok := raw.(proto.FencePluginClient)
	if !ok {
		return errors.New("it serves something else")
	}
	p.rpc = rpc
	r, err := rpc.Describe(p.ctx, &proto.DescribeRequest{}) // ends by its death, which ctx brings
	if err != nil {
		return fmt.Errorf("cannot describe itself: %w", err)
	}
	if p.about, err = described(r, p.client.NegotiatedVersion()); err != nil {
		return err
	}
	if p.about.Name != plugin {
		return fmt.Errorf("it calls itself %q, its file says %q", p.about.Name, plugin)
	}
	if _, named, _ := split(filepath.Base(f.path)); named != "" && semver.Compare("v"+named, "v"+p.about.Version) != 0 {
		return fmt.Errorf("it says that it is version %q, its file says %s", p.about.Version, named)
	}
	return nil
}

// adopt makes Close know the process, and has it followed to its end; false when the host is closed.
func (h *Host) adopt(p *process) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.spawnLocked(p.reap) {
		return false
	}
	h.live[p] = true
	return true
}

// removeDir removes a process's private directory with its sockets.
func (h *Host) removeDir(dir string) {
	if err := os.RemoveAll(dir); err != nil {
		h.log.Warn("cannot remove plugin directory", "dir", dir, "error", err.Error())
	}
}

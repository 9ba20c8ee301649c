package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	gorunner "github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"

	"github.com/fenced-project/fenced/plugins/proto"
)

// start verifies and starts one process of a plugin and returns it when it has described itself, within Config.StartTimeout. Whatever goes
// wrong, nothing of it is left. Its reap runs.
func (h *Host) start(ctx context.Context, plugin, lane string) (*process, error) {
	log := h.log.With("plugin", plugin, "lane", lane)
	path, err := h.path(plugin)
	if err != nil {
		return nil, fmt.Errorf("cannot trust plugin %s: %w", plugin, err)
	}
	file, err := stampOf(path)
	if err != nil {
		return nil, fmt.Errorf("cannot trust plugin %s: %w", plugin, err)
	}
	dir, err := os.MkdirTemp(h.dir, "p")
	if err != nil {
		return nil, fmt.Errorf("cannot start plugin %s: %w", plugin, err)
	}
	run := h.newRunner(path, dir, log, func() []string { return h.secrets(plugin) })
	run.stdout.noise.gate = h.gate(plugin, lane)
	run.stderr.noise.gate = run.stdout.noise.gate
	p := &process{
		host: h, plugin: plugin, lane: lane, log: log, file: file, started: time.Now(), run: run, gone: make(chan struct{}), dead: make(chan struct{}), openings: map[string]*opening{},
		flights: map[*flight]bool{}, changed: make(chan struct{}),
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.client = goplugin.NewClient(h.clientConfig(run))

	ctx, cancel := context.WithTimeout(ctx, h.config.StartTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, run.kill) // go-plugin's own waits end when the process dies
	err = p.connect(plugin)
	if stop() && err == nil && h.adopt(p) {
		log.Info("plugin process started", "pid", run.ID(), "version", p.about.Version)
		return p, nil
	}
	if err == nil && ctx.Err() == nil {
		err = errClosed
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = errors.Join(fmt.Errorf("it did not start within %v", h.config.StartTimeout), err)
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
func (h *Host) clientConfig(run *runner) *goplugin.ClientConfig {
	return &goplugin.ClientConfig{
		HandshakeConfig:  proto.Handshake,
		VersionedPlugins: proto.Sets(nil),
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		AutoMTLS:         true,
		SkipHostEnv:      true,
		StartTimeout:     h.config.StartTimeout,
		UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: run.dir},
		Logger:           hclog.NewNullLogger(), // it would repeat what the runner logs
		SyncStdout:       run.stdout,
		SyncStderr:       run.stderr,
		GRPCDialOptions: []grpc.DialOption{
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(proto.MaxMessage), grpc.MaxCallSendMsgSize(proto.MaxMessage)),
			grpc.WithIdleTimeout(0),
		},
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, socketDir string) (gorunner.Runner, error) {
			run.env, run.socketDir = slices.Concat(h.environment(run.dir), cmd.Env), socketDir
			return run, nil
		},
	}
}

// connect makes the handshake and asks the plugin what it is. It ends when the process is killed.
func (p *process) connect(plugin string) error {
	c, err := p.client.Client()
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
	if p.about, err = described(r); err != nil {
		return err
	}
	if p.about.Name != plugin {
		return fmt.Errorf("it calls itself %q, its file says %q", p.about.Name, plugin)
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

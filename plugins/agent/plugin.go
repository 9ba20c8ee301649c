package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/fenced-project/fenced/plugins/sdk"
)

const sample = `# Any installed fence agent; every field that is not fenced's own is a parameter of the agent, under its own name.
# ` + "`fenced plugin agents fence_apc_snmp`" + ` shows them.
devices:
  pdu-1:
    plugin: agent
    agent: fence_apc_snmp
    ip: 10.0.9.10
    snmp_version: "2c"
    community_file: /etc/fenced/secrets/pdu-1
nodes:
  node-1:
    levels:
      - [{device: pdu-1, target: "3"}]
`

// plugin drives installed agents. What they said of themselves is kept as long as their file is the same.
type plugin struct{}

// Describe says what it is. The kind is what the table and each agent's metadata say; a device tells its own.
func (plugin) Describe() sdk.Description {
	return sdk.Description{
		Name: "agent", Version: "0.1.0", Summary: "any installed ClusterLabs-style fence agent (fence_*)",
		Kind: sdk.Power, Actions: []sdk.Action{sdk.ActionOff, sdk.ActionOn, sdk.ActionDiag, sdk.ActionOnTarget},
		Effect: 90 * time.Second, Settle: time.Second, HoldUp: 5 * time.Second, Limit: 1, ExtraOptions: true, Sample: sample,
		Options: []sdk.Option{
			{Name: "agent", Required: true, Mapping: true, Help: "its name (in /usr/sbin) or absolute path"},
			{
				Name: "class", Type: sdk.Enum, Values: []string{"", "power", "storage", "delay"}, Mapping: true,
				Help: "what its success means, where you know better than the table; `kind` must say the same",
			},
			{
				Name: "accept_class", Type: sdk.Bool, Mapping: true,
				Help: "true: you vouch that the agent proves more than the table says, or that it cuts the power",
			},
		},
	}
}

// metadataTimeout bounds asking an agent what it is, beside the deadline of the call.
const metadataTimeout = 15 * time.Second

// Open checks the agent and every parameter against the agent's own metadata. It does not reach the device.
func (plugin) Open(ctx context.Context, _ string, o sdk.Options) (sdk.Device, error) {
	path, err := locate(o.String("agent"))
	if sdk.ClassOf(err) == sdk.ClassUnknown {
		err = sdk.Refused(err)
	}
	if err != nil {
		return nil, err
	}
	m, err := described.of(ctx, path)
	if err != nil {
		return nil, err
	}
	d := &device{path: path, meta: m, class: classify(path, m)}
	if d.class, err = d.class.overridden(path, m, sdk.Kind(o.String("class")), o.Bool("accept_class")); err != nil {
		return nil, err
	}
	if d.class.kind != sdk.Delay && (!m.can("off") || !m.can("status")) {
		return nil, sdk.Refused(fmt.Errorf("%s has no off or no status: it can only be of class delay", filepath.Base(path)))
	}
	if d.settings, err = m.resolve(o.Extra()); err != nil {
		return nil, err
	}
	if r, ok := reserves(path, m); ok {
		d.reserved = &r
		if _, err := disks(d.settings); err != nil {
			return nil, err
		}
		if err := r.lasting(m, d.settings); err != nil {
			return nil, err
		}
	}
	if err := d.named(d.settings); err != nil {
		return nil, err
	}
	return d, nil
}

// cache keeps what agents say of themselves, by file.
type cache struct {
	mu sync.Mutex
	m  map[string]cached
}

type cached struct {
	size  int64
	mtime time.Time
	meta  metadata
}

// maxCached bounds it; a process that drives more kinds of agents asks them again.
const maxCached = 256

var described = cache{m: map[string]cached{}}

func (c *cache) of(ctx context.Context, path string) (metadata, error) {
	info, err := os.Stat(path)
	if err != nil {
		return metadata{}, sdk.Refused(err)
	}
	c.mu.Lock()
	k, ok := c.m[path]
	c.mu.Unlock()
	if ok && k.size == info.Size() && k.mtime.Equal(info.ModTime()) {
		return k.meta, nil
	}
	m, err := ask(ctx, path)
	if err != nil {
		return m, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.m) >= maxCached {
		clear(c.m)
	}
	c.m[path] = cached{info.Size(), info.ModTime(), m}
	return m, nil
}

// ask runs action metadata. Its stderr is noise, and it exits with 0: with anything else even a whole document is not believed, and its words, which
// speak of time-outs and of what is required, are none of a failure.
func ask(ctx context.Context, path string) (metadata, error) {
	ctx, cancel := context.WithTimeout(ctx, metadataTimeout)
	defer cancel()
	name := filepath.Base(path)
	o, err := run(ctx, path, settings{}.input("metadata"))
	if err != nil {
		return metadata{}, startFailure(name, err)
	}
	if o.overran || o.signal != 0 || o.code != 0 {
		if bytes.Contains(o.stdout, []byte("<resource-agent")) {
			o.stdout = nil
		}
		return metadata{}, o.failure(name, "metadata", nil)
	}
	m, err := parseMetadata(o.stdout)
	if err != nil {
		return metadata{}, sdk.Refused(fmt.Errorf("%s: %w", name, err))
	}
	if m.Name == "" {
		m.Name = name
	}
	return m, nil
}

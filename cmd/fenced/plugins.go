package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/internal/config"
	fenced "github.com/fenced-project/fenced/internal/daemon"
	"github.com/fenced-project/fenced/plugins/host"
	"github.com/fenced-project/fenced/plugins/proto"
)

// startTimeout is how long a plugin may take to start when no daemon runs it; a test gives it what a busy machine takes.
var startTimeout = host.DefaultStartTimeout

// withHost gives f a plugin host of its own over a directory, with a run directory that goes with it.
func withHost(dir string, f func(*host.Host) error) error { return withSums(dir, nil, f) }

// withSums is withHost where the configuration demands SHA-256 sums, by plugin.
func withSums(dir string, sums map[string]string, f func(*host.Host) error) error {
	run, err := os.MkdirTemp("", "fenced-")
	if err != nil {
		return err
	}
	h, err := host.New(host.Config{Dir: dir, RunDir: run, StartTimeout: startTimeout, Checksums: sums})
	if err != nil {
		return errors.Join(err, os.RemoveAll(run))
	}
	return errors.Join(f(h), h.Close(), os.RemoveAll(run))
}

// listPlugins describes every plugin of a directory; one that cannot be used is listed with its error.
func listPlugins(ctx context.Context, dir string) ([]client.Plugin, error) {
	var out []client.Plugin
	return out, withHost(dir, func(h *host.Host) error {
		infos, err := h.Discover()
		if err != nil {
			return err
		}
		for _, i := range infos {
			p := client.Plugin{Name: i.Name, Path: i.Path, State: client.PluginDisabled, Error: strings.Join(i.Problems, "; ")}
			if p.Error == "" {
				d, err := h.Describe(ctx, i.Name)
				if p = fenced.PluginOf(i.Path, d); err != nil {
					p = client.Plugin{Name: i.Name, Path: i.Path, State: client.PluginDisabled, Error: err.Error()}
				}
				if p.Error == "" { // to ask it was to learn which of its files is used
					if p, err = described(h, i.Name, d); err != nil {
						return err
					}
				}
			}
			out = append(out, p)
		}
		return nil
	})
}

// described is a plugin that was started, with the files that are installed.
func described(h *host.Host, name string, d host.Description) (client.Plugin, error) {
	p := fenced.PluginOf("", d)
	infos, err := h.Discover()
	for _, i := range infos {
		if i.Name == name {
			p.Path = i.Path
			p.Versions = fenced.VersionsOf(i, i.Path)
		}
	}
	return p, err
}

// describePlugin describes a plugin by the path of its executable: where that names no version, the one that would be used of those beside it.
func describePlugin(ctx context.Context, path string) (out client.Plugin, err error) {
	name, isPlugin := strings.CutPrefix(filepath.Base(path), proto.FilePrefix)
	switch {
	case !isPlugin:
		return out, client.Errorf(client.CodeUsage, "%s is no plugin: its name does not begin with %s", path, proto.FilePrefix)
	case strings.Contains(name, "@"):
		return describeFile(ctx, path)
	}
	return out, withHost(filepath.Dir(path), func(h *host.Host) error {
		d, err := h.Describe(ctx, name)
		if err != nil {
			return err
		}
		out, err = described(h, name, d)
		return err
	})
}

// describeTimeout bounds asking one plugin what it is.
const describeTimeout = 8 * time.Second

// describer asks the plugins of a directory for the check of a configuration.
func describer(dir string) config.Describe {
	return func(plugin string) (host.Description, error) {
		ctx, cancel := context.WithTimeout(context.Background(), describeTimeout)
		defer cancel()
		var about host.Description
		err := withHost(dir, func(h *host.Host) (err error) {
			about, err = h.Describe(ctx, plugin)
			return err
		})
		return about, err
	}
}

// openTimeout bounds opening all devices of plugins that judge options themselves: each kind of agent is asked for its parameters once.
const openTimeout = 2 * time.Minute

// opener has the plugins of a directory judge the options that they do not list, for the check of a configuration. It reaches no device.
func opener(dir string) config.Open {
	return func(devices []host.DeviceConfig) (wrong map[string]error, err error) {
		ctx, cancel := context.WithTimeout(context.Background(), openTimeout)
		defer cancel()
		return wrong, withHost(dir, func(h *host.Host) error {
			wrong, err = opening(ctx, h)(devices)
			return err
		})
	}
}

// describeFile describes exactly this executable, whatever other versions lie beside it.
func describeFile(ctx context.Context, path string) (client.Plugin, error) {
	var out client.Plugin
	return out, withHost(filepath.Dir(path), func(h *host.Host) error {
		d, err := h.DescribeFile(ctx, path)
		out = fenced.PluginOf(path, d)
		return err
	})
}

// usedPlugin is the file of a plugin that a daemon would run: the best of those that are installed and start (V15). Where none can be run it is all
// of them, and none where none is installed. sum is what the configuration demands, "" for nothing.
func usedPlugin(ctx context.Context, dir, name, sum string) ([]string, error) {
	var files []string
	err := withSums(dir, map[string]string{name: sum}, func(h *host.Host) error {
		_, down := h.Describe(ctx, name) // to ask it is to learn which of its files is used
		infos, err := h.Discover()
		for _, i := range infos {
			switch {
			case i.Name != name:
			case down == nil:
				files = []string{filepath.Join(dir, filepath.Base(i.Path))}
			default:
				for _, v := range i.Versions {
					files = append(files, filepath.Join(dir, filepath.Base(v.Path)))
				}
			}
		}
		return err
	})
	return files, err
}

// verifyPlugin looks at one executable as the daemon does before each start, and starts it.
func verifyPlugin(ctx context.Context, path, sum string) client.PluginCheck {
	name, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(path), proto.FilePrefix), "@")
	out := client.PluginCheck{Name: name, Path: path}
	real, err := host.Verify(path, sum)
	if real != "" {
		if got, serr := host.Checksum(real); serr == nil {
			out.SHA256 = got
		}
	}
	if err != nil {
		out.Error = err.Error()
		return out
	}
	p, err := describeFile(ctx, path)
	if err != nil {
		out.Error = err.Error()
		return out
	}
	out.Version, out.Protocol, out.Checked = p.Version, p.Protocol, sum != ""
	return out
}

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/fenced-project/fenced/client"
	fenced "github.com/fenced-project/fenced/internal/daemon"
	"github.com/fenced-project/fenced/plugins/host"
	"github.com/fenced-project/fenced/plugins/proto"
)

// withHost gives f a plugin host of its own over a directory, with a run directory that goes with it.
func withHost(dir string, f func(*host.Host) error) error {
	run, err := os.MkdirTemp("", "fenced-")
	if err != nil {
		return err
	}
	h, err := host.New(host.Config{Dir: dir, RunDir: run})
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
			}
			out = append(out, p)
		}
		return nil
	})
}

// describePlugin describes one executable.
func describePlugin(ctx context.Context, path string) (client.Plugin, error) {
	var out client.Plugin
	name, ok := strings.CutPrefix(filepath.Base(path), proto.FilePrefix)
	if !ok {
		return out, client.Errorf(client.CodeUsage, "%s is no plugin: its name does not begin with %s", path, proto.FilePrefix)
	}
	return out, withHost(filepath.Dir(path), func(h *host.Host) error {
		d, err := h.Describe(ctx, name)
		out = fenced.PluginOf(path, d)
		return err
	})
}

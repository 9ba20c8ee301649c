package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/plugins/host"
	"github.com/fenced-project/fenced/plugins/proto"
)

// maxAgents bounds what the agent plugin may print, in bytes.
const maxAgents = 16 << 20

// listAgents asks the agent plugin for the fence agents that are installed. The plugin is checked like before every start (V15), and it is the file
// of it that a daemon would run.
func listAgents(ctx context.Context, path string, names []string) ([]client.Agent, error) {
	dir, plugin := filepath.Dir(path), strings.TrimPrefix(filepath.Base(path), proto.FilePrefix)
	var trusted string
	err := withHost(dir, func(h *host.Host) error {
		infos, err := h.Discover()
		if err != nil {
			return err
		}
		i := slices.IndexFunc(infos, func(i host.Info) bool { return i.Name == plugin })
		switch {
		case i < 0:
			return client.Errorf(client.CodeNoSuch, "there is no %s", path)
		case len(infos[i].Problems) > 0:
			return fmt.Errorf("cannot use %s: %s", path, strings.Join(infos[i].Problems, "; "))
		}
		about, err := h.Describe(ctx, plugin) // which of several files is used is known when they were asked
		if err != nil {
			return fmt.Errorf("cannot use %s: %w", path, err)
		}
		used, err := described(h, plugin, about)
		trusted = used.Path
		return err
	})
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, trusted, append([]string{"--agents=json"}, names...)...)
	cmd.WaitDelay = time.Second
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1 || out.Len() == 0) {
		return nil, fmt.Errorf("cannot ask %s for its agents: %w: %.300s", trusted, err, strings.TrimSpace(errs.String()))
	}
	if out.Len() > maxAgents {
		return nil, fmt.Errorf("%s prints %d bytes, more than %d", trusted, out.Len(), maxAgents)
	}
	var doc client.Agents
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
		return nil, fmt.Errorf("cannot read what %s says of its agents: %w", trusted, err)
	}
	return doc.Agents, nil
}

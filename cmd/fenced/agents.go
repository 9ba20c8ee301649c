package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/plugins/host"
	"github.com/fenced-project/fenced/plugins/proto"
)

// maxAgents bounds what the agent plugin may print, in bytes.
const maxAgents = 16 << 20

// listAgents asks the agent plugin for the fence agents that are installed. The plugin is checked like before every start (V15).
func listAgents(ctx context.Context, path string, names []string) ([]client.Agent, error) {
	var trusted string
	err := withHost(filepath.Dir(path), func(h *host.Host) error {
		infos, err := h.Discover()
		if err != nil {
			return err
		}
		for _, i := range infos {
			if proto.FilePrefix+i.Name != filepath.Base(path) {
				continue
			}
			if len(i.Problems) > 0 {
				return fmt.Errorf("cannot use %s: %s", path, strings.Join(i.Problems, "; "))
			}
			trusted = i.Path
			return nil
		}
		return client.Errorf(client.CodeNoSuch, "there is no %s", path)
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

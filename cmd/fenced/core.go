package main

import (
	"path/filepath"

	"github.com/fenced-project/fenced/internal/config"
	fenced "github.com/fenced-project/fenced/internal/daemon"
)

// coreLooks is how each core process of a configuration is looked at: a unit by systemd, a pid file below the system root.
func coreLooks(c *config.Config) []fenced.Core {
	var out []fenced.Core
	for _, core := range c.Cores {
		look := fenced.UnitLook(core.Name)
		if core.Process != "" {
			look = fenced.PIDFileLook(filepath.Join(c.SystemRoot, core.Name), core.Process)
		}
		out = append(out, fenced.Core{Name: core.Name, Look: look})
	}
	return out
}

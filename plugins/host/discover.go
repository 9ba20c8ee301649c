package host

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/fenced-project/fenced/plugins/proto"
)

// Info is one plugin file of the plugin directory.
type Info struct {
	Name string
	Path string
	// Problems say why it is not run; such a plugin is out, and the host goes on without it.
	Problems []string
}

// Discover lists the plugins of the directory by name, runs none of them, and logs each problem. It fails only if the directory cannot
// be read.
func (h *Host) Discover() ([]Info, error) {
	entries, err := os.ReadDir(h.config.Dir)
	if err != nil {
		return nil, fmt.Errorf("cannot list plugins: %w", err)
	}
	var out []Info
	for _, e := range entries {
		name, ok := strings.CutPrefix(e.Name(), proto.FilePrefix)
		if !ok {
			continue
		}
		info := Info{Name: name, Path: filepath.Join(h.config.Dir, e.Name())}
		if !pluginName.MatchString(name) {
			info.Problems = append(info.Problems, fmt.Sprintf("the name %q must be of a-z, 0-9 and -", line(name)))
		}
		if _, err := verify(info.Path, h.config.Checksums[name]); err != nil {
			info.Problems = append(info.Problems, err.Error())
		}
		for _, p := range info.Problems {
			h.log.Error("plugin is not used", "plugin", name, "problem", p)
		}
		out = append(out, info)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out, nil
}

// path returns the verified path of a plugin.
func (h *Host) path(plugin string) (string, error) {
	if !pluginName.MatchString(plugin) {
		return "", fmt.Errorf("%q is no plugin's name", line(plugin))
	}
	return verify(filepath.Join(h.config.Dir, proto.FilePrefix+plugin), h.config.Checksums[plugin])
}

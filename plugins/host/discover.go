package host

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/fenced-project/fenced/plugins/proto"
)

// Info is one plugin: of the plugin directory, or needed by a device.
type Info struct {
	Name string
	Path string
	// Problems say why it is not run; such a plugin is out, and the host goes on without it.
	Problems []string
}

// Discover lists the plugins of the directory, and those that devices need, by name. It runs none of them, and logs each problem when it is
// new. It fails only if the directory cannot be read.
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
		if _, err := Verify(info.Path, h.config.Checksums[name]); err != nil {
			info.Problems = append(info.Problems, err.Error())
		}
		out = append(out, info)
	}
	out = h.needed(out)
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	h.tell(out)
	return out, nil
}

// needed adds to what lies in the directory what is wrong with the plugins that devices need: one that has no file, one that does not start.
func (h *Host) needed(infos []Info) []Info {
	h.mu.Lock()
	need := map[string][]*lane{}
	for key, l := range h.lanes {
		need[key.plugin] = append(need[key.plugin], l)
	}
	h.mu.Unlock()
	for i := range infos {
		if down := why(need[infos[i].Name]); down != "" && len(infos[i].Problems) == 0 {
			infos[i].Problems = append(infos[i].Problems, down)
		}
		delete(need, infos[i].Name)
	}
	for name := range need {
		infos = append(infos, Info{
			Name: name, Path: filepath.Join(h.config.Dir, proto.FilePrefix+name), Problems: []string{"devices need it, and its file is not there"},
		})
	}
	return infos
}

// why is what keeps one of these lanes from running, "" if all run or have not tried yet.
func why(lanes []*lane) string {
	var all []string
	for _, l := range lanes {
		l.mu.Lock()
		if l.down != nil {
			all = append(all, l.down.Error())
		}
		l.mu.Unlock()
	}
	if len(all) == 0 {
		return ""
	}
	sort.Strings(all)
	return all[0]
}

// tell logs the problems that were not there when it was last asked.
func (h *Host) tell(infos []Info) {
	h.mu.Lock()
	told := h.told
	h.told = map[string]string{}
	for _, i := range infos {
		h.told[i.Name] = strings.Join(i.Problems, "; ")
	}
	h.mu.Unlock()
	for _, i := range infos {
		if text := strings.Join(i.Problems, "; "); text != "" && told[i.Name] != text {
			h.log.Error("plugin is not used", "plugin", i.Name, "problem", text)
		}
	}
}

// path returns the verified path of a plugin.
func (h *Host) path(plugin string) (string, error) {
	return h.verified(plugin, h.config.Checksums[plugin])
}

// trustedPath is path without the checksum, which takes longer than what is done every few seconds may.
func (h *Host) trustedPath(plugin string) (string, error) { return h.verified(plugin, "") }

func (h *Host) verified(plugin, checksum string) (string, error) {
	if !pluginName.MatchString(plugin) {
		return "", fmt.Errorf("%q is no plugin's name", line(plugin))
	}
	return Verify(filepath.Join(h.config.Dir, proto.FilePrefix+plugin), checksum)
}

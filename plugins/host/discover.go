package host

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/fenced-project/fenced/plugins/proto"
)

// Info is one plugin: of the plugin directory, or needed by a device.
type Info struct {
	Name string
	// Path is the file that is used, of several the highest version that can be.
	Path string
	// Versions are all of its files that are installed, the best first.
	Versions []Version
	// Devices are those that need it; Restarts counts how often a process of it was started again.
	Devices  []string
	Restarts int
	// Problems say why it is not run; such a plugin is out, and the host goes on without it.
	Problems []string
}

// Version is one installed file of a plugin.
type Version struct {
	Path string
	// Version is that of its name, or what it said when it was started last; "" where it never was.
	Version string
	// Problem says why it is not used, "" where nothing keeps it from it.
	Problem string
}

// Discover lists the plugins of the directory, and those that devices need, by name. It runs none of them, and logs each problem when it is
// new. It fails only if the directory cannot be read.
func (h *Host) Discover() ([]Info, error) {
	entries, err := os.ReadDir(h.config.Dir)
	if err != nil {
		return nil, fmt.Errorf("cannot list plugins: %w", err)
	}
	var out []Info
	seen := map[string]bool{}
	for _, e := range entries {
		name, _, ok := split(e.Name())
		if !ok || seen[name] {
			continue
		}
		seen[name] = true
		out = append(out, h.info(name, e.Name()))
	}
	out = h.needed(out)
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	h.tell(out)
	return out, nil
}

// info is what is known of one plugin; file is the first of its files.
func (h *Host) info(name, file string) Info {
	out := Info{Name: name, Path: filepath.Join(h.config.Dir, file)}
	files, err := h.files(name, h.checksum(name))
	if err != nil {
		out.Problems = []string{cmp.Or(misnamed(file), err).Error()}
		return out
	}
	able := false
	for _, f := range files {
		able = able || f.usable() || f.retry
		v := Version{Path: f.path, Version: f.version}
		if f.err != nil {
			v.Problem = f.err.Error()
		}
		out.Versions = append(out.Versions, v)
	}
	if len(files) > 0 {
		out.Path = files[0].path
	}
	if !able {
		for _, v := range out.Versions {
			out.Problems = append(out.Problems, v.Problem)
		}
	}
	return out
}

// needed adds to what lies in the directory what is wrong with the plugins that devices need: one that has no file, one that does not start.
func (h *Host) needed(infos []Info) []Info {
	h.mu.Lock()
	need := map[string][]*lane{}
	for key, l := range h.lanes {
		need[key.plugin] = append(need[key.plugin], l)
	}
	users := map[string][]string{}
	for name, d := range h.devices {
		users[d.config.Plugin] = append(users[d.config.Plugin], name)
	}
	h.mu.Unlock()
	for name := range users {
		slices.Sort(users[name])
	}
	for i := range infos {
		infos[i].Devices, infos[i].Restarts = users[infos[i].Name], restarts(need[infos[i].Name])
		if down := why(need[infos[i].Name]); down != "" && len(infos[i].Problems) == 0 {
			infos[i].Problems = append(infos[i].Problems, down)
		}
		delete(need, infos[i].Name)
	}
	for name := range need {
		infos = append(infos, Info{
			Name: name, Path: filepath.Join(h.config.Dir, proto.FilePrefix+name), Devices: users[name],
			Problems: []string{"devices need it, and its file is not there"},
		})
	}
	return infos
}

// restarts is how often processes of these lanes were started again, well or badly.
func restarts(lanes []*lane) int {
	n := 0
	for _, l := range lanes {
		l.mu.Lock()
		n += max(0, l.starts-1)
		l.mu.Unlock()
	}
	return n
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
	type problem struct{ key, message, plugin, text string }
	var all []problem
	for _, i := range infos {
		all = append(all, problem{i.Name, "plugin is not used", i.Name, strings.Join(i.Problems, "; ")})
		if len(i.Problems) > 0 {
			continue
		}
		for _, v := range i.Versions {
			all = append(all, problem{v.Path, "a version of the plugin is not used", i.Name, v.Problem})
		}
	}
	h.mu.Lock()
	told := h.told
	h.told = map[string]string{}
	for _, p := range all {
		h.told[p.key] = p.text
	}
	h.mu.Unlock()
	for _, p := range all {
		if p.text != "" && told[p.key] != p.text {
			h.log.Error(p.message, "plugin", p.plugin, "problem", p.text)
		}
	}
}

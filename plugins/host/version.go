package host

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/semver"

	"github.com/fenced-project/fenced/plugins/proto"
)

// Several versions of a plugin may be installed: fenced-plugin-NAME and any number of fenced-plugin-NAME@VERSION. The highest that may be run
// and that starts, which it does only if it speaks a version of the protocol that this host speaks, is the one that is used.

// installed is one file of a plugin.
type installed struct {
	path string
	// version is that of the file's name; where that has none, what it said when it was started last; "" until then.
	version string
	// err says why it is not used: who can change it, its checksum, or why it did not start the last time.
	err error
	// retry: it may be run, and did not start; where nothing else is there it is tried again.
	retry bool
}

func (f installed) usable() bool { return f.err == nil }

// learned is what the last start of a file taught: it holds for this content of the file only.
type learned struct {
	file    stamp
	version string
	err     error  // why it did not start
	final   bool   // it never will: its checksum is another
	sum     string // the one that was demanded then; another demand is another question
	at      time.Time
}

// secondChance is how long a version that did not start is passed over while another one runs.
const secondChance = time.Minute

// split takes the name of a plugin's file apart; named is false for a file that is no plugin's.
func split(file string) (plugin, version string, named bool) {
	rest, named := strings.CutPrefix(file, proto.FilePrefix)
	plugin, version, _ = strings.Cut(rest, "@")
	return plugin, version, named
}

// misnamed says what is wrong with the name of a plugin's file.
func misnamed(file string) error {
	plugin, version, _ := split(file)
	switch {
	case !pluginName.MatchString(plugin):
		return fmt.Errorf("the name %q must be of a-z, 0-9 and -", line(plugin))
	case strings.Contains(file, "@") && !semver.IsValid("v"+version):
		return fmt.Errorf("%q is no version, it must be like 1.2.3", line(version))
	}
	return nil
}

// files lists the installed files of a plugin, the best first: those that can be used before those that cannot, and by version. What is not
// known yet comes before all: to start it is the way to know. checksum is that of the configuration, "" where it is not to be looked at.
func (h *Host) files(plugin, checksum string) ([]installed, error) {
	if !pluginName.MatchString(plugin) {
		return nil, fmt.Errorf("%q is no plugin's name", line(plugin))
	}
	entries, err := os.ReadDir(h.config.Dir)
	if err != nil {
		return nil, fmt.Errorf("cannot list plugins: %w", err)
	}
	var out []installed
	for _, e := range entries {
		if name, _, ok := split(e.Name()); ok && name == plugin {
			out = append(out, h.look(e.Name(), checksum))
		}
	}
	slices.SortStableFunc(out, func(a, b installed) int {
		return cmp.Or(
			before(a.usable(), b.usable()), before(a.retry, b.retry), before(a.version == "", b.version == ""),
			semver.Compare("v"+b.version, "v"+a.version),
		)
	})
	return out, nil
}

// before puts what a rule holds for in front of what it does not hold for.
func before(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// look says what is known of one file of the directory.
func (h *Host) look(name, checksum string) installed {
	f := installed{path: filepath.Join(h.config.Dir, name)}
	_, f.version, _ = split(name)
	if f.err = misnamed(name); f.err != nil {
		return f
	}
	real, err := Verify(f.path, "")
	if err != nil {
		f.err = err
		return f
	}
	file, err := stampOf(real)
	if err != nil {
		f.err = err
		return f
	}
	if checksum != "" {
		if f.err = checkSum(real, checksum); f.err != nil {
			h.learn(f.path, learned{file: file, err: f.err, final: true, sum: checksum})
			return f
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.learned[f.path]
	if l.file != file {
		return f
	}
	f.version = cmp.Or(f.version, l.version)
	if plugin, _, _ := split(name); l.sum != "" && l.sum != h.checksums[plugin] {
		return f
	}
	if l.err != nil && (l.final || time.Since(l.at) < secondChance) {
		f.err, f.retry = l.err, !l.final
	}
	return f
}

// learn notes how the start of a file ended.
func (h *Host) learn(path string, l learned) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l.err != nil && h.learned[path].file == l.file {
		l.version = cmp.Or(l.version, h.learned[path].version)
	}
	l.at = time.Now()
	h.learned[path] = l
}

// forgive gives every version of a plugin its chance at once.
func (h *Host) forgive(plugin string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for path := range h.learned {
		if name, _, _ := split(filepath.Base(path)); name == plugin {
			delete(h.learned, path)
		}
	}
}

// outdated reports whether another file should run in the place of process p: a higher version, or one whose version is not known yet.
func (p *process) outdated() bool {
	all, err := p.host.files(p.plugin, "")
	if err != nil || len(all) == 0 {
		return false
	}
	best := all[0]
	return best.path != p.path && best.usable() && (best.version == "" || semver.Compare("v"+best.version, "v"+p.about.Version) > 0)
}

package residual

import (
	"bytes"
	"path"
	"strings"
)

// ProbeMD is the probe of clustered md arrays.
const ProbeMD = "md"

// mdProbe finds assembled arrays whose bitmap is a clustered one. An array is local if its bitmap says so, or if it has none: a clustered array
// cannot be without. What /proc/mdstat names and sysfs does not show is proven neither way.
func mdProbe(l *look) []Finding {
	if f, ok := l.open(ProbeMD); !ok {
		return []Finding{f}
	}
	defer l.close()
	var found []Finding
	names, err := l.blocks()
	if err != nil {
		found = append(found, l.unreadable(ProbeMD, blockDir, err))
	}
	seen := map[string]bool{}
	for _, n := range names {
		if !strings.HasPrefix(n, "md") {
			continue
		}
		seen[n] = true
		if f, counts := l.array(n); counts {
			found = append(found, f)
		}
	}
	b, err := l.read("proc/mdstat", maxTable)
	if err != nil {
		if !gone(err) || l.dangling("proc/mdstat") {
			found = append(found, l.unreadable(ProbeMD, "proc/mdstat", err))
		}
		return found // md is not in this kernel
	}
	for _, n := range parseMDStat(b) {
		if !seen[n] {
			found = append(found, l.unknown(ProbeMD, l.path("proc/mdstat"), "array "+printable(n)+" is not in sysfs, so nothing proves that it is local", false))
		}
	}
	return found
}

func (l *look) array(name string) (Finding, bool) {
	p := path.Join(blockDir, name, "md")
	dir, err := l.list(p)
	if err != nil {
		return l.unreadable(ProbeMD, p, err), true
	}
	bitmap := false
	for _, e := range dir {
		bitmap = bitmap || e.Name() == "bitmap"
	}
	if !bitmap { // no array at all, or one without a bitmap
		return Finding{}, false
	}
	kind, err := l.value(path.Join(p, "bitmap/metadata"))
	switch {
	case err == nil && (kind == "internal" || kind == "external"):
		return Finding{}, false
	case err == nil && kind == "clustered":
		return Finding{
			Probe: ProbeMD, Path: printable(l.path(p)), Class: ClassState, Reset: true,
			What: "clustered md array " + printable(name), Why: "it is assembled and no daemon of ours controls it",
		}, true
	case err != nil:
		return l.unreadable(ProbeMD, path.Join(p, "bitmap/metadata"), err), true
	}
	return l.unknown(ProbeMD, l.path(p), "its bitmap is "+printable(kind)+", which is not known to be local", false), true
}

// parseMDStat returns the names of the arrays in /proc/mdstat: NAME : active raid1 sdb1[1] sda1[0].
func parseMDStat(b []byte) []string {
	var names []string
	for line := range bytes.Lines(b) {
		name, rest, ok := bytes.Cut(line, []byte(" : "))
		if !ok || len(name) == 0 || name[0] == ' ' || name[0] == '\t' || bytes.HasPrefix(line, []byte("Personalities")) {
			continue
		}
		if bytes.HasPrefix(rest, []byte("active")) || bytes.HasPrefix(rest, []byte("inactive")) {
			names = append(names, string(name))
		}
	}
	return names
}

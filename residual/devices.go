package residual

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"syscall"
)

// ProbeDevices is the probe of who uses the shared devices that the configuration names.
const ProbeDevices = "devices"

// shared is one configured device with everything that stands on it: its partitions, and what device-mapper or md made of it.
type shared struct {
	path   string // as configured
	blocks []string
	devs   map[string]bool // major:minor
	nodes  map[string]bool // /dev/...
}

var errDepth = fmt.Errorf("devices on devices, deeper than %d", maxDepth)

// devicesProbe finds programs that have a shared device open for writing, file systems of any type that are mounted from it, and locks on their files.
// Who only reads is a hint: daemons watch the paths to a disk all the time.
func devicesProbe(l *look) []Finding {
	if len(l.o.Devices) == 0 {
		return nil
	}
	if f, ok := l.open(ProbeDevices); !ok {
		return []Finding{f}
	}
	defer l.close()
	var found []Finding
	var all []*shared
	for _, p := range l.o.Devices {
		s, err := l.shared(p)
		switch {
		case err != nil && errors.Is(err, fs.ErrNotExist):
			found = append(found, Finding{Probe: ProbeDevices, Path: printable(p), Class: ClassHint, What: "shared device " + printable(p), Why: "the configuration names it and it is not there"})
		case err != nil:
			found = append(found, l.unreadable(ProbeDevices, strings.TrimPrefix(p, "/"), err))
		default:
			all = append(all, s)
		}
	}
	if len(all) == 0 {
		return found
	}
	found = append(found, l.openers(all)...)
	found = append(found, l.mountsOf(all)...)
	return append(found, l.lockers(all)...)
}

// shared resolves a configured path by its links alone and asks sysfs for the rest: nothing is opened, because opening a disk may hang.
func (l *look) shared(p string) (*shared, error) {
	at := strings.TrimPrefix(path.Clean("/"+p), "/")
	for depth := 0; ; depth++ {
		target, err := l.link(at)
		if absent(err) || errors.Is(err, syscall.EINVAL) {
			break // no link, or not there: sysfs knows
		}
		if err == nil && depth == maxDepth {
			err = &fs.PathError{Op: "readlink", Path: at, Err: syscall.ELOOP}
		}
		if err != nil { // what it leads to may be there, and in use
			return nil, err
		}
		if !path.IsAbs(target) {
			target = path.Join("/", path.Dir(at), target) // above the root is the root
		}
		at = strings.TrimPrefix(path.Clean(target), "/")
	}
	s := &shared{path: p, devs: map[string]bool{}, nodes: map[string]bool{"/" + at: true, path.Clean("/" + p): true}}
	name, err := l.blockOf(at)
	if err != nil {
		return nil, err
	}
	return s, l.above(s, name, 0)
}

// blockOf is the kernel's name of a device's node; a node of device-mapper's own directory is found by its name.
func (l *look) blockOf(at string) (string, error) {
	mapped, ok := strings.CutPrefix(at, "dev/mapper/")
	if !ok {
		return strings.ReplaceAll(strings.TrimPrefix(at, "dev/"), "/", "!"), nil
	}
	all, err := l.mappings()
	for _, m := range all {
		if m.name == mapped {
			return m.block, nil
		}
	}
	if err == nil {
		err = &fs.PathError{Op: "find", Path: at, Err: fs.ErrNotExist}
	}
	return "", err
}

// above adds a device, its partitions and what stands on it.
func (l *look) above(s *shared, name string, depth int) error {
	p := path.Join("sys/class/block", name)
	dev, err := l.value(path.Join(p, "dev"))
	if err != nil || s.devs[dev] {
		return err
	}
	if depth > maxDepth {
		return errDepth
	}
	s.blocks = append(s.blocks, name)
	s.devs[dev], s.nodes["/"+node(name)] = true, true
	if mapped, err := l.value(path.Join(p, "dm/name")); err == nil {
		s.nodes["/dev/mapper/"+mapped] = true
	}
	next, err := l.related(name, "holders")
	if err != nil {
		return err
	}
	parts, err := l.list(p)
	if err != nil {
		return err
	}
	for _, e := range parts {
		if strings.HasPrefix(e.Name(), name) && l.dangling(path.Join(p, e.Name(), "partition")) {
			next = append(next, e.Name())
		}
	}
	for _, n := range next {
		if err := l.above(s, n, depth+1); err != nil && !gone(err) {
			return err
		}
	}
	return nil
}

func (l *look) usedBy(s *shared, what, why string, class Class, holders ...Holder) Finding {
	return Finding{Probe: ProbeDevices, Path: printable(s.path), Class: class, What: what, Why: why, Holders: holders, Reset: true}
}

// mountsOf finds mounted file systems of the devices, of any type, in all namespaces.
func (l *look) mountsOf(all []*shared) []Finding {
	spaces, blind := l.namespaces()
	var found []Finding
	if blind != nil {
		blind.Probe = ProbeDevices
		found = append(found, *blind)
	}
	seen := map[string]bool{}
	for _, space := range spaces {
		b, by, _, err := l.table(space)
		if err == nil {
			err = parseMountinfo(b, func(m mount) {
				for _, s := range all {
					if key := s.path + m.point; (s.devs[m.dev] || s.nodes[m.source]) && !seen[key] {
						seen[key] = true
						found = append(found, l.usedBy(s, printable(m.fstype)+" mounted on "+printable(m.point), "a file system of a shared device is mounted", ClassState, l.holder(by.pid)))
					}
				}
			})
		}
		if err != nil {
			found = append(found, l.unreadable(ProbeDevices, by.dir+"mountinfo", err))
		}
	}
	return found
}

package layers

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"
)

// Package is what go list says of one package.
type Package struct {
	ImportPath string
	Dir        string
	Name       string
	GoFiles    []string
	Imports    []string
	Deps       []string
	Export     string
	Standard   bool
	Module     *struct{ Path string }
	// Rel is the path inside the module, or inside the tree of a canary.
	Rel string `json:"-"`
}

// List asks go list about patterns, in dir, and sets Rel relative to prefix (the module's path, or a canary's).
func List(dir, prefix string, args ...string) ([]Package, error) {
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Dir,Name,GoFiles,Imports,Deps,Export,Standard,Module"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return nil, fmt.Errorf("go list %v: %w: %s", args, err, exit.Stderr)
		}
		return nil, err
	}
	var ps []Package
	d := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p Package
		if err := d.Decode(&p); err == io.EOF {
			return ps, nil
		} else if err != nil {
			return nil, fmt.Errorf("cannot understand go list: %w", err)
		}
		p.Rel = strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, prefix), "/")
		ps = append(ps, p)
	}
}

// CheckImports refuses every import between rooms that the table does not allow, and every package without a room.
func (t Table) CheckImports(module string, ps []Package) []error {
	var errs []error
	for _, p := range ps {
		room, ok := t.Room(p.Rel)
		if !ok {
			errs = append(errs, fmt.Errorf("%s has no room in test/layers.txt: say what it may import and why", p.Rel))
			continue
		}
		for _, imp := range p.Imports {
			rel, ours := strings.CutPrefix(imp, module+"/")
			if !ours {
				continue
			}
			if err := t.mayImport(room, p.Rel, rel); err != nil {
				errs = append(errs, err)
			}
		}
	}
	return errs
}

func (t Table) mayImport(room Rule, from, to string) error {
	target, ok := t.Room(to)
	if !ok {
		return fmt.Errorf("%s imports %s, which has no room in test/layers.txt", from, to)
	}
	if strings.HasPrefix(to, from+"/") || sameRoom(room, target, from, to) {
		return nil
	}
	if only, ok := t.best("only", to); ok && !anyRoom(only.Names, from) {
		return fmt.Errorf("%s may not import %s, only %s may: %s", from, to, strings.Join(only.Names, " and "), only.Why)
	}
	if slices.Contains(room.Names, "*") || slices.Contains(room.Names, target.Room) || slices.Contains(room.Names, to) {
		return nil
	}
	return fmt.Errorf("%s may not import %s: %s", from, to, room.Why)
}

// sameRoom reports whether two packages are of one room; with a `*` in its name they must also agree on what it stands for.
func sameRoom(a, b Rule, from, to string) bool {
	if a.Room != b.Room {
		return false
	}
	n := len(strings.Split(a.Room, "/"))
	return slices.Equal(strings.Split(from, "/")[:n], strings.Split(to, "/")[:n])
}

func anyRoom(rooms []string, pkg string) bool {
	return slices.ContainsFunc(rooms, func(r string) bool { return match(r, pkg) >= 0 })
}

// CheckNever refuses dependencies, also indirect ones, that a room may not carry.
func (t Table) CheckNever(ps []Package) []error {
	var errs []error
	for _, r := range t {
		if r.Kind != "never" {
			continue
		}
		for _, p := range ps {
			if match(r.Room, p.Rel) < 0 {
				continue
			}
			for _, n := range r.Names {
				carries := func(d string) bool { return d == n || strings.HasPrefix(d, n+"/") }
				if i := slices.IndexFunc(p.Deps, carries); i >= 0 {
					errs = append(errs, fmt.Errorf("%s depends on %s: %s", p.Rel, p.Deps[i], r.Why))
				}
			}
		}
	}
	return errs
}

// CheckCarry compares the modules of ps, a room with everything that it depends on, with those that the table lists for it.
func (t Table) CheckCarry(module, room string, ps []Package) []error {
	listed, seen := map[string]bool{}, map[string]bool{}
	for _, r := range t {
		if r.Kind == "carry" && r.Room == room {
			for _, n := range r.Names {
				listed[n] = true
			}
		}
	}
	var errs []error
	for _, p := range ps {
		if p.Module == nil || p.Module.Path == module || seen[p.Module.Path] {
			continue
		}
		seen[p.Module.Path] = true
		if !listed[p.Module.Path] {
			errs = append(errs, fmt.Errorf("%s depends on %s (%s), which the table does not list: everybody who uses it gets it too", room, p.Module.Path, p.ImportPath))
		}
	}
	for _, n := range slices.Sorted(maps.Keys(listed)) {
		if !seen[n] {
			errs = append(errs, fmt.Errorf("%s does not depend on %s any more: take it from the table", room, n))
		}
	}
	return errs
}

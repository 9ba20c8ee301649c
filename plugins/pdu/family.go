package main

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/fenced-project/fenced/plugins/sdk"
	"github.com/fenced-project/fenced/plugins/trust"
)

//go:embed families/*.yaml
var bundled embed.FS

// family is one kind of device: which objects say the state of an outlet, and which one switches it.
type family struct {
	Name  string `yaml:"name"`
	Title string `yaml:"title"`
	// Kind is power or storage: what off means (R18).
	Kind sdk.Kind `yaml:"kind"`
	// Status is tested, where an oracle was there, or untested. Oracle says what this table was held against.
	Status string `yaml:"status"`
	Oracle string `yaml:"oracle"`
	// Identify are the values of sysObjectID by which a device is of this family; none: it is used only where it is named.
	Identify []string `yaml:"identify"`
	// Named keeps a family that could be recognised from being chosen by itself: another one is, for the same device.
	Named bool `yaml:"named"`
	// First is the number of the first outlet in the objects; people count from 1.
	First *int `yaml:"first"`
	// Read are the objects of the state. Off counts only if all of them say off; on is what the first says.
	Read  []readObject `yaml:"read"`
	Write writeObject  `yaml:"write"`
	// Names is the column with the outlets' names, "" where there is none.
	Names pattern `yaml:"names"`
}

type readObject struct {
	OID pattern `yaml:"oid"`
	On  []int   `yaml:"on"`
	Off []int   `yaml:"off"`
}

// writeObject holds the immediate commands; delayed ones are no use for fencing.
type writeObject struct {
	OID pattern `yaml:"oid"`
	On  int     `yaml:"on"`
	Off int     `yaml:"off"`
}

const (
	tested   = "tested"
	untested = "untested"
	// maxFamily bounds one file, in bytes; maxFamilies how many a directory may hold.
	maxFamily   = 64 << 10
	maxFamilies = 256
)

// families are those of a directory, and behind them those that come with the plugin: who writes a file for a device means it, so it goes
// before one of ours that has its name, or recognises the same device.
func families(dir string) ([]family, error) {
	ours, err := shipped()
	if err != nil || dir == "" {
		return ours, err
	}
	own, err := dropped(dir)
	if err != nil {
		return nil, err
	}
	return append(own, slices.DeleteFunc(ours, func(f family) bool { return slices.ContainsFunc(own, func(g family) bool { return f.Name == g.Name }) })...), nil
}

// shipped are the families that come with the plugin.
func shipped() ([]family, error) {
	entries, err := bundled.ReadDir("families")
	if err != nil {
		return nil, err
	}
	out := make([]family, 0, len(entries))
	for _, e := range entries {
		b, err := bundled.ReadFile("families/" + e.Name())
		if err != nil {
			return nil, err
		}
		f, err := parseFamily(b)
		if err != nil {
			return nil, fmt.Errorf("families/%s: %w", e.Name(), err)
		}
		out = append(out, f)
	}
	return out, unambiguous(out)
}

// dropped are the families that an administrator put into a directory. A table says what a command means, so nobody else may change it, put one
// beside it or take it away (V15).
func dropped(dir string) ([]family, error) {
	dir, err := trust.Directory(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot use the families of a directory: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".yaml" {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	if len(paths) > maxFamilies {
		return nil, fmt.Errorf("%s holds %d families, at most %d are read", dir, len(paths), maxFamilies)
	}
	out := make([]family, 0, len(paths))
	for _, p := range paths {
		f, err := readFamily(p)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	if err := unambiguous(out); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return out, nil
}

// unambiguous refuses families of one source of which a name, or a device, could mean two.
func unambiguous(all []family) error {
	names, devices := map[string]bool{}, map[string]string{}
	for _, f := range all {
		if names[f.Name] {
			return fmt.Errorf("there are two families %s", f.Name)
		}
		names[f.Name] = true
		if f.Named {
			continue
		}
		for _, id := range f.Identify {
			if other, ok := devices[id]; ok {
				return fmt.Errorf("families %s and %s recognise the same device, %s: write `named: true` into one of them", other, f.Name, id)
			}
			devices[id] = f.Name
		}
	}
	return nil
}

func readFamily(path string) (family, error) {
	real, err := trust.File(path)
	if err != nil {
		return family{}, fmt.Errorf("cannot use the family in %s: %w", path, err)
	}
	info, err := os.Stat(real)
	if err != nil {
		return family{}, err
	}
	if info.Size() > maxFamily {
		return family{}, fmt.Errorf("%s has %d bytes, a family has at most %d", path, info.Size(), maxFamily)
	}
	b, err := os.ReadFile(real)
	if err != nil {
		return family{}, err
	}
	f, err := parseFamily(b)
	if err != nil {
		return f, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// parseFamily reads one file, strictly. Its errors say line and column. The decoder panics at some nonsense (a fuzzer's find): that is nonsense too.
func parseFamily(b []byte) (f family, err error) {
	defer func() {
		if p := recover(); p != nil {
			f, err = family{}, fmt.Errorf("cannot read it: the YAML decoder fails at it: %.400v", p)
		}
	}()
	d := yaml.NewDecoder(bytes.NewReader(b), yaml.Strict())
	if err := d.Decode(&f); err != nil {
		return f, fmt.Errorf("cannot read it: %.400s", err.Error())
	}
	if f.Title == "" {
		f.Title = f.Name
	}
	for i, id := range f.Identify { // as the device's answer is written: with or without the dot it is one object
		f.Identify[i] = "." + strings.TrimPrefix(id, ".")
	}
	return f, f.check()
}

// check refuses a table that could switch or believe the wrong thing.
func (f family) check() error {
	var problems []string
	bad := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if f.Name == "" || strings.Trim(f.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		bad("name %q must be of a-z, 0-9 and -", f.Name)
	}
	if f.Kind != sdk.Power && f.Kind != sdk.Storage {
		bad("kind %q must be power or storage", f.Kind)
	}
	if f.Status != tested && f.Status != untested || f.Status == tested && f.Oracle == "" {
		bad("status must be tested, with an oracle, or untested")
	}
	if len(f.Read) == 0 || len(f.Read) > 8 {
		bad("read must name one to eight objects")
	}
	parts := f.Write.OID.parts()
	if err := f.Write.OID.check(); err != nil || parts == 0 {
		bad("write: an object with {1} is needed: %v", err)
	}
	if f.Write.On == f.Write.Off {
		bad("write: on and off are the same command")
	}
	for i, r := range f.Read {
		if err := r.OID.check(); err != nil || r.OID.parts() != parts {
			bad("read %d: it must be an object with the same {1} as write: %v", i+1, err)
		}
		if len(r.Off) == 0 || i == 0 && len(r.On) == 0 {
			bad("read %d: no value means off, or on", i+1)
		}
		for _, v := range r.Off {
			if slices.Contains(r.On, v) {
				bad("read %d: %d means on and off", i+1, v)
			}
		}
	}
	if err := f.Names.check(); f.Names != "" && (err != nil || f.Names.parts() != parts) {
		bad("names: it must be an object with the same {1} as write: %v", err)
	}
	for _, id := range f.Identify {
		if pattern(id).check() != nil || pattern(id).parts() != 0 {
			bad("identify: %q is no OID", id)
		}
	}
	if len(problems) > 0 {
		return errors.New(strings.Join(problems, "; "))
	}
	return nil
}

// first is the number of the first outlet.
func (f family) first() int {
	if f.First == nil {
		return 1
	}
	return *f.First
}

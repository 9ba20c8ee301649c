package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/fenced-project/fenced/plugins/sdk"
)

// found is an installed agent.
type found struct {
	Name    string   `json:"name"`
	Path    string   `json:"path"`
	Class   sdk.Kind `json:"class,omitempty"`
	Why     string   `json:"why,omitempty"`
	Summary string   `json:"summary,omitempty"`
	Actions []string `json:"actions,omitempty"`
	// OnTarget: it does on only on the machine that it is about. Automatic: a node must do it when it joins.
	OnTarget  bool     `json:"on_target,omitempty"`
	Automatic bool     `json:"automatic,omitempty"`
	Options   []option `json:"options,omitempty"`
	Sample    string   `json:"sample,omitempty"`
	Error     string   `json:"error,omitempty"`
}

type option struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Required bool     `json:"required,omitempty"`
	Secret   bool     `json:"secret,omitempty"`
	Default  string   `json:"default,omitempty"`
	Values   []string `json:"values,omitempty"`
	Help     string   `json:"help,omitempty"`
}

// surveyTimeout bounds one agent: some import half of a cloud.
const surveyTimeout = 30 * time.Second

// survey prints the installed agents, or the named ones, as the document of `fenced plugin agents -o json`, and returns the exit code: 0, or 1
// where a named one cannot be used.
func survey(out, errs io.Writer, names []string) int {
	paths := make([]string, 0, len(names))
	for _, n := range names {
		if !strings.ContainsRune(n, filepath.Separator) {
			n = filepath.Join(directory, n)
		}
		paths = append(paths, n)
	}
	if len(names) == 0 {
		paths, _ = filepath.Glob(filepath.Join(directory, "fence_*")) // a fixed, well-formed pattern
	}
	doc := struct {
		API    string  `json:"api"`
		Agents []found `json:"agents"`
	}{"fenced/v1", look(paths)}
	if err := json.NewEncoder(out).Encode(doc); err != nil {
		fmt.Fprintln(errs, err)
		return 1
	}
	for _, f := range doc.Agents {
		if len(names) > 0 && f.Error != "" {
			return 1
		}
	}
	return 0
}

// look asks the agents, as many at once as there are processors.
func look(paths []string) []found {
	list := make([]found, len(paths))
	free := make(chan struct{}, runtime.NumCPU())
	var wg sync.WaitGroup
	for i, p := range paths {
		free <- struct{}{}
		wg.Go(func() {
			list[i] = examine(p)
			<-free
		})
	}
	wg.Wait()
	return list
}

func examine(path string) found {
	f := found{Name: filepath.Base(path), Path: path}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		f.Error = "it is no program"
		return f
	}
	real, err := locate(path)
	if err != nil {
		f.Error = err.Error()
		return f
	}
	ctx, cancel := context.WithTimeout(context.Background(), surveyTimeout)
	defer cancel()
	m, err := described.of(ctx, real)
	c := classify(real, m)
	if err != nil {
		f.Error = err.Error()
		if k, ok := known[f.Name]; ok {
			f.Class, f.Why = k.kind, k.why
		}
		return f
	}
	f.Class, f.Why, f.Summary = c.kind, c.why, m.Summary
	for _, a := range m.Actions {
		f.Actions = append(f.Actions, a.Name)
	}
	on, _ := m.action("on")
	f.OnTarget, f.Automatic = on.OnTarget, on.Automatic
	for _, p := range m.Params {
		if newest, _ := m.find(p.Name); newest.Name != p.Name || reserved[canonical(p.Name)] != "" {
			continue
		}
		o := option{Name: p.Name, Type: p.Type, Required: p.Required, Secret: isSecret(p.Name), Values: p.Values, Help: p.Help}
		if !o.Secret {
			o.Default = p.Default
		}
		f.Options = append(f.Options, o)
	}
	f.Sample = m.sample(f.Name, c)
	return f
}

// sample is a piece of configuration that is accepted once its values are replaced.
func (m metadata) sample(name string, c class) string {
	var b strings.Builder
	fmt.Fprintf(&b, "devices:\n  %s-1:\n    plugin: agent\n    agent: %s\n", strings.ReplaceAll(strings.TrimPrefix(name, "fence_"), "_", "-"), name)
	if c.kind != sdk.Power {
		fmt.Fprintf(&b, "    kind: %s   # %s\n", c.kind, c.why)
	}
	if on, _ := m.action("on"); on.OnTarget {
		fmt.Fprintf(&b, "    on_target: true   # each node's own daemon registers it, once in each boot, before it is admitted\n")
	}
	if r, ok := reserves(name, m); ok {
		fmt.Fprintf(&b, "    devices: /dev/disk/by-id/VALUE   # every disk that is to be cut, with commas\n")
		if _, has := m.find(r.made); has {
			fmt.Fprintf(&b, "    %s: hash   # keys of places in corosync's nodelist move when a node leaves it\n", r.made)
		}
	}
	for _, p := range m.Params {
		newest, _ := m.find(p.Name)
		if !p.Required && canonical(p.Name) != "password" && canonical(p.Name) != "ip" && canonical(p.Name) != "username" ||
			newest.Name != p.Name || reserved[canonical(p.Name)] != "" || p.Name == m.plugName() || p.Default != "" && p.Required {
			continue
		}
		if isSecret(p.Name) {
			fmt.Fprintf(&b, "    secrets: {%s: /etc/fenced/secrets/%s}\n", p.Name, strings.TrimPrefix(name, "fence_"))
			continue
		}
		fmt.Fprintf(&b, "    %s: %s\n", p.Name, example(p))
	}
	return b.String()
}

func example(p param) string {
	switch {
	case len(p.Values) > 0:
		return p.Values[0]
	case p.Type == "boolean":
		return "true"
	case p.Type == "integer", p.Type == "second":
		return "1"
	case canonical(p.Name) == "ip":
		return "192.0.2.1"
	}
	return "VALUE"
}

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"

	"github.com/fenced-project/fenced/plugins/sdk"
)

// device is one agent with its parameters. It keeps nothing between calls: each one is a run of its own.
type device struct {
	path     string
	meta     metadata
	class    class
	settings settings
	reserved *reservation // what makes its off a cut, nil where that needs nothing else
}

// The exit codes of action status; of every other action 0 is success.
const (
	codeOn  = 0
	codeOff = 2
)

// Kind says what a success means: for agents that is not the plugin's to say, but each agent's (R18).
func (d *device) Kind() sdk.Kind { return d.class.kind }

// Status runs the agent's own status. Of an agent that only delays nothing is believed. Of several plugs each is read by itself, and
// only if all are off they are (ADR 0092).
func (d *device) Status(ctx context.Context, target string) (sdk.Status, error) {
	st := sdk.Status{State: sdk.Unknown}
	if d.class.kind == sdk.Delay {
		return st, sdk.Unsupported(fmt.Errorf("%s proves nothing: %s", d.name(), d.class.why))
	}
	all, err := d.with(target)
	if err != nil {
		return st, err
	}
	plugs := d.each(all)
	found := map[sdk.State]int{}
	for _, s := range plugs {
		one, err := d.read(ctx, s)
		if err != nil {
			return st, err
		}
		found[one]++
	}
	for _, same := range []sdk.State{sdk.On, sdk.Off} {
		if found[same] == len(plugs) {
			st.State = same
		}
	}
	if st.State == sdk.Unknown {
		st.Detail = fmt.Sprintf("%d of %d plugs on, %d off", found[sdk.On], len(plugs), found[sdk.Off])
	}
	return st, nil
}

// read is one run of status.
func (d *device) read(ctx context.Context, s settings) (sdk.State, error) {
	o, err := run(ctx, d.path, s.input("status"))
	switch {
	case err != nil:
		return sdk.Unknown, startFailure(d.name(), err)
	case o.overran || o.signal != 0:
	case o.code == codeOn:
		return sdk.On, nil
	case o.code == codeOff && d.reserved != nil:
		if err := d.reserved.holds(ctx, s); err != nil {
			return sdk.Unknown, err
		}
		return sdk.Off, nil
	case o.code == codeOff:
		return sdk.Off, nil
	}
	return sdk.Unknown, o.failure(d.name(), "status", s)
}

// Do runs one action. Its success proves nothing: fenced reads Status afterwards. Each of several plugs is a run of its own (ADR 0092).
func (d *device) Do(ctx context.Context, target string, action sdk.Action) error {
	name := string(action)
	if action == sdk.ActionOnTarget {
		name = string(sdk.ActionOn)
	}
	a, ok := d.meta.action(name)
	switch {
	case !ok:
		return sdk.Unsupported(fmt.Errorf("%s knows no action %s", d.name(), name))
	case a.OnTarget && action != sdk.ActionOnTarget:
		return sdk.Unsupported(fmt.Errorf("%s does %s only on the node itself: write `on_target: true` for this device (docs/howto/fabric.md)", d.name(), name))
	case !a.OnTarget && action == sdk.ActionOnTarget:
		return sdk.Unsupported(fmt.Errorf("%s does %s from anywhere: remove `on_target` from this device", d.name(), name))
	}
	all, err := d.with(target)
	if err != nil {
		return err
	}
	for _, s := range d.each(all) {
		if err := d.act(ctx, s, name); err != nil {
			return err
		}
	}
	return nil
}

// act is one run of an action.
func (d *device) act(ctx context.Context, s settings, action string) error {
	o, err := run(ctx, d.path, s.input(action))
	if err != nil {
		return startFailure(d.name(), err)
	}
	if o.overran || o.signal != 0 || o.code != 0 {
		return o.failure(d.name(), action, s)
	}
	return nil
}

// List names outlets or machines.
func (d *device) List(ctx context.Context) ([]sdk.Target, error) {
	if !d.meta.can("list") {
		return nil, sdk.Unsupported(fmt.Errorf("%s cannot list", d.name()))
	}
	o, err := run(ctx, d.path, d.settings.input("list"))
	if err != nil {
		return nil, startFailure(d.name(), err)
	}
	if o.overran || o.signal != 0 || o.code != 0 {
		return nil, o.failure(d.name(), "list", d.settings)
	}
	separator := ","
	if v, ok := d.settings["separator"]; ok {
		separator = v.Reveal()
	}
	return targets(o.stdout, separator), nil
}

// with are the settings for a target. Where an agent has a plug, the step's target is the plug; one without has a single machine.
func (d *device) with(target string) (settings, error) {
	s := maps.Clone(d.settings)
	plug := d.meta.plugName()
	have := plug != "" && s[plug].Reveal() != ""
	switch {
	case target == "":
		if p, _ := d.meta.find("plug"); plug != "" && !have && p.Required {
			return nil, sdk.Refused(fmt.Errorf("%s wants a target: write it in the level (`target:`) or as option %s", d.name(), plug))
		}
	case plug == "":
		return nil, sdk.Refused(fmt.Errorf("%s has one machine and no target %.100q", d.name(), target))
	case have && s[plug].Reveal() != target:
		return nil, sdk.Refused(fmt.Errorf("%s is set to %s %.100q, the level says %.100q", d.name(), plug, s[plug].Reveal(), target))
	case strings.ContainsAny(target, "\n\r\x00"):
		return nil, sdk.Refused(errors.New("a target has no line break"))
	default:
		s[plug] = sdk.NewSecret(target)
	}
	if err := d.together(s); err != nil {
		return nil, err
	}
	return s, d.named(s)
}

func (d *device) name() string { return filepath.Base(d.path) }

// startFailure is the class of an agent that did not run at all.
func startFailure(name string, err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return sdk.Timeout(fmt.Errorf("no time is left to run %s", name))
	}
	return sdk.Unsupported(fmt.Errorf("cannot run %s: %w", name, err))
}

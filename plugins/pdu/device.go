package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gosnmp/gosnmp"

	"github.com/fenced-project/fenced/plugins/sdk"
)

// device is one PDU or switch. It holds no connection and remembers nothing of what it read.
type device struct {
	access   access
	families []family // those that may be chosen; one if it is named
	named    bool
	kind     sdk.Kind
	untested bool // accepted
	timeout  time.Duration
}

const sysObjectID = ".1.3.6.1.2.1.1.2.0"

// maxOutlets bounds what is read of one device, and maxTogether what one target may name.
const (
	maxOutlets  = 2048
	maxTogether = 16
	margin      = 50 * time.Millisecond // kept of a deadline for answering
)

// Kind is the family's where it is named; a device that is recognised is a power strip.
func (d *device) Kind() sdk.Kind { return d.kind }

// Status reads the state of an outlet, or of several with commas: off if all are, on if all are, else unknown.
func (d *device) Status(ctx context.Context, target string) (sdk.Status, error) {
	st := sdk.Status{State: sdk.Unknown}
	err := d.with(ctx, target, func(ctx context.Context, s *session, f family, outlets [][]int) error {
		states, details := map[sdk.State]int{}, []string(nil)
		for _, o := range outlets {
			state, detail, err := f.state(ctx, s, o)
			if err != nil {
				return err
			}
			states[state]++
			if detail != "" {
				details = append(details, detail)
			}
		}
		for _, all := range []sdk.State{sdk.On, sdk.Off} {
			if states[all] == len(outlets) {
				st.State = all
			}
		}
		if st.State == sdk.Unknown {
			st.Detail = strings.Join(append(details, fmt.Sprintf("%d of %d outlets on, %d off", states[sdk.On], len(outlets), states[sdk.Off])), "; ")
		}
		return nil
	})
	if err != nil {
		return sdk.Status{State: sdk.Unknown}, err
	}
	return st, nil
}

// state reads the objects of one outlet in one question.
func (f family) state(ctx context.Context, s *session, outlet []int) (sdk.State, string, error) {
	oids := make([]string, len(f.Read))
	for i, r := range f.Read {
		oids[i] = r.OID.at(outlet)
	}
	vs, err := s.get(ctx, oids...)
	if err != nil {
		return sdk.Unknown, "", err
	}
	off, on := true, false
	var read []string
	for i, r := range f.Read {
		n, err := integer(vs[i])
		if err != nil {
			return sdk.Unknown, "", err
		}
		off = off && slices.Contains(r.Off, n)
		on = on || i == 0 && slices.Contains(r.On, n)
		read = append(read, fmt.Sprint(n))
	}
	switch {
	case off:
		return sdk.Off, "", nil
	case on:
		return sdk.On, "", nil
	}
	return sdk.Unknown, fmt.Sprintf("outlet %s reads %s", f.label(outlet), strings.Join(read, ",")), nil
}

// Do switches one outlet or several. An answer without an error proves nothing: fenced reads Status afterwards.
func (d *device) Do(ctx context.Context, target string, action sdk.Action) error {
	return d.with(ctx, target, func(ctx context.Context, s *session, f family, outlets [][]int) error {
		value := f.Write.Off
		if action == sdk.ActionOn {
			value = f.Write.On
		}
		for _, o := range outlets {
			if err := s.set(ctx, f.Write.OID.at(o), value); err != nil {
				return fmt.Errorf("outlet %s: %w", f.label(o), err)
			}
		}
		return nil
	})
}

// List names the outlets: number and name.
func (d *device) List(ctx context.Context) ([]sdk.Target, error) {
	var out []sdk.Target
	err := d.talk(ctx, func(ctx context.Context, s *session, f family) error {
		if f.Names == "" {
			return sdk.Unsupported(fmt.Errorf("the family %s has no names of outlets", f.Name))
		}
		vs, err := s.walk(ctx, f.Names.root(), maxOutlets)
		if err != nil {
			return err
		}
		for _, v := range vs {
			if o, ok := f.Names.match(v.Name); ok {
				out = append(out, sdk.Target{ID: f.label(o), Alias: text(v)})
			}
		}
		return nil
	})
	return out, err
}

// Probe says whether the device answers, and as what.
func (d *device) Probe(ctx context.Context, _ string) (sdk.Probe, error) {
	p := sdk.Probe{}
	err := d.talk(ctx, func(_ context.Context, _ *session, f family) error {
		p = sdk.Probe{Reachable: true, Detail: f.Title}
		return nil
	})
	return p, err
}

// talk opens a conversation and finds out what the device is: what was at this address yesterday proves nothing today.
func (d *device) talk(ctx context.Context, f func(context.Context, *session, family) error) error {
	end := time.Now().Add(d.timeout)
	if caller, ok := ctx.Deadline(); ok && caller.Before(end) {
		end = caller
	}
	ctx, cancel := context.WithDeadline(ctx, end.Add(-margin))
	defer cancel()
	s, err := d.access.dial(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	fam, err := d.recognise(ctx, s)
	if err != nil {
		return err
	}
	return f(ctx, s, fam)
}

// recognise chooses the family by the device's sysObjectID, or checks that it is the named one, where that says by what it is recognised.
func (d *device) recognise(ctx context.Context, s *session) (family, error) {
	if d.named && len(d.families[0].Identify) == 0 {
		return d.families[0], nil
	}
	vs, err := s.get(ctx, sysObjectID)
	if err != nil {
		return family{}, err
	}
	id, _ := vs[0].Value.(string)
	id = "." + strings.TrimPrefix(id, ".")
	for _, f := range d.families {
		if vs[0].Type != gosnmp.ObjectIdentifier || !slices.Contains(f.Identify, id) {
			continue
		}
		if f.Status != tested && !d.untested {
			return family{}, sdk.Refused(fmt.Errorf("the table of %s was never held against anything: write `accept_untested: true` if you did", f.Title))
		}
		if f.Kind != d.kind {
			return family{}, sdk.Refused(fmt.Errorf("it is a %s, which is of kind %s: name the family", f.Title, f.Kind))
		}
		return f, nil
	}
	if d.named {
		return family{}, sdk.Refused(fmt.Errorf("it is no %s: its sysObjectID is %s", d.families[0].Title, id))
	}
	return family{}, sdk.Refused(fmt.Errorf("no family is known for sysObjectID %s: name one (`family:`), or write one", id))
}

// with finds the outlets of a target and runs f.
func (d *device) with(ctx context.Context, target string, f func(context.Context, *session, family, [][]int) error) error {
	names := strings.Split(target, ",")
	if target == "" || len(names) > maxTogether {
		return sdk.Refused(fmt.Errorf("a target is one to %d outlets, by number or name, with commas", maxTogether))
	}
	return d.talk(ctx, func(ctx context.Context, s *session, fam family) error {
		outlets := make([][]int, 0, len(names))
		for _, n := range names {
			o, err := fam.find(ctx, s, strings.TrimSpace(n))
			if err != nil {
				return err
			}
			if slices.ContainsFunc(outlets, func(p []int) bool { return slices.Equal(o, p) }) {
				return sdk.Refused(fmt.Errorf("the target names outlet %s twice", fam.label(o)))
			}
			outlets = append(outlets, o)
		}
		return f(ctx, s, fam, outlets)
	})
}

// find returns the numbers of an outlet. A name is looked up now, and must be there exactly once.
func (f family) find(ctx context.Context, s *session, target string) ([]int, error) {
	if o, ok := f.numbers(target); ok {
		return o, nil
	}
	switch {
	case target == "":
		return nil, sdk.Refused(errors.New("an outlet has no name"))
	case f.Names == "":
		return nil, sdk.Refused(fmt.Errorf("the family %s knows outlets by number only, not %.100q", f.Name, target))
	}
	vs, err := s.walk(ctx, f.Names.root(), maxOutlets)
	if err != nil {
		return nil, err
	}
	var found [][]int
	for _, v := range vs {
		if o, ok := f.Names.match(v.Name); ok && text(v) == target {
			found = append(found, o)
		}
	}
	switch len(found) {
	case 0:
		return nil, sdk.Refused(fmt.Errorf("no outlet is called %.100q", target))
	case 1:
		return found[0], nil
	}
	return nil, sdk.Refused(fmt.Errorf("%d outlets are called %.100q", len(found), target))
}

// text is the value of an object that holds a name.
func text(v gosnmp.SnmpPDU) string {
	b, _ := v.Value.([]byte)
	return strings.Trim(strings.TrimSpace(strings.ToValidUTF8(string(b), "?")), "\x00")
}

package sdk

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/fenced-project/fenced/plugins/proto"
)

// What a plugin means when it leaves a duration at zero (R9, R16).
const (
	defaultEffect = 90 * time.Second
	defaultSettle = time.Second
)

// describe asks the plugin what it is, completes it with defaults and checks it.
func describe(p Plugin) (d Description, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("Describe panics: %v", r)
		}
	}()
	d = p.Describe()
	if d.Effect <= 0 {
		d.Effect = defaultEffect
	}
	if d.Settle <= 0 {
		d.Settle = defaultSettle
	}
	if d.Limit <= 0 {
		d.Limit = 1
	}
	if d.Actions == nil {
		d.Actions = []Action{ActionOff, ActionOn}
	}
	if ps := d.problems(); len(ps) > 0 {
		return d, errors.New(strings.Join(ps, "; "))
	}
	return d, nil
}

func (d Description) wire() *proto.DescribeResponse {
	r := &proto.DescribeResponse{
		Name: d.Name, Version: d.Version, ProtocolVersions: []uint32{proto.ProtocolVersion}, Summary: d.Summary, Kind: string(d.Kind),
		GivesIdentity: d.GivesIdentity, EffectMs: d.Effect.Milliseconds(), SettleMs: d.Settle.Milliseconds(),
		HoldUpMs: d.HoldUp.Milliseconds(), Sample: d.Sample, Limit: uint32(min(d.Limit, 1<<16)),
		ExtraOptions: d.ExtraOptions,
	}
	for _, a := range d.Actions {
		r.Actions = append(r.Actions, string(a))
	}
	for _, o := range d.Options {
		r.Options = append(r.Options, o.wire())
	}
	return r
}

func (s Option) wire() *proto.Option {
	return &proto.Option{
		Name: s.Name, Type: string(cmp.Or(s.Type, String)), Required: s.Required, Secret: s.Secret,
		Default: s.Default, Values: s.Values, Help: s.Help, Mapping: s.Mapping,
	}
}

// json is the form for programs: the fields of plugin.proto's DescribeResponse.
func (d Description) json() string {
	type option struct {
		Name     string   `json:"name"`
		Type     string   `json:"type"`
		Required bool     `json:"required"`
		Secret   bool     `json:"secret"`
		Default  string   `json:"default,omitempty"`
		Values   []string `json:"values,omitempty"`
		Help     string   `json:"help,omitempty"`
		Mapping  bool     `json:"mapping"`
	}
	w := d.wire()
	out := struct {
		API       string   `json:"api"`
		Name      string   `json:"name"`
		Version   string   `json:"version"`
		Protocols []uint32 `json:"protocol_versions"`
		Summary   string   `json:"summary"`
		Kind      string   `json:"kind"`
		Identity  bool     `json:"gives_identity"`
		Actions   []string `json:"actions"`
		EffectMS  int64    `json:"effect_ms"`
		SettleMS  int64    `json:"settle_ms"`
		HoldUpMS  int64    `json:"hold_up_ms"`
		Limit     uint32   `json:"limit"`
		Options   []option `json:"options"`
		Extra     bool     `json:"extra_options,omitempty"`
		Sample    string   `json:"sample,omitempty"`
	}{
		"fenced/v1", w.Name, w.Version, w.ProtocolVersions, w.Summary, w.Kind, w.GivesIdentity, w.Actions, w.EffectMs, w.SettleMs,
		w.HoldUpMs, w.Limit,
		[]option{},
		w.ExtraOptions,
		w.Sample,
	}
	for _, o := range w.Options {
		out.Options = append(out.Options, option{o.Name, o.Type, o.Required, o.Secret, o.Default, o.Values, o.Help, o.Mapping})
	}
	b, err := json.MarshalIndent(out, "", "  ")
	if err != nil { // plain strings and numbers: cannot happen
		panic("sdk: description does not encode: " + err.Error())
	}
	return string(b)
}

// text is the form for people.
func (d Description) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s\n\n", d.Name, d.Version, d.Summary)
	acts := make([]string, len(d.Actions))
	for i, a := range d.Actions {
		acts[i] = string(a)
	}
	fmt.Fprintf(&b, "kind %s · actions %s · gives identity %t · effect %v, settle %v, hold-up %v\n", d.Kind, strings.Join(acts, " "),
		d.GivesIdentity, d.Effect, d.Settle, d.HoldUp)
	if len(d.Options) > 0 {
		b.WriteString("\noptions:\n")
	}
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	for _, o := range d.wire().Options {
		var notes []string
		for _, n := range []struct {
			on   bool
			text string
		}{
			{o.Required, "required"},
			{o.Secret, "secret"},
			{o.Mapping, "mapping"},
			{o.Default != "", "default " + o.Default},
			{len(o.Values) > 0, "one of " + strings.Join(o.Values, ", ")},
		} {
			if n.on {
				notes = append(notes, n.text)
			}
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", o.Name, o.Type, o.Help, strings.Join(notes, ", "))
	}
	_ = w.Flush() // into memory: cannot fail
	if d.ExtraOptions {
		b.WriteString("  and the options of what it drives\n")
	}
	if d.Sample != "" {
		fmt.Fprintf(&b, "\n%s\n", strings.TrimRight(d.Sample, "\n"))
	}
	return b.String()
}

package sdk

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// NewOptions checks values against a plugin's schema and completes them with defaults. Main does it before every Open; a vendor's own
// tests may call it. The error names every problem at once and never a secret's value.
func NewOptions(schema []Option, values map[string]string) (Options, error) {
	return newOptions(schema, values, false)
}

// NewOptions is the same for a whole description, which may let options through that its schema does not name.
func (d Description) NewOptions(values map[string]string) (Options, error) {
	return newOptions(d.Options, values, d.ExtraOptions)
}

func newOptions(schema []Option, values map[string]string, extra bool) (Options, error) {
	o := Options{extra: map[string]Secret{}, schema: make(map[string]Option, len(schema)), values: map[string]string{}, secret: map[string]Secret{}}
	var problems []string
	for _, s := range schema {
		if s.Type == "" {
			s.Type = String
		}
		o.schema[s.Name] = s
		v, given := values[s.Name]
		if !given && s.Required && s.Default == "" {
			problems = append(problems, fmt.Sprintf("option %s is required", s.Name))
			continue
		}
		if !given {
			v, given = s.Default, s.Default != ""
		}
		if !given {
			continue
		}
		if err := s.check(v); err != nil {
			problems = append(problems, err.Error())
			continue
		}
		if s.Secret {
			o.secret[s.Name] = Secret{&v}
		} else {
			o.values[s.Name] = v
		}
	}
	for name, v := range values {
		if _, ok := o.schema[name]; ok {
			continue
		}
		switch {
		case extra && strings.ContainsRune(v, 0):
			problems = append(problems, fmt.Sprintf("option %s has a zero byte", strconv.Quote(name)))
		case extra:
			o.extra[name] = Secret{&v}
		default:
			problems = append(problems, fmt.Sprintf("option %s is unknown", strconv.Quote(name)))
		}
	}
	if len(problems) > 0 {
		sort.Strings(problems)
		return Options{}, Refused(fmt.Errorf("%s", strings.Join(problems, "; ")))
	}
	return o, nil
}

// check reports whether v is a well-formed value of this option.
func (s Option) check(v string) error { return s.wire().Check(v) }

// problems says what is wrong with a description itself: a plugin with any of these does not start.
func (d Description) problems() []string {
	var out []string
	bad := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if d.Name == "" || strings.Trim(d.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		bad("the name %q must be of a-z, 0-9 and -", d.Name)
	}
	if !slices.Contains([]Kind{Power, Storage, Delay, Self}, d.Kind) {
		bad("the kind %q must be power, storage, delay or self", d.Kind)
	}
	seen := map[string]bool{}
	for _, o := range d.Options {
		if o.Type == "" {
			o.Type = String
		}
		if o.Name == "" || seen[o.Name] {
			bad("option %q is nameless or there twice", o.Name)
		}
		seen[o.Name] = true
		if o.Default != "" {
			if err := o.check(o.Default); err != nil {
				bad("default of: %v", err)
			}
		}
	}
	for _, a := range d.Actions {
		if !slices.Contains([]Action{ActionOff, ActionOn, ActionDiag, ActionOnTarget}, a) {
			bad("the action %q must be off, on, diag or on-target", a)
		}
	}
	return out
}

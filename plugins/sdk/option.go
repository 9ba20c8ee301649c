package sdk

import (
	"log/slog"
	"maps"
	"strconv"
	"time"
)

// Type is the type of an option's value.
type Type string

// The types. Values travel as text: an int in decimal, a bool as true or false, a duration as Go writes it (1m30s).
const (
	String   Type = "string"
	Int      Type = "int"
	Bool     Type = "bool"
	Duration Type = "duration"
	Enum     Type = "enum"
)

// Option describes one option of a device. The sdk refuses unknown options, missing required ones and malformed values before Open.
type Option struct {
	Name string
	// Type of the value; "" means String.
	Type     Type
	Required bool
	// Secret values are given to this plugin over the wire only; read them with Options.Secret.
	Secret bool
	// Default is used where the option is not given; it must be a well-formed value.
	Default string
	// Values are the values of an Enum.
	Values []string
	Help   string
	// Mapping says that this option decides which machine a command reaches: changing it voids what a drill proved (V6).
	Mapping bool
}

// Options are the checked options of one device, completed with defaults. Asking for an option that the schema does not have, or with
// the method of another type, panics: that is a mistake in the plugin, and the first Open in its tests finds it.
type Options struct {
	schema map[string]Option
	values map[string]string // without the secrets, so that no print of an Options shows one
	secret map[string]Secret
	extra  map[string]Secret // what the schema does not name; any of it may be a secret
}

// Extra returns the options that the schema does not name, where Description.ExtraOptions lets them through. Any of them may hold a secret:
// the configuration's `NAME_file` and `secrets` arrive like all others.
func (o Options) Extra() map[string]Secret { return maps.Clone(o.extra) }

// raw is the value as it came, "" where there is none.
func (o Options) raw(name string) string {
	if s, ok := o.secret[name]; ok {
		return s.Reveal()
	}
	return o.values[name]
}

// String returns a string or enum option that is not secret.
func (o Options) String(name string) string {
	s := o.must(name, String, Enum)
	if s.Secret {
		panic("sdk: option " + name + " is secret: use Secret")
	}
	return o.values[name]
}

// Secret returns a secret option.
func (o Options) Secret(name string) Secret {
	if s := o.must(name, String, Enum); !s.Secret {
		panic("sdk: option " + name + " is not secret")
	}
	return o.secret[name]
}

// Int returns an int option, 0 where it is neither given nor has a default.
func (o Options) Int(name string) int {
	o.must(name, Int)
	n, _ := strconv.Atoi(o.raw(name)) // checked before
	return n
}

// Bool returns a bool option, false where it is neither given nor has a default.
func (o Options) Bool(name string) bool {
	o.must(name, Bool)
	return o.raw(name) == "true"
}

// Duration returns a duration option, 0 where it is neither given nor has a default.
func (o Options) Duration(name string) time.Duration {
	o.must(name, Duration)
	d, _ := time.ParseDuration(o.raw(name)) // checked before
	return d
}

// Given reports whether the option was given or has a default.
func (o Options) Given(name string) bool {
	if _, ok := o.schema[name]; !ok {
		panic("sdk: option " + name + " is not in the schema")
	}
	_, open := o.values[name]
	_, secret := o.secret[name]
	return open || secret
}

func (o Options) must(name string, types ...Type) Option {
	s, ok := o.schema[name]
	if !ok {
		panic("sdk: option " + name + " is not in the schema")
	}
	for _, t := range types {
		if s.Type == t {
			return s
		}
	}
	panic("sdk: option " + name + " is of type " + string(s.Type))
}

// Secret is a value that prints as *** in every format. The pointer keeps it from being printed where fmt cannot call methods, in
// unexported fields. The zero Secret is empty.
type Secret struct{ value *string }

// Reveal returns the value, for the one line that hands it to the device.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// String hides the value from %s and %v.
func (s Secret) String() string { return "***" }

// GoString hides the value from %#v.
func (s Secret) GoString() string { return "***" }

// MarshalText hides the value from JSON and the like.
func (s Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }

// LogValue hides the value from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue("***") }

// NewSecret makes a Secret of a value that a plugin got elsewhere.
func NewSecret(value string) Secret { return Secret{&value} }

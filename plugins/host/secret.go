package host

import (
	"log/slog"
	"strings"
)

// Secret is an option's value that prints as *** in every format; only the wire to its own plugin sees it.
// The pointer keeps it from being printed where fmt cannot call methods, in unexported fields. The zero Secret is empty.
type Secret struct{ value *string }

// NewSecret wraps a secret value.
func NewSecret(value string) Secret { return Secret{&value} }

func (s Secret) reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

func (s Secret) equal(o Secret) bool { return s.reveal() == o.reveal() }

// String hides the value from %s and %v.
func (s Secret) String() string { return "***" }

// GoString hides the value from %#v.
func (s Secret) GoString() string { return "***" }

// MarshalText hides the value from JSON and the like.
func (s Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }

// LogValue hides the value from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue("***") }

// shortestSecret is the length from which a secret is looked for in a plugin's texts: shorter ones would garble every line.
const shortestSecret = 4

// redact hides known secrets in what a plugin says: a careless plugin must not bring a password into a log or a history.
func redact(text string, secrets []string) string {
	for _, s := range secrets {
		text = strings.ReplaceAll(text, s, "***")
	}
	return text
}

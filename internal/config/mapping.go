package config

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// readMappings computes what every device reaches, once the cluster's key is known.
func (l *loader) readMappings() {
	for i := range l.devices {
		d := &l.devices[i]
		d.Mapping = mappingOf(d.dev, l.cfg.Key)
	}
}

// loginWords are the secrets that say who asks and never which machine is reached: a rotated password voids no drill.
var loginWords = append([]string{"private_key"}, secretWords...)

// reaching are the names of a device's secrets that may decide which machine a command reaches, such as the key of a SCSI registration: all that
// are not known to be logins.
func (d Device) reaching() []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(d.Secrets)) {
		plain := strings.ReplaceAll(strings.ToLower(name), "-", "_")
		if !slices.ContainsFunc(loginWords, func(w string) bool { return plain == w || strings.HasSuffix(plain, "_"+w) }) {
			out = append(out, name)
		}
	}
	return out
}

// reached are the options and the secrets that may decide which machine a command reaches, together and in clear: for comparing, never to be shown.
func (d Device) reached() map[string]string {
	out := maps.Clone(d.Options)
	for _, name := range d.reaching() {
		if out == nil {
			out = map[string]string{}
		}
		out[name] = d.Secrets[name].Reveal()
	}
	return out
}

// mappingOf covers all that may decide which machine a device's commands reach: a change of any part may reach another, so it voids a drill (V6, R16).
//
// It is committed, so everybody who reads the log or the status can hold guesses of a secret against it. Hence a secret is in it only if it may decide
// what is reached, and by a digest under the cluster's key, which whoever guesses does not have; whoever has it can join as a node. corosync has its
// own key, which is not ours to read: there the digest has no key, so it is cut to loginBytes: one change in 65,536 is missed, and a list of guesses
// becomes shorter by that factor and never a single one where the secret is worth the name.
// Secrets that are not read (Options.NoSecrets) are not in it: who asks so holds it against no roster.
func mappingOf(d Device, key Secret) string {
	clear := mappingHash(d.Plugin, d.Options)
	names := slices.DeleteFunc(d.reaching(), func(name string) bool { return d.Secrets[name].Empty() })
	if len(names) == 0 {
		return clear
	}
	h := sha256.New()
	writeFields(h.Write, clear)
	for _, name := range names {
		m := hmac.New(sha256.New, []byte(key.Reveal()))
		writeFields(m.Write, "mapping", d.Plugin, name, d.Secrets[name].Reveal())
		sum := m.Sum(nil)
		if key.Empty() {
			sum = sum[:loginBytes]
		}
		writeFields(h.Write, name, hex.EncodeToString(sum))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// mappingHash covers plugin and all options that are no secrets.
func mappingHash(plugin string, options map[string]string) string {
	h := sha256.New()
	writeFields(h.Write, plugin)
	for _, k := range slices.Sorted(maps.Keys(options)) {
		writeFields(h.Write, k, options[k])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// writeFields writes texts with their lengths, so that no two lists read alike. A hash never fails.
func writeFields(write func([]byte) (int, error), texts ...string) {
	for _, s := range texts {
		_, _ = write(fmt.Appendf(nil, "%d:%s,", len(s), s))
	}
}

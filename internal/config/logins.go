package config

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
)

// loginBytes is how long a digest of a login is: long enough to tell a rotated password from the one before, where a mistake costs a pause; and
// too short to tell anybody which password of a list it is, also where there is no key (corosync has its own).
const loginBytes = 2

// Logins are digests, by device, of everything that this node logs in with: name, plugin, options and secrets, under the cluster's key. Nodes that
// would make the same login have the same digest (R28).
func (c *Config) Logins() map[string]string {
	out := make(map[string]string, len(c.Devices))
	for _, d := range c.Devices {
		h := hmac.New(sha256.New, []byte(c.Key.Reveal()))
		writeFields(h.Write, d.Name, mappingHash(d.Plugin, d.Options))
		for _, name := range slices.Sorted(maps.Keys(d.Secrets)) {
			writeFields(h.Write, name, d.Secrets[name].Reveal())
		}
		out[d.Name] = hex.EncodeToString(h.Sum(nil)[:loginBytes])
	}
	return out
}

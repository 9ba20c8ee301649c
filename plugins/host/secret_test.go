package host

import (
	"slices"
	"testing"
)

// What is hidden in a plugin's texts are the secrets of all its devices, of no other plugin's, the longer first: a secret that begins another
// one would leave that one's rest to be read (V19).
func TestHiddenSecrets(t *testing.T) {
	with := func(plugin string, secrets ...string) *device {
		d := &device{config: DeviceConfig{Plugin: plugin, Secrets: map[string]Secret{}}}
		for i, s := range secrets {
			d.config.Secrets[string(rune('a'+i))] = NewSecret(s)
		}
		return d
	}
	got := hidden(map[string]*device{
		"one": with("bmc", "horse"), "two": with("bmc", "horse battery", "abc"), "three": with("bmc", "horse"), "four": with("pdu", "staple"),
	})
	if len(got) != 2 || !slices.Equal(got["bmc"], []string{"horse battery", "horse"}) || !slices.Equal(got["pdu"], []string{"staple"}) {
		t.Fatalf("hidden are %v", got)
	}
	if text := redact("it says horse battery", got["bmc"]); text != "it says ***" {
		t.Errorf("%q", text)
	}
}

// A device that is configured anew brings its new secret (V19).
func TestSecretsFollowTheConfiguration(t *testing.T) {
	b := newBench(t, Config{})
	for _, password := range []string{"first horse", "second horse"} {
		b.configure(DeviceConfig{Name: "d", Plugin: "dummy", Secrets: map[string]Secret{"password": NewSecret(password)}})
		if got := b.Host.secrets("dummy"); !slices.Equal(got, []string{password}) {
			t.Errorf("hidden are %v, the password is %q", got, password)
		}
	}
}

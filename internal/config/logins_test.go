package config

import (
	"strings"
	"testing"
)

func TestLoginsAreToldApart(t *testing.T) { // R28, V19
	of := func(key, plugin, address, password string) string {
		t.Helper()
		c := Config{Key: NewSecret(key), Devices: []Device{{
			Name: "bmc-1", Plugin: plugin, Options: map[string]string{"address": address}, Secrets: map[string]Secret{"password": NewSecret(password)},
		}}}
		return c.Logins()["bmc-1"]
	}
	is := of("key", "bmc", "192.0.2.1", "hunter2")
	if is != of("key", "bmc", "192.0.2.1", "hunter2") || len(is) != 2*loginBytes || strings.Contains(is, "hunter2") {
		t.Errorf("%q", is)
	}
	for name, other := range map[string]string{
		"password": of("key", "bmc", "192.0.2.1", "hunter3"), "address": of("key", "bmc", "192.0.2.2", "hunter2"),
		"plugin": of("key", "agent", "192.0.2.1", "hunter2"), "key": of("another", "bmc", "192.0.2.1", "hunter2"),
	} {
		if other == is {
			t.Errorf("another %s, and the same digest %q", name, is)
		}
	}
}

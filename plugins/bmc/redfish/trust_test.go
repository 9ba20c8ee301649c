package redfish

import (
	"strings"
	"testing"
)

// TestParseTrust: there is no default, and nothing but the three forms.
func TestParseTrust(t *testing.T) {
	sum := strings.Repeat("ab:", 31) + "CD"
	for _, good := range []string{"verify", "insecure", "fingerprint " + sum, "  fingerprint   " + strings.ReplaceAll(sum, ":", "") + " "} {
		if _, err := ParseTrust(good, nil); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "none", "Verify", "verify insecure", "fingerprint", "fingerprint ab:cd", "fingerprint " + sum + "ef", sum, "true"} {
		if trust, err := ParseTrust(bad, nil); err == nil {
			t.Errorf("%q is understood as %+v", bad, trust)
		}
	}
	for _, text := range []string{"insecure", "fingerprint " + sum, "verify"} {
		if _, err := ParseTrust(text, []byte("no certificate")); err == nil {
			t.Errorf("%s beside ca_file is understood", text)
		}
	}
	if insecure, _ := ParseTrust("insecure", nil); !insecure.Insecure() || !insecure.config("h").InsecureSkipVerify {
		t.Error("insecure is not")
	}
	if c := (Trust{}).config("h"); c.InsecureSkipVerify || c.ServerName != "h" || c.RootCAs != nil {
		t.Errorf("a Trust that says nothing verifies nothing: %+v", c)
	}
}

package host

import (
	"strings"
	"testing"
	"time"
)

// A device that is taken for a power switch and says that it is something else is not used: its success would prove nothing (R18).
func TestKindMustBeWhatTheConfigurationSays(t *testing.T) {
	t.Parallel()
	b := newBench(t, Config{})
	b.put("n1", "on")
	b.configure(DeviceConfig{Name: "same", Plugin: "dummy", Kind: "power"}, DeviceConfig{Name: "other", Plugin: "dummy", Kind: "storage"}, DeviceConfig{Name: "unsaid", Plugin: "dummy"})
	for _, name := range []string{"same", "unsaid"} {
		if _, err := b.Status(b.within(10*time.Second), name, "n1"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	err := b.Do(b.within(10*time.Second), "other", "n1", "off")
	if ClassOf(err) != ClassRefused || !strings.Contains(err.Error(), "write `kind: power`") {
		t.Errorf("off of a storage device whose plugin cuts power: %v", err)
	}
	if got := b.get("n1"); got != "on" {
		t.Errorf("it was switched %s", got)
	}
}

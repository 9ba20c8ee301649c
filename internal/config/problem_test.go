package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fenced-project/fenced/plugins/host"
)

// crowd is so many devices of the plugin agent, which no level uses.
func crowd(count int, options string) string {
	var b strings.Builder
	b.WriteString("devices:\n")
	for i := range count {
		fmt.Fprintf(&b, "  x%d: {plugin: agent, agent: fence_x, kind: power, ip: 10.1.%d.%d%s}\n", i, i/250, i%250, options)
	}
	return b.String()
}

// A file that is large and right is taken: five hundred warnings are no mistake, not even when what comes after them is left out (S4.6). A mistake is found behind
// as many, and one more than is shown is not forgotten.
func TestManyWarningsAreNoMistake(t *testing.T) {
	r := newRoom(t)
	text := strings.Replace(good, "\ndevices:\n", "\n"+crowd(500, ""), 1)
	cfg, ps := r.load(text)
	if cfg == nil || ps.Fatal() {
		t.Fatalf("a file with 500 warnings is refused: %v", ps[len(ps)-1])
	}
	if last := ps[len(ps)-1]; len(ps) != maxProblems+1 || last.Text != "and 300 more" || !last.Warning {
		t.Errorf("%d problems, the last is %+v", len(ps), last)
	}
	o := r.options()
	o.Describe = func(name string) (host.Description, error) {
		return host.Description{Name: name, ExtraOptions: true}, nil
	}
	silent := map[string]error{} // none of them answered in time
	for i := range 500 {
		silent[fmt.Sprintf("x%d", i)] = errors.New("no answer in time")
	}
	o.Open = func([]host.DeviceConfig) (map[string]error, error) { return silent, nil }
	if cfg, ps = Load(o); cfg == nil {
		t.Errorf("plugins that could not be asked refuse the file: %v", ps)
	}
	rep := &report{}
	for range maxProblems + 1 {
		rep.add(Problem{Text: "a warning", Warning: true})
	}
	rep.add(Problem{Text: "a mistake"})
	if ps = rep.sorted(); !ps.Fatal() || !strings.Contains(ps.Error(), "a mistake") {
		t.Error("a mistake behind many warnings is not named")
	}
	if _, ps = r.load(strings.Replace(good, "\ndevices:\n", "\n"+crowd(300, ", poll: 0s"), 1)); !ps.Fatal() || !strings.Contains(ps.Error(), "and 100 more problems; repair those above first") {
		t.Errorf("300 mistakes: %v", ps)
	}
}

package playground

import (
	"fmt"
	"maps"
	"slices"

	"github.com/fenced-project/fenced/client"
)

// judge is pure: what was collected, to a result with every reason why it is not a pass.
func (o *outcome) judge() client.DevSummary {
	sum := client.DevSummary{API: client.API, Event: client.EventSummary, Simulated: true, Result: resultPassed}
	bad := func(format string, args ...any) {
		sum.Violations = append(sum.Violations, fmt.Sprintf(format, args...))
	}
	sum.Violations = append(sum.Violations, o.gaps...)
	acted := false
	for _, index := range slices.Sorted(maps.Keys(o.streams)) {
		from := fmt.Sprintf("node-%d", index)
		s := Sight(o.streams[index], o.victim.Name, o.oldLife)
		for _, m := range s.need() {
			bad("%s never saw %s of %s", from, m, o.victim.Name)
		}
		acted = acted || len(s.Missing()) == 0
		sum.Violations = append(sum.Violations, s.Disorder(from)...)
		sum.Violations = append(sum.Violations, EarlyReleases(from, o.streams[index])...)
		o.times(&sum, s)
	}
	if !acted {
		bad("no survivor saw all of it in one stream, power-off and read-back included")
	}
	for _, b := range o.victim.bmcs {
		if n, ok := o.counts[b.Name]; !ok || n.Off != 1 || n.AppliedOff != 1 {
			bad("%s counted %d power-offs and switched %d times (known: %v), want exactly one", b.Name, n.Off, n.AppliedOff, ok)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.counts)) {
		if n := o.counts[name]; n.Off > 0 && !slices.ContainsFunc(o.victim.bmcs, func(b *BMC) bool { return b.Name == name }) {
			bad("%s, which is not the victim's, counted %d power-offs", name, n.Off)
		}
	}
	if o.newLife == "" || o.newLife == o.oldLife {
		bad("%s has boot id %q, and had %q", o.victim.Name, o.newLife, o.oldLife)
	}
	if !o.power[o.victim.Name] {
		bad("%s has no power", o.victim.Name)
	}
	if len(o.rejoined) != len(o.survivors)+1 {
		bad("only %v show %s as a clean member", o.rejoined, o.victim.Name)
	}
	if len(sum.Violations) > 0 {
		sum.Result = resultFailed
	}
	return sum
}

// times fills the durations since the kill: detection and verdict are the first survivor's, release and rejoin the last one's, because
// only then may everybody recover.
func (o *outcome) times(sum *client.DevSummary, s Sightings) {
	since := func(m Milestone) (int64, bool) {
		e, ok := s.First[m]
		return (e.Since - o.killed).Milliseconds(), ok
	}
	if ms, ok := since(Detection); ok && (sum.DetectionMS == 0 || ms < sum.DetectionMS) {
		sum.DetectionMS = ms
	}
	if ms, ok := since(Verdict); ok && (sum.FenceMS == 0 || ms < sum.FenceMS) {
		sum.FenceMS = ms
		if e := s.First[Verdict]; e.Evidence != nil {
			sum.Evidence = e.Evidence.Kind
		}
	}
	if ms, ok := since(Release); ok {
		sum.ReleaseMS = max(sum.ReleaseMS, ms)
	}
	if ms, ok := since(Rejoin); ok {
		sum.RejoinMS = max(sum.RejoinMS, ms)
	}
}

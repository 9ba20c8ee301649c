package operation

import (
	"slices"

	"github.com/fenced-project/fenced/fence"
)

// DeviceLevels are the levels that are made of devices alone: what may be walked where nothing can be committed (R31, R23). A wait proves nothing
// without the victim's entry, least of all where the victim's side may be quorate too (R15), nobody acknowledges there, and a cut ends no life (R18).
func DeviceLevels(levels []fence.Level, devices []fence.Device) []fence.Level {
	return slices.DeleteFunc(slices.Clone(levels), func(l fence.Level) bool {
		return len(l.Steps) == 0 || l.Gives(devices) == fence.EvidenceStorageCut || slices.ContainsFunc(l.Steps, func(s fence.Step) bool { return s.Device == "" })
	})
}

// LongestEffect is how long after its request a command of one of these levels may still take effect, in milliseconds (R9).
func LongestEffect(levels []fence.Level, devices []fence.Device) int64 {
	var longest int64
	for _, l := range levels {
		for _, step := range l.Steps {
			for _, d := range devices {
				if d.Name == step.Device {
					longest = max(longest, d.EffectMS)
				}
			}
		}
	}
	return longest
}

// OffToEffect is the worst time from the beginning of a walk over all levels of devices until nothing of it can take effect any more, in
// milliseconds (R23).
func OffToEffect(levels []fence.Level, devices []fence.Device) int64 {
	ls := DeviceLevels(levels, devices)
	return Duration(Spec{Action: fence.ActionOff, Judge: fence.Judge{Levels: ls, Devices: devices}}) + LongestEffect(ls, devices)
}

// Gap is by how much the turns of two nodes with corosync's two_node lie apart, in milliseconds: while one's power-off may still take effect, the
// other does not begin one (R23). skewMS is by how much later than the other one node may notice that they are parted, and begin. There is no
// random part.
func Gap(r *fence.Roster, skewMS int64) int64 {
	var worst int64
	for i := range r.Nodes {
		worst = max(worst, OffToEffect(r.Nodes[i].Levels, r.Devices))
	}
	return worst + skewMS + 1
}

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

// Off is the worst power-off of one node: the longest time of the walk over all its levels of devices, and for how long after that something of it
// may still take effect, in milliseconds. Both are 0 for a node without such a level.
type Off struct {
	Node             fence.NodeID
	WalkMS, EffectMS int64
}

// OffToEffect is the worst time from the beginning of a walk over all levels of devices until nothing of it can take effect any more, in
// milliseconds (R23).
func OffToEffect(levels []fence.Level, devices []fence.Device) int64 {
	o := offOf(0, levels, devices)
	return o.WalkMS + o.EffectMS
}

func offOf(id fence.NodeID, levels []fence.Level, devices []fence.Device) Off {
	ls := DeviceLevels(levels, devices)
	return Off{Node: id, WalkMS: Duration(Spec{Action: fence.ActionOff, Judge: fence.Judge{Levels: ls, Devices: devices}}), EffectMS: LongestEffect(ls, devices)}
}

// WorstOff is that of the node whose power-off may last longest.
func WorstOff(r *fence.Roster) (worst Off) {
	for i := range r.Nodes {
		if o := offOf(r.Nodes[i].ID, r.Nodes[i].Levels, r.Devices); i == 0 || o.WalkMS+o.EffectMS > worst.WalkMS+worst.EffectMS {
			worst = o
		}
	}
	return worst
}

// RingMS is the least that corosync is taken to need until both nodes know of a split, in milliseconds, whatever it says of its token.
const RingMS = 10_000

// Skew is by how much later than the other one of two nodes may notice that they are parted, and begin its turn, in milliseconds: ringMS is how long
// corosync takes, and either may begin as late as the failure timeout.
func Skew(ringMS, failureTimeoutMS int64) int64 { return ringMS + 2*failureTimeoutMS }

// Gap is by how much the turns of two nodes with corosync's two_node lie apart, in milliseconds: while one's power-off may still take effect, the
// other does not begin one (R23). skewMS is by how much later than the other one node may notice that they are parted, and begin. There is no
// random part.
func Gap(r *fence.Roster, skewMS int64) int64 {
	worst := WorstOff(r)
	return worst.WalkMS + worst.EffectMS + skewMS + 1
}

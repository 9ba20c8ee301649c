package main

// The names of the lines. What stands behind a colon is a part of the line before it, and has no aim of its own.
const (
	nameFsync         = "fsync"
	nameApplyEntry    = "apply-entry"
	nameApplyView     = "apply-view"
	nameTick          = "member-tick"
	nameGrowth        = "apply-growth"
	nameScan          = "residual-scan"
	nameScanLarge     = "residual-scan-large"
	nameDogMemory     = "watchdog-locked"
	nameDogGap        = "watchdog-gap"
	nameSim           = "sim-events"
	nameEngine        = "engine"
	nameCold          = "plugin-cold-start"
	nameWarm          = "plugin-warm-call"
	nameLeaderActs    = "operation-leader-acts"
	nameFollowerActs  = "operation-follower-acts"
	nameNode          = "fence_node"
	nameNodeStart     = "fence_node:start"
	nameLevel         = "next-level"
	nameDaemonRSS     = "daemon-rss"
	namePluginRSS     = "plugin-rss"
	nameDaemonCPU     = "daemon-idle-cpu"
	namePluginCPU     = "plugin-idle-cpu"
	nameKill          = "kill-to-verdict"
	nameKillFollower  = "kill-to-verdict:follower"
	nameKillLeader    = "kill-to-verdict:leader"
	nameIPMI          = "off-ipmi"
	namePDU           = "off-pdu"
	nameRedfish       = "off-redfish"
	nameCrowd100      = "crowd-ipmi-100"
	nameCrowd100CPU   = "crowd-ipmi-100-cpu"
	nameCrowd500      = "crowd-ipmi-500"
	nameCrowd500CPU   = "crowd-ipmi-500-cpu"
	nameCrowdDummy    = "crowd-dummy-500"
	nameCrowdDummyCPU = "crowd-dummy-500-cpu"
	nameFootRSS       = "plugin-500-rss"
	nameFootRoutines  = "plugin-500-goroutines"
	nameFootFiles     = "plugin-500-descriptors"
	nameRingActs      = "ring-confchg-to-request"
	nameRingRSS       = "ring-daemon-rss"
	nameRingChanges   = "ring-changes"
	nameRingGrowRSS   = "ring-changes-rss"
	nameRingRoutines  = "ring-changes-goroutines"
	nameRingWaits     = "ring-changes-waits"
)

// goal is what issue 3 aims at and what a peer reaches on the same two cores (PEERS.md, "How fast the peers are"); 0 where there is none.
type goal struct {
	aim, peer float64
	who       string
}

var goals = map[string]goal{
	nameGrowth:          {aim: 4},
	nameScan:            {aim: 10},
	nameScanLarge:       {aim: 200},
	nameDogMemory:       {aim: 20},
	nameDogGap:          {aim: dogLeaseMS, peer: dogLeaseMS, who: "its lease: a gap as long as that has the machine reset though its daemon is well"},
	nameEngine:          {aim: 1.5},
	nameLeaderActs:      {aim: 4, peer: 1.5, who: "pacemaker-fenced, one fencing, one IPC connection"},
	nameFollowerActs:    {aim: 4, peer: 1.5, who: "pacemaker-fenced, one fencing, one IPC connection"},
	nameNode:            {aim: 15, peer: 13, who: "stonith_admin"},
	nameNodeStart:       {peer: 11, who: "stonith_admin's own start"},
	nameLevel:           {aim: 20, peer: 1100, who: "pacemaker-fenced, a literal sleep"},
	nameWarm:            {peer: 1.5, who: "pacemaker-fenced, fork of a shell agent included"},
	nameCold:            {peer: 85, who: "fence_ipmilan, Python's start, at every call"},
	nameKill:            {aim: 150, peer: 70, who: "pacemaker after the membership event, 70 to 85 ms or 1.1 s"},
	nameKill + ":whole": {peer: 3700, who: "corosync and pacemaker, token 1000, to the agent running"},
	nameKillFollower:    {peer: 70, who: "pacemaker after the membership event, 70 to 85 ms or 1.1 s"},
	nameKillLeader:      {peer: 1100, who: "pacemaker after the membership event, when the victim led"},
	nameDaemonRSS:       {aim: 40, peer: 94, who: "pacemaker-fenced 11 and corosync 83; five more daemons not counted"},
	nameDaemonCPU:       {aim: 0.5},
	nameRingActs:        {aim: 20, peer: 70, who: "pacemaker after the membership event, 70 to 85 ms or 1.1 s"},
	nameRingChanges:     {aim: 60},
	nameCrowd100:        {aim: 0.5, peer: 11, who: crowdPeer},
	nameCrowd100CPU:     {aim: 0.5, peer: 20, who: crowdPeer},
	nameCrowd500:        {aim: 2, peer: 71, who: crowdPeer},
	nameCrowd500CPU:     {aim: 2, peer: 104, who: crowdPeer},
	nameCrowdDummy:      {aim: 1.3, peer: 2.8, who: "pacemaker-fenced, shell agents of exactly 1 s"},
	nameCrowdDummyCPU:   {aim: 1, peer: 3, who: "pacemaker-fenced, shell agents of exactly 1 s"},
}

const crowdPeer = "pacemaker-fenced and fence_ipmilan, ipmi_sim, at its best"

package client

// explanations has one entry for each code, in their order (R20: who waits says for whom; UX: cause, risk, fix).
var explanations = []Explanation{
	{
		AttentionNoDomain, "this node belongs to no cluster yet",
		"Its state directory is empty: fenced was installed and started, and nobody has made the cluster.",
		"None for data: without a domain nothing is fenced, released or granted here.",
		"Type `fenced bootstrap` once, on one node only; the others join it by themselves. If this node had a cluster before, see `fenced recover --new-store` instead.",
	}, {
		AttentionNoRoster, "the cluster has not agreed on its configuration yet",
		"The log has no committed roster, because quorum was not reached since the bootstrap.",
		"Nothing is fenced, released or granted until there is one.",
		"Start the other nodes; `fenced status` says for whom this one waits.",
	}, {
		AttentionNoQuorum, "this node is not part of a majority",
		"Too few voters hear each other: nodes are down, or the network between them is cut.",
		"Failed nodes stay unfenced and their resources stay held. That is on purpose: two halves that fence each other destroy data.",
		"Bring nodes or the network back. Where the majority is lost for good: `fenced recover --lost NODE,…` on one survivor, after you have made sure yourself that the lost nodes are off.",
	}, {
		AttentionNotProven, "all ways to fence a node were tried and none gave proof",
		"Each device of each level failed, timed out or reported another state than off: a BMC without mains, a wrong password, a cut management network.",
		"The victim may still write, so what it held is released to nobody; everything that waits for it goes on waiting. fenced goes on trying.",
		"See `fenced history NODE` for each attempt. Repair the device, or make sure with your own eyes that the node is off and type `fenced ack NODE`.",
	}, {
		AttentionAlarm, "this node saw something that ought not to happen",
		"The text says what was seen, for example a life that was declared over and still speaks.",
		"It depends on what was seen; what fenced could decide safely it has decided.",
		"Read `fenced history NODE` and the journal around that time. The line goes away after an hour.",
	}, {
		AttentionBraked, "a node that still answers is not fenced, because too many were fenced already",
		"The brake stopped automatic fencing of living nodes: many victims in a short time usually mean that the cause is elsewhere, in the network for example (R21).",
		"The node stays a victim; what it held is not released.",
		"Find the common cause. To go on regardless, ask by name: `fenced reboot NODE`.",
	}, {
		AttentionOwnStore, "the others refuse this node's store",
		"Its state directory was restored from a backup, copied from another machine, or set back to an earlier snapshot (R3).",
		"None while it is refused. If it were let in, promises that it has forgotten could be broken.",
		"On this node: `systemctl stop fenced; fenced recover --new-store; systemctl start fenced`. It then gets the log from the others.",
	}, {
		AttentionOtherDomain, "two clusters of the same name meet",
		"`fenced bootstrap` was typed twice, or lost nodes came back after `fenced recover --lost` (R4).",
		"Neither lets the other in and neither fences the other, so both may use the same disks: stop one of them now.",
		"Decide which domain stays. On each node of the other one: `systemctl stop fenced; fenced recover --new-store; systemctl start fenced`.",
	}, {
		AttentionNoStoreYet, "this node waits to be let in as a new store",
		"It has no log of the cluster. The others let it in only while they have quorum without it (R3).",
		"None; this node gives no vote and holds nothing yet.",
		"Start the other nodes.",
	}, {
		AttentionDisk, "this node cannot write what it must remember",
		"The disk of its state directory hangs, is full or failed; a write did not return in time (R20).",
		"It has given up its duties and the others act without it. If it held shared state, they fence it.",
		"`df` and `dmesg` show why. Repair the disk, then `systemctl restart fenced`.",
	}, {
		AttentionVersion, "two daemons do not speak the same protocol",
		"One of them is too old or too new for the other.",
		"The refused one takes no part; it is missing in the quorum.",
		"`fenced version` on both; upgrade one node after the other, never across a version that the release notes name.",
	}, {
		AttentionForeign, "another machine comes in the name of a victim",
		"A machine with the victim's node name or id but another identity announces itself: a replacement, a copied disk or a clone (R2).",
		"Its being alive proves nothing about the victim, which may still write. It is kept out and the victim stays.",
		"Take that machine away; or, when the old one is surely over, `fenced ack NODE`. To replace a machine on purpose: `fenced node replace`.",
	}, {
		AttentionElsewhere, "a victim is alive in another domain",
		"The node was given a new store and joined, or made, another cluster of the same name (R4).",
		"This domain does not fence it by itself, because it may be the better half; what it held here is not released.",
		"`fenced off NODE` if it has to go, or `fenced recover --new-store` there so that it comes back here.",
	}, {
		AttentionDiverged, "a member has another state than the others",
		"Its copy of what was committed has come to differ: a mistake in fenced, a damaged store or faulty memory. Members compare hashes of it.",
		"Its decisions could not be trusted, so it is frozen: it releases, grants, claims and proposes nothing. The others go on without it. Where no state is that of more than half, all who differ wait.",
		"Keep `fenced support-bundle` or the state directory of that node and of another; test its memory. Then `fenced reboot NODE` from another member, and there, with fenced stopped, `fenced recover --new-store`.",
	}, {
		AttentionNotArmed, "fenced only observes",
		"The cluster is not armed, or was disarmed.",
		"No device is touched: a failed node is not fenced and nothing that it held is released.",
		"`fenced arm`, after `fenced config check` and a look at `fenced plan`.",
	}, {
		AttentionOtherRoster, "this node's file is not what the cluster has committed",
		"The file was changed here and not applied, or applied elsewhere and not copied here (R5).",
		"This node replicates and votes, but acts for nobody: one actor fewer.",
		"`fenced apply --dry-run` shows the difference; `fenced apply` makes this file the cluster's, or copy the committed one here and `fenced config reload`.",
	}, {
		AttentionUnguarded, "a node runs with shared state that fenced did not see begin",
		"State was found on it that is older than fenced's duty there: the first start beside a mounted file system.",
		"It is not fenced when it fails, since it was never admitted.",
		"Reboot it when it suits; it then comes in clean.",
	}, {
		AttentionNotAdmitted, "a node is here and not admitted",
		"Its scan found leftover state, it is another machine than the roster says, or it has not announced itself.",
		"It gets no grants. If it gives quorum and stays dirty, it is fenced after post_join_delay.",
		"The text says why; `fenced status NODE` shows the findings. A reboot clears leftover kernel state.",
	}, {
		AttentionUnknown, "nobody knows whether a node holds state",
		"It has not been seen since this cluster began.",
		"Nothing is granted that it might hold; in an armed cluster it is fenced after post_join_delay.",
		"Start fenced on it, or `fenced ack NODE` when it is surely off.",
	}, {
		AttentionPlugin, "a plugin does not run",
		"Its file is missing, not owned by root, writable by others, has another checksum, or it ends again and again.",
		"Devices of that plugin cannot be used; levels that need them fail.",
		"`fenced plugin list` says why.",
	}, {
		AttentionMissing, "a node is away and nobody waits for it",
		"It left or was powered on again and has not come back for longer than post_join_delay. It holds nothing.",
		"One vote and one actor fewer.",
		"Look at its console; start fenced on it.",
	}, {
		AttentionWitnessFile, "the file of a witness is old",
		"The roster was changed since it was exported.",
		"None now: the witness follows the log. It might not find the cluster if its own store were lost.",
		"`fenced witness export NODE` on a node; copy the file to the witness and restart it.",
	}, {
		AttentionWitnessAway, "the witness is away",
		"Its machine, its daemon or the network to it is down.",
		"The next loss of a node costs quorum.",
		"Start fenced-witness there.",
	}, {
		AttentionLocalPower, "power was forced without the cluster",
		"`fenced off|reboot --local --force` was typed on a node without quorum (R31). The cluster learns of it with the next quorum.",
		"The verdict rests on the person who forced it until then.",
		"Nothing to do but to bring quorum back.",
	}, {
		AttentionAdded, "a new node has not come yet",
		"It is in the roster since `fenced node add` or `fenced apply`.",
		"None; its vote does not count before it comes.",
		"Start fenced on it.",
	}, {
		AttentionRefusedStore, "the store of another node is refused",
		"Its state directory was restored from a backup, copied or set back (R3).",
		"None while it is refused; one voter fewer.",
		"On that node: `systemctl stop fenced; fenced recover --new-store; systemctl start fenced`.",
	}, {
		AttentionHistoryDamaged, "history on this node's disk is not whole",
		"Its file was damaged, or a record could not be written.",
		"None for data: no duty depends on history. `fenced history` on this node may lack records.",
		"Move history.db in the state directory aside and start fenced again.",
	},
	{
		AttentionDrillFailed, "a drill failed",
		"`fenced drill` could not show that the devices of one level switch that node, and only it: the text says what was seen.",
		"Devices that give no identity prove nothing for that node, so fenced does not use them by itself.",
		"See to what the text names, then drill again: fenced drill NODE --level N. Who lets it stand has one level less.",
	},
}

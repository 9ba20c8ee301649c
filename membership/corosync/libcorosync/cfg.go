//go:build linux && (amd64 || arm64)

package libcorosync

import "errors"

// KillNode asks corosync on another node to end, by a message in the ring. It is no fencing: what that node's kernel holds stays, and nothing
// happens if it cannot be reached. No error means that it was sent. NotExist: the node is not in the ring.
func KillNode(node uint32, reason string) error {
	if err := Load(); err != nil {
		return err
	}
	h := new(uint64)
	if err := failed("corosync_cfg_initialize", cfgInitialize(h, &cfgCallbacks{})); err != nil {
		return err
	}
	err := failed("corosync_cfg_kill_node", cfgKillNode(*h, node, cString(reason)))
	return errors.Join(err, failed("corosync_cfg_finalize", cfgFinalize(*h)))
}

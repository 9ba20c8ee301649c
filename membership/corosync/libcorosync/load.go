//go:build linux && (amd64 || arm64)

package libcorosync

import (
	"fmt"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
)

// The calls, as C declares them; Load fills them in.
var (
	cpgModelInitialize func(h *uint64, model uint32, data *cpgModelV1, context uintptr) Status
	cpgFinalize        func(h uint64) Status
	cpgFdGet           func(h uint64, fd *int32) Status
	cpgDispatch        func(h uint64, flags uint32) Status
	cpgJoin            func(h uint64, group *cpgName) Status
	cpgLeave           func(h uint64, group *cpgName) Status
	cpgMcastJoined     func(h uint64, guarantee uint32, iov *iovec, n uint32) Status
	cpgLocalGet        func(h uint64, node *uint32) Status
	cpgMaxAtomicSize   func(h uint64, size *uint32) Status

	quorumModelInitialize func(h *uint64, model uint32, data *quorumModelV1, kind *uint32, context uintptr) Status
	quorumFinalize        func(h uint64) Status
	quorumFdGet           func(h uint64, fd *int32) Status
	quorumDispatch        func(h uint64, flags uint32) Status
	quorumTrackstart      func(h uint64, flags uint32) Status

	cmapInitialize   func(h *uint64) Status
	cmapFinalize     func(h uint64) Status
	cmapGet          func(h uint64, key *byte, value unsafe.Pointer, size *uintptr, kind *uint32) Status
	cmapIterInit     func(h uint64, prefix *byte, iter *uint64) Status
	cmapIterNext     func(h, iter uint64, key *byte, size *uintptr, kind *uint32) Status
	cmapIterFinalize func(h, iter uint64) Status

	cfgInitialize func(h *uint64, callbacks *cfgCallbacks) Status
	cfgFinalize   func(h uint64) Status
	cfgKillNode   func(h uint64, node uint32, reason *byte) Status

	votequorumInitialize func(h *uint64, callbacks *votequorumCallbacks) Status
	votequorumFinalize   func(h uint64) Status
	votequorumGetinfo    func(h uint64, node uint32, info *votequorumInfo) Status
	votequorumFdGet      func(h uint64, fd *int32) Status
	votequorumDispatch   func(h uint64, flags uint32) Status
	votequorumTrackstart func(h, context uint64, flags uint32) Status
)

// library is one file and what is taken from it.
type library struct {
	file, pkg string
	calls     map[string]any // symbol: pointer to the function variable
}

var libraries = []library{
	{"libcpg.so.4", "libcpg4", map[string]any{
		"cpg_model_initialize": &cpgModelInitialize, "cpg_finalize": &cpgFinalize, "cpg_fd_get": &cpgFdGet, "cpg_dispatch": &cpgDispatch,
		"cpg_join": &cpgJoin, "cpg_leave": &cpgLeave, "cpg_mcast_joined": &cpgMcastJoined, "cpg_local_get": &cpgLocalGet,
		"cpg_max_atomic_msgsize_get": &cpgMaxAtomicSize,
	}},
	{"libquorum.so.5", "libquorum5", map[string]any{
		"quorum_model_initialize": &quorumModelInitialize, "quorum_finalize": &quorumFinalize, "quorum_fd_get": &quorumFdGet,
		"quorum_dispatch": &quorumDispatch, "quorum_trackstart": &quorumTrackstart,
	}},
	{"libcmap.so.4", "libcmap4", map[string]any{
		"cmap_initialize": &cmapInitialize, "cmap_finalize": &cmapFinalize, "cmap_get": &cmapGet, "cmap_iter_init": &cmapIterInit,
		"cmap_iter_next": &cmapIterNext, "cmap_iter_finalize": &cmapIterFinalize,
	}},
	{"libcfg.so.7", "libcfg7", map[string]any{
		"corosync_cfg_initialize": &cfgInitialize, "corosync_cfg_finalize": &cfgFinalize, "corosync_cfg_kill_node": &cfgKillNode,
	}},
	{"libvotequorum.so.8", "libvotequorum8", map[string]any{
		"votequorum_initialize": &votequorumInitialize, "votequorum_finalize": &votequorumFinalize, "votequorum_getinfo": &votequorumGetinfo,
		"votequorum_fd_get": &votequorumFdGet, "votequorum_dispatch": &votequorumDispatch, "votequorum_trackstart": &votequorumTrackstart,
	}},
}

// Load loads all libraries, once in a process. The error is a *MissingError that names what to install; it stays until the process is started
// again. Every Open calls it.
func Load() error { return loadOnce() }

var loadOnce = sync.OnceValue(func() error {
	for _, l := range libraries {
		if err := l.load(); err != nil {
			return err
		}
	}
	makeCallbacks()
	return nil
})

// load takes everything that is wanted of one library, or names what it lacks: a library of another version is as good as none.
func (l library) load() error {
	so, err := purego.Dlopen(l.file, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return &MissingError{Library: l.file, Package: l.pkg, Err: err}
	}
	for name, fn := range l.calls {
		at, err := purego.Dlsym(so, name)
		if err != nil {
			return &MissingError{Library: l.file, Package: l.pkg, Err: fmt.Errorf("it has no %s: %w", name, err)}
		}
		purego.RegisterFunc(fn, at)
	}
	return nil
}

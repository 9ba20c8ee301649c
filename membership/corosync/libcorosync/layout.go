package libcorosync

import "unsafe"

// These are corosync's structures on a machine of 64 bits, as its headers have them; TestLayoutsAreThoseOfTheHeaders compares sizes and offsets.

const (
	maxGroupName  = 128 // CPG_MAX_NAME_LENGTH
	maxDeviceName = 255 // VOTEQUORUM_QDEVICE_MAX_NAME_LEN
	maxKey        = 255 // CMAP_KEYNAME_MAXLEN
)

// cpgName is struct cpg_name.
type cpgName struct {
	Length uint32
	Value  [maxGroupName]byte
}

// cpgAddress is struct cpg_address.
type cpgAddress struct{ NodeID, PID, Reason uint32 }

// cpgRingID is struct cpg_ring_id and struct quorum_ring_id: passed by value, as two words.
type cpgRingID struct {
	NodeID uint32
	Seq    uint64
}

// cpgModelV1 is cpg_model_v1_data_t.
type cpgModelV1 struct {
	Model   uint32
	Deliver uintptr
	Confchg uintptr
	Totem   uintptr
	Flags   uint32
}

// quorumModelV1 is quorum_model_v1_data_t.
type quorumModelV1 struct {
	Model    uint32
	Quorum   uintptr
	Nodelist uintptr
}

// votequorumInfo is struct votequorum_info.
type votequorumInfo struct {
	NodeID, NodeState, NodeVotes, NodeExpected, HighestExpected, TotalVotes, Quorum, Flags, DeviceVotes uint32
	DeviceName                                                                                          [maxDeviceName]byte
}

// votequorumCallbacks is votequorum_callbacks_t.
type votequorumCallbacks struct{ Quorum, Expected, Nodelist uintptr }

// cfgCallbacks is corosync_cfg_callbacks_t.
type cfgCallbacks struct{ Shutdown uintptr }

// iovec is struct iovec.
type iovec struct {
	Base unsafe.Pointer
	Len  uintptr
}

// Values of enumerations that are passed.
const (
	cpgModel1        = 1 // CPG_MODEL_V1
	initialTotemConf = 1 // CPG_MODEL_V1_DELIVER_INITIAL_TOTEM_CONF
	typeAgreed       = 2 // CPG_TYPE_AGREED
	quorumModel1     = 1 // QUORUM_MODEL_V1
	quorumSet        = 1 // QUORUM_SET
	oneNonblocking   = 4 // CS_DISPATCH_ONE_NONBLOCKING
	trackCurrent     = 1 // CS_TRACK_CURRENT
	trackChanges     = 2 // CS_TRACK_CHANGES

	cmapInt8   = 1 // CMAP_VALUETYPE_INT8; the unsigned of a size is the next
	cmapUint64 = 8
	cmapString = 11
)

//go:build linux && (amd64 || arm64)

package libcorosync

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"
)

// goLayouts is what this package believes of corosync's structures and enumerations, by their names in C: what a C expression must be.
var goLayouts = map[string]uintptr{
	"sizeof(struct cpg_name)":                                              unsafe.Sizeof(cpgName{}),
	"offsetof(struct cpg_name, length)":                                    unsafe.Offsetof(cpgName{}.Length),
	"sizeof(((struct cpg_name *)0)->length)":                               unsafe.Sizeof(cpgName{}.Length),
	"offsetof(struct cpg_name, value)":                                     unsafe.Offsetof(cpgName{}.Value),
	"CPG_MAX_NAME_LENGTH":                                                  maxGroupName,
	"sizeof(struct cpg_address)":                                           unsafe.Sizeof(cpgAddress{}),
	"offsetof(struct cpg_address, nodeid)":                                 unsafe.Offsetof(cpgAddress{}.NodeID),
	"offsetof(struct cpg_address, pid)":                                    unsafe.Offsetof(cpgAddress{}.PID),
	"offsetof(struct cpg_address, reason)":                                 unsafe.Offsetof(cpgAddress{}.Reason),
	"sizeof(struct cpg_ring_id)":                                           unsafe.Sizeof(cpgRingID{}),
	"offsetof(struct cpg_ring_id, nodeid)":                                 unsafe.Offsetof(cpgRingID{}.NodeID),
	"offsetof(struct cpg_ring_id, seq)":                                    unsafe.Offsetof(cpgRingID{}.Seq),
	"sizeof(struct quorum_ring_id)":                                        unsafe.Sizeof(cpgRingID{}),
	"offsetof(struct quorum_ring_id, seq)":                                 unsafe.Offsetof(cpgRingID{}.Seq),
	"sizeof(cpg_model_v1_data_t)":                                          unsafe.Sizeof(cpgModelV1{}),
	"offsetof(cpg_model_v1_data_t, cpg_deliver_fn)":                        unsafe.Offsetof(cpgModelV1{}.Deliver),
	"offsetof(cpg_model_v1_data_t, cpg_confchg_fn)":                        unsafe.Offsetof(cpgModelV1{}.Confchg),
	"offsetof(cpg_model_v1_data_t, cpg_totem_confchg_fn)":                  unsafe.Offsetof(cpgModelV1{}.Totem),
	"offsetof(cpg_model_v1_data_t, flags)":                                 unsafe.Offsetof(cpgModelV1{}.Flags),
	"sizeof(quorum_model_v1_data_t)":                                       unsafe.Sizeof(quorumModelV1{}),
	"offsetof(quorum_model_v1_data_t, quorum_notify_fn)":                   unsafe.Offsetof(quorumModelV1{}.Quorum),
	"offsetof(quorum_model_v1_data_t, nodelist_notify_fn)":                 unsafe.Offsetof(quorumModelV1{}.Nodelist),
	"sizeof(struct votequorum_info)":                                       unsafe.Sizeof(votequorumInfo{}),
	"offsetof(struct votequorum_info, node_state)":                         unsafe.Offsetof(votequorumInfo{}.NodeState),
	"offsetof(struct votequorum_info, node_votes)":                         unsafe.Offsetof(votequorumInfo{}.NodeVotes),
	"offsetof(struct votequorum_info, node_expected_votes)":                unsafe.Offsetof(votequorumInfo{}.NodeExpected),
	"offsetof(struct votequorum_info, highest_expected)":                   unsafe.Offsetof(votequorumInfo{}.HighestExpected),
	"offsetof(struct votequorum_info, total_votes)":                        unsafe.Offsetof(votequorumInfo{}.TotalVotes),
	"offsetof(struct votequorum_info, quorum)":                             unsafe.Offsetof(votequorumInfo{}.Quorum),
	"offsetof(struct votequorum_info, flags)":                              unsafe.Offsetof(votequorumInfo{}.Flags),
	"offsetof(struct votequorum_info, qdevice_votes)":                      unsafe.Offsetof(votequorumInfo{}.DeviceVotes),
	"offsetof(struct votequorum_info, qdevice_name)":                       unsafe.Offsetof(votequorumInfo{}.DeviceName),
	"sizeof(votequorum_callbacks_t)":                                       unsafe.Sizeof(votequorumCallbacks{}),
	"offsetof(votequorum_callbacks_t, votequorum_quorum_notify_fn)":        unsafe.Offsetof(votequorumCallbacks{}.Quorum),
	"offsetof(votequorum_callbacks_t, votequorum_expectedvotes_notify_fn)": unsafe.Offsetof(votequorumCallbacks{}.Expected),
	"offsetof(votequorum_callbacks_t, votequorum_nodelist_notify_fn)":      unsafe.Offsetof(votequorumCallbacks{}.Nodelist),
	"VOTEQUORUM_QDEVICE_MAX_NAME_LEN":                                      maxDeviceName,
	"sizeof(corosync_cfg_callbacks_t)":                                     unsafe.Sizeof(cfgCallbacks{}),
	"sizeof(struct iovec)":                                                 unsafe.Sizeof(iovec{}),
	"offsetof(struct iovec, iov_len)":                                      unsafe.Offsetof(iovec{}.Len),
	"CMAP_KEYNAME_MAXLEN":                                                  maxKey,
	"sizeof(cpg_handle_t)":                                                 8,
	"sizeof(quorum_handle_t)":                                              8,
	"sizeof(cmap_handle_t)":                                                8,
	"sizeof(cmap_iter_handle_t)":                                           8,
	"sizeof(corosync_cfg_handle_t)":                                        8,
	"sizeof(votequorum_handle_t)":                                          8,
	"sizeof(cs_error_t)":                                                   unsafe.Sizeof(OK),
	"sizeof(cmap_value_types_t)":                                           4,
	"CPG_MODEL_V1":                                                         cpgModel1,
	"CPG_MODEL_V1_DELIVER_INITIAL_TOTEM_CONF":                              initialTotemConf,
	"CPG_TYPE_AGREED":                                                      typeAgreed,
	"QUORUM_MODEL_V1":                                                      quorumModel1,
	"QUORUM_SET":                                                           quorumSet,
	"CS_DISPATCH_ONE_NONBLOCKING":                                          oneNonblocking,
	"CS_TRACK_CURRENT":                                                     trackCurrent,
	"CS_TRACK_CHANGES":                                                     trackChanges,
	"CMAP_VALUETYPE_INT8":                                                  cmapInt8,
	"CMAP_VALUETYPE_UINT64":                                                cmapUint64,
	"CMAP_VALUETYPE_STRING":                                                cmapString,
	"CS_OK":                                                                uintptr(OK),
	"CS_ERR_LIBRARY":                                                       uintptr(Library),
	"CS_ERR_TRY_AGAIN":                                                     uintptr(TryAgain),
	"CS_ERR_INVALID_PARAM":                                                 uintptr(Invalid),
	"CS_ERR_BAD_HANDLE":                                                    uintptr(BadHandle),
	"CS_ERR_ACCESS":                                                        uintptr(Access),
	"CS_ERR_NOT_EXIST":                                                     uintptr(NotExist),
	"CS_ERR_EXIST":                                                         uintptr(Exists),
	"CS_ERR_NO_RESOURCES":                                                  uintptr(NoResources),
	"CS_ERR_TOO_BIG":                                                       uintptr(TooBig),
	"CS_ERR_NO_SECTIONS":                                                   uintptr(NoSections),
	"CPG_REASON_JOIN":                                                      uintptr(ReasonJoin),
	"CPG_REASON_LEAVE":                                                     uintptr(ReasonLeave),
	"CPG_REASON_NODEDOWN":                                                  uintptr(ReasonNodeDown),
	"CPG_REASON_NODEUP":                                                    uintptr(ReasonNodeUp),
	"CPG_REASON_PROCDOWN":                                                  uintptr(ReasonProcDown),
	"VOTEQUORUM_INFO_TWONODE":                                              uintptr(FlagTwoNode),
	"VOTEQUORUM_INFO_QUORATE":                                              uintptr(FlagQuorate),
	"VOTEQUORUM_INFO_WAIT_FOR_ALL":                                         uintptr(FlagWaitForAll),
	"VOTEQUORUM_INFO_LAST_MAN_STANDING":                                    uintptr(FlagLastManStanding),
	"VOTEQUORUM_INFO_AUTO_TIE_BREAKER":                                     uintptr(FlagAutoTieBreaker),
	"VOTEQUORUM_INFO_ALLOW_DOWNSCALE":                                      uintptr(FlagAllowDownscale),
	"VOTEQUORUM_INFO_QDEVICE_REGISTERED":                                   uintptr(FlagDeviceThere),
	"VOTEQUORUM_INFO_QDEVICE_ALIVE":                                        uintptr(FlagDeviceAlive),
	"VOTEQUORUM_INFO_QDEVICE_CAST_VOTE":                                    uintptr(FlagDeviceVotes),
	"VOTEQUORUM_INFO_QDEVICE_MASTER_WINS":                                  uintptr(FlagDeviceWins),
	"VOTEQUORUM_NODESTATE_MEMBER":                                          uintptr(NodeMember),
	"VOTEQUORUM_NODESTATE_DEAD":                                            uintptr(NodeDead),
	"VOTEQUORUM_NODESTATE_LEAVING":                                         uintptr(NodeLeaving),
	"sizeof(((struct votequorum_info *)0)->qdevice_name)":                  maxDeviceName,
	"(__builtin_types_compatible_p(size_t, unsigned long) ? 8 : 0)":        unsafe.Sizeof(uintptr(0)),
}

// signatures makes the compiler refuse if a call or a callback is not declared as this package calls it.
const signatures = `
typedef void (*totem_t)(uint64_t, struct cpg_ring_id, uint32_t, const uint32_t *);
typedef void (*nodelist_t)(uint64_t, struct quorum_ring_id, uint32_t, const uint32_t *, uint32_t, const uint32_t *, uint32_t, const uint32_t *);
typedef void (*quorum_t)(uint64_t, uint32_t, struct quorum_ring_id, uint32_t, const uint32_t *);
typedef void (*deliver_t)(uint64_t, const struct cpg_name *, uint32_t, uint32_t, void *, size_t);
typedef void (*confchg_t)(uint64_t, const struct cpg_name *, const struct cpg_address *, size_t, const struct cpg_address *, size_t, const struct cpg_address *, size_t);
static cpg_totem_confchg_fn_t totem = (totem_t)0;
static quorum_v1_nodelist_notification_fn_t nodelist = (nodelist_t)0;
static quorum_v1_quorum_notification_fn_t quorum = (quorum_t)0;
static cpg_deliver_fn_t deliver = (deliver_t)0;
static cpg_confchg_fn_t confchg = (confchg_t)0;
static cs_error_t (*initialize)(uint64_t *, cpg_model_t, cpg_model_data_t *, void *) = cpg_model_initialize;
static cs_error_t (*mcast)(uint64_t, cpg_guarantee_t, const struct iovec *, unsigned int) = cpg_mcast_joined;
static cs_error_t (*atomic)(uint64_t, uint32_t *) = cpg_max_atomic_msgsize_get;
static cs_error_t (*qinitialize)(uint64_t *, quorum_model_t, quorum_model_data_t *, uint32_t *, void *) = quorum_model_initialize;
static cs_error_t (*get)(uint64_t, const char *, void *, size_t *, cmap_value_types_t *) = cmap_get;
static cs_error_t (*next)(uint64_t, uint64_t, char [], size_t *, cmap_value_types_t *) = cmap_iter_next;
static cs_error_t (*killer)(uint64_t, unsigned int, const char *) = corosync_cfg_kill_node;
static cs_error_t (*info)(uint64_t, unsigned int, struct votequorum_info *) = votequorum_getinfo;
`

// What C says and what Go says of every structure must be the same: a field in the wrong place is read without an error.
func TestLayoutsAreThoseOfTheHeaders(t *testing.T) {
	for _, h := range []string{"cpg.h", "quorum.h", "cmap.h", "cfg.h", "votequorum.h"} {
		if _, err := os.Stat("/usr/include/corosync/" + h); err != nil {
			skip(t, "corosync/"+h+" is not installed")
		}
	}
	cc, err := exec.LookPath("gcc")
	if err != nil {
		skip(t, "gcc is not installed")
	}
	var src strings.Builder
	for _, h := range []string{"stddef.h", "stdint.h", "stdio.h", "sys/uio.h", "sys/types.h", "netinet/in.h", "corosync/corotypes.h", "corosync/cpg.h", "corosync/quorum.h", "corosync/cmap.h", "corosync/cfg.h", "corosync/votequorum.h"} {
		fmt.Fprintf(&src, "#include <%s>\n", h)
	}
	src.WriteString(signatures + "int main(void) {\n")
	for what := range goLayouts {
		fmt.Fprintf(&src, "\tprintf(\"%%s\\t%%zu\\n\", %q, (size_t)(%s));\n", what, what)
	}
	src.WriteString("\treturn !(!totem && !nodelist && !quorum && !deliver && !confchg && initialize && mcast && atomic && qinitialize && get && next && killer && info);\n}\n")
	dir := t.TempDir()
	file, bin := filepath.Join(dir, "layout.c"), filepath.Join(dir, "layout")
	if err := os.WriteFile(file, []byte(src.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(cc, "-Wall", "-Werror", "-o", bin, file, "-lcpg", "-lquorum", "-lcmap", "-lcfg", "-lvotequorum").CombinedOutput(); err != nil {
		t.Fatalf("the program does not compile against the headers: %v\n%s", err, out)
	}
	out, err := exec.Command(bin).Output()
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for line := range strings.Lines(string(out)) {
		what, number, _ := strings.Cut(strings.TrimSpace(line), "\t")
		var c uintptr
		if _, err := fmt.Sscan(number, &c); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		told++
		if g := goLayouts[what]; g != c {
			t.Errorf("%s is %d in C and %d in Go", what, c, g)
		}
	}
	if told != len(goLayouts) {
		t.Errorf("C told %d of %d", told, len(goLayouts))
	}
}

// skip skips by name; where CI demands everything that is a failure.
func skip(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("FENCED_TEST_REQUIRE") == "all" {
		t.Fatalf("SKIP %s: %s (and FENCED_TEST_REQUIRE=all)", t.Name(), why)
	}
	t.Skipf("SKIP %s: %s", t.Name(), why)
}

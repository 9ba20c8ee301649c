package fence_test

import (
	"testing"

	"github.com/fenced-project/fenced/fence"
)

func TestAdmissibleRefusesOneReadIsTwo(t *testing.T) {
	p := powerProof()
	p.j.Levels[0].Steps = p.j.Levels[0].Steps[:1]
	p.e.Devices = p.e.Devices[:1]
	p.j.Devices[0].SettleMS = 0
	p.e.Devices[0].First = read(fence.PowerOff, identity(uuidV), 1000, 1000)
	p.e.Devices[0].Final = p.e.Devices[0].First
	judge(t, p, "settle")
}

func TestAdmissibleRefusesNegativeSettle(t *testing.T) {
	p := powerProof()
	p.j.Levels[0].Steps = p.j.Levels[0].Steps[:1]
	p.e.Devices = p.e.Devices[:1]
	p.j.Devices[0].SettleMS = -5000
	p.e.Devices[0].Final = p.e.Devices[0].First
	p.e.Devices[0].Final.StartedMS = p.e.Devices[0].First.FinishedMS
	p.e.Devices[0].Final.FinishedMS = p.e.Devices[0].First.FinishedMS
	judge(t, p, "settle")
}

func TestAdmissibleRefusesDeviceAndAskInOneStep(t *testing.T) {
	p := powerProof()
	p.j.Levels[0].Steps[0].Ask = fence.AskHuman
	judge(t, p, "level")
}

func TestAdmissibleRefusesWatchdogOfUnknownMachine(t *testing.T) {
	p := watchdogProof()
	p.v.Machine = fence.Machine{}
	judge(t, p, "R15")
}

func TestAdmissibleRefusesWatchdogOfUnknownLife(t *testing.T) {
	p := watchdogProof()
	p.v.Incarnation = fence.UnknownLife(3, 2)
	judge(t, p, "R15")
}

func TestAdmissibleRefusesWatchdogWithoutTimes(t *testing.T) {
	p := watchdogProof()
	p.j.Watchdog.HardwareMS, p.j.Watchdog.LeaseMS = 0, -2000
	p.e.WaitedMS = 1500
	judge(t, p, "R15")
}

func TestAdmissibleRefusesPlaceholderSerial(t *testing.T) {
	p := powerProof()
	p.v.Machine = fence.Machine{UUID: uuidV, Serial: "To be filled by O.E.M."}
	p.e.Devices[0].First.Identity = fence.Identity{Serial: "To be filled by O.E.M."}
	p.e.Devices[0].Final.Identity = p.e.Devices[0].First.Identity
	p.j.Proven = nil
	judge(t, p, "device bmc gives no identity")
}

func TestAdmissibleRefusesIdentityVanished(t *testing.T) {
	p := powerProof()
	p.e.Devices[0].Final.Identity = fence.Identity{}
	p.j.Proven = append(p.j.Proven, p.j.Levels[0].Proof(p.j.Levels[0].Steps[0], p.j.Devices)) // a drill would do for one that never gives any
	judge(t, p, "in one read and none in the other")
}

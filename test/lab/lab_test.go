package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/fenced-project/fenced/test/harness"
)

func TestMain(m *testing.M) {
	code := m.Run()
	shared.end()
	if err := writeReport(filepath.Join("..", "..")); err != nil {
		fmt.Fprintln(os.Stderr, "cannot write build/lab.json:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// What the other tests stand on: machines that answer, a switch that cuts, BMCs that really cut power, a disk that all see.
func TestTheLabItself(t *testing.T) {
	shared.end()
	reported(t)
	l := start(t, Setup{}, 2)
	t.Cleanup(func() { ended(t, l) })
	ctx := harness.Within(t, 5*time.Minute)
	a, b := l.Machine(1), l.Machine(2)
	boot := "cat /proc/sys/kernel/random/boot_id"
	first, err := b.Run(ctx, boot)
	must(t, err)
	_, err = a.Run(ctx, "ping -c 1 -W 5 node-2 && echo here | dd of=/dev/shared bs=512 count=1 conv=sync,fsync")
	must(t, err)
	if _, err := b.Run(ctx, "dd if=/dev/shared iflag=direct bs=512 count=1 | grep here; cat /sys/class/dmi/id/product_uuid | grep -i "+b.UUID()); err != nil {
		t.Error(err)
	}
	l.Isolate(b)
	if _, err := a.Run(ctx, "! ping -c 2 -W 2 node-2"); err != nil {
		t.Error(err)
	}
	l.Join(a, b)
	_, err = b.Run(ctx, "echo kept >/var/lib/kept; sync")
	must(t, err)
	out, err := exec.Command("ipmitool", "-I", "lanplus", "-H", "127.0.0.1", "-p", itoa(b.BMCPort()), "-U", BMCUser, "-P", BMCPassword, "-C", "3", "chassis", "power", "cycle").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	second, err := b.Run(ctx, boot+"; cat /var/lib/kept")
	must(t, err)
	if second == first || b.Offs() != 1 || len(b.Switched()) != 2 {
		t.Errorf("boot %s, then %s; %v", first, second, b.Switched())
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func itoa(n int) string { return strconv.Itoa(n) }

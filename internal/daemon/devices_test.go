package daemon

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fenced-project/fenced/client"
)

// TestAHungPluginDirectoryDelaysNoStatus: status, and with it systemd's word of the loop, never wait for a disk (S4.10, R20).
func TestAHungPluginDirectoryDelaysNoStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := make(chan client.Plugins)
		var looks atomic.Int32
		h := &HostDevices{discover: func() client.Plugins { looks.Add(1); return <-answers }}
		for range 3 {
			begin := time.Now()
			if got := h.Plugins(); len(got.Plugins) != 0 || time.Since(begin) > lookWait {
				t.Fatalf("%v after %s", got, time.Since(begin))
			}
		}
		if looks.Load() != 1 {
			t.Fatalf("%d looks at a disk that hangs", looks.Load())
		}
		answers <- client.Plugins{Plugins: []client.Plugin{{Name: "bmc"}}}
		synctest.Wait()
		if got := h.Plugins(); len(got.Plugins) != 1 || looks.Load() != 1 {
			t.Fatalf("%v after %d looks", got, looks.Load())
		}
	})
}

package systemd

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestUnit(t *testing.T) {
	needs(t)
	m := boot(t, cluster(t))
	m.do("systemctl", "start", "fenced-peer@2", "fenced-peer@3")
	m.do("systemctl", "start", "--no-block", "workload.service")
	look := func() map[string]string {
		return m.show("fenced.service", "ActiveState", "SubState", "StatusText", "NRestarts", "MainPID", "Result")
	}
	m.until("waits", 10*time.Second, func() string {
		s := look()
		if strings.Contains(s["StatusText"], "domain") {
			return ""
		}
		return fmt.Sprint(s)
	})
	t.Log(m.do("fenced", "bootstrap", "unit", "--yes"))
	last := ""
	for range 100 {
		s := fmt.Sprint(look())
		if s != last {
			t.Log(s)
			last = s
		}
		time.Sleep(50 * time.Millisecond)
	}
	m.do("systemctl", "log-level", "debug")
	obs := func(n int) {
		for range n {
			s := fmt.Sprint(look())
			if s != last {
				t.Log(time.Now().Format("05.000"), s)
				last = s
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	m.do("systemctl", "kill", "--signal=KILL", "--kill-whom=main", "fenced")
	obs(150)
	m.do("systemctl", "start", "workload")
	t.Log("STOP signal")
	m.do("systemctl", "kill", "--signal=STOP", "--kill-whom=main", "fenced")
	obs(200)
	t.Log("peers stop")
	m.do("systemctl", "stop", "fenced-peer@2")
	obs(50)
	m.do("systemctl", "stop", "fenced-peer@3")
	obs(50)
	t.Log(m.do("systemctl", "status", "fenced", "--no-pager"))
	t.Error("look")
}

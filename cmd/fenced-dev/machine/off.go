package machine

import (
	"context"
	"fmt"
	"time"
)

// looks is how often in a row the process table must show nothing of the machine: one look can miss a child whose parent ended while we read.
const looks = 2

// off kills everything of the machine until nothing of it is found any more: what forks between two looks is found by the next. SIGKILL
// also ends processes that are stopped. Only then is the machine off.
func (m *Machine) off(ctx context.Context) error {
	r, err := m.record()
	if err != nil {
		return err
	}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for clean := 0; clean < looks; {
		alive, err := m.members(r)
		if err != nil {
			return err
		}
		if len(alive) == 0 {
			clean++
			continue
		}
		clean = 0
		for _, p := range alive {
			if err := p.kill(); err != nil {
				return err
			}
		}
		_ = Thaw(m.path("state")) // who hangs on a disk survives SIGKILL until the disk answers; without power no disk hangs
		select {
		case <-ctx.Done():
			return fmt.Errorf("cannot power off machine %s: %d processes survive SIGKILL, first pid %d: %w", m.dir, len(alive), alive[0].pid, ctx.Err())
		case <-tick.C:
		}
	}
	if err := m.empty("run"); err != nil {
		return err
	}
	return m.setPower(Off)
}

package watchdog

import (
	"bufio"
	"context"
	"net"
)

// talk sends one line and reads what comes back, if anything does.
func talk(ctx context.Context, socket, line string) error {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if at, ok := ctx.Deadline(); ok {
		if err := c.SetDeadline(at); err != nil {
			return err
		}
	}
	_, _ = c.Write([]byte(line)) // it may have hung up before it read everything
	_, _ = bufio.NewReader(c).ReadString('\n')
	return nil
}

package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"
)

// answerWithin is how long the lab may take to switch a machine; ipmi_sim answers its client only after that.
const answerWithin = 30 * time.Second

// power is what ipmi_sim runs to read or switch its machine ("get power", "set power 0"): the lab holds the machine, and is asked.
func power(args []string) error {
	c, err := net.Dial("unix", args[0])
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return err
	}
	if _, err := io.WriteString(c, strings.Join(args[1:], " ")+"\n"); err != nil {
		return err
	}
	b, err := io.ReadAll(c)
	if err != nil {
		return err
	}
	said, ok := strings.CutPrefix(string(b), "ok\n")
	if !ok {
		return fmt.Errorf("the lab says: %s", b)
	}
	_, err = os.Stdout.WriteString(said)
	return err
}

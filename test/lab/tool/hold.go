package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/fenced-project/fenced/client"
)

// The bounds of asking: one registration, and the pause before another.
const (
	registerWithin = 60 * time.Second
	askAgain       = 500 * time.Millisecond
)

// hold asks fenced for a grant, again and again until it has it, writes to the file when that was, and keeps it until this process ends or the
// node has failed: what a program does that uses what is shared, for the kernel's file system, which does not ask.
func hold(args []string) error {
	ctx := context.Background() // it ends with the machine
	c := client.New(client.DefaultSocket, "lab")
	defer c.Close()
	for {
		err := holdOnce(ctx, c, args[0])
		if _, there := os.Stat(args[0]); there == nil {
			return fmt.Errorf("what was granted is over: %w", err) // it must not be asked for again: the file system is mounted
		}
		time.Sleep(askAgain)
	}
}

func holdOnce(ctx context.Context, c *client.Client, file string) error {
	asked, cancel := context.WithTimeout(ctx, registerWithin)
	defer cancel()
	s, err := c.Register(asked, client.Registration{Name: "lab"})
	if err != nil {
		return err
	}
	defer s.Close()
	for granted := s.State().Granted; ; {
		if granted {
			if err := os.WriteFile(file, []byte(time.Now().UTC().Format(time.RFC3339Nano)+"\n"), 0o600); err != nil {
				return err
			}
		}
		n, err := s.Next(ctx)
		if err != nil {
			return err
		}
		granted = n.Event == client.NoticeGranted
	}
}

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"strconv"
	"time"

	"github.com/fenced-project/fenced/client"
)

// What asks fenced all the time does so from one small process: to start fenced's own command again and again would take from an emulated
// machine what the daemon needs.
const (
	askWithin = 20 * time.Second
	askEvery  = time.Second
)

// watch writes every event that every run of the daemon says to the file, for as long as the machine runs.
func watch(args []string) error {
	f, err := os.OpenFile(args[0], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	c := client.New(client.DefaultSocket, "lab-watch")
	defer c.Close()
	for {
		for e, err := range c.Watch(context.Background(), client.WatchFrom{}) {
			if err != nil {
				break // another run of the daemon begins anew
			}
			b, err := json.Marshal(e)
			if err != nil {
				return err
			}
			if _, err := f.Write(append(b, '\n')); err != nil {
				return err
			}
		}
		time.Sleep(askEvery)
	}
}

// status writes the daemon's status as JSON.
func status([]string) error {
	s, err := ask()
	if err != nil {
		return err
	}
	w := bufio.NewWriter(os.Stdout)
	if err := json.NewEncoder(w).Encode(s); err != nil {
		return err
	}
	return w.Flush()
}

// member returns when the node is a member.
func member(args []string) error {
	return until(func(nodes []client.Node) bool {
		for _, n := range nodes {
			if n.Name == args[0] && n.State == client.StateMember {
				return true
			}
		}
		return false
	})
}

// members returns when so many nodes are members.
func members(args []string) error {
	want, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	return until(func(nodes []client.Node) bool {
		have := 0
		for _, n := range nodes {
			if n.State == client.StateMember {
				have++
			}
		}
		return have >= want
	})
}

// until returns when what the daemon says of its nodes is so.
func until(so func([]client.Node) bool) error {
	for {
		if s, err := ask(); err == nil && so(s.Nodes) {
			return nil
		}
		time.Sleep(askEvery)
	}
}

func ask() (client.Status, error) {
	ctx, cancel := context.WithTimeout(context.Background(), askWithin)
	defer cancel()
	c := client.New(client.DefaultSocket, "lab")
	defer c.Close()
	return c.Status(ctx)
}

package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/journal"

	"github.com/fenced-project/fenced/client"
)

const (
	// fenceDLMLimit ends a fence_dlm whose operation does not end; dlm_controld asks again.
	fenceDLMLimit = 10 * time.Minute
	// maxAgentInput bounds what is read from standard input, in bytes.
	maxAgentInput = 4096
)

// fenceDLM is what dlm.conf's fence_all names (R27). dlm_controld runs it without arguments, writes node=ID and fail_time=SECONDS to its standard
// input and takes exit 0 for a fenced node. What it asks is a report, never more than a request (R29): the node's present life becomes a victim
// unless it is proven over, and success is a proof and nothing else. The fail time is of a clock on a wall and orders nothing. Nobody reads
// the output of what dlm_controld runs, so every failure goes to the journal too.
// Kept for R27: S5.17, I1.
func (a *app) fenceDLM(ctx context.Context, args []string) int {
	ctx, stop := interruptible(ctx)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, fenceDLMLimit, errLimit)
	defer cancel()
	id, err := dlmVictim(a.in, args)
	if err != nil {
		a.journal(journal.PriErr, fmt.Sprintf("%s: nobody was fenced: %v", a.name, err))
		return oldFailure
	}
	if err := a.fenceReported(ctx, id); err != nil {
		a.journal(journal.PriErr, fmt.Sprintf("%s: cannot fence node %d: %v", a.name, id, err))
		return oldFailure
	}
	return oldSuccess
}

// dlmVictim reads the node's id. What is not understood is no victim: a fence agent that guesses shoots the wrong node.
func dlmVictim(in io.Reader, args []string) (uint32, error) {
	if len(args) > 0 {
		return 0, fmt.Errorf("unknown argument %q: dlm_controld gives none, write the name of this program alone after fence_all in dlm.conf", args[0])
	}
	var id uint64
	lines := bufio.NewScanner(io.LimitReader(in, maxAgentInput))
	for lines.Scan() {
		key, value, _ := strings.Cut(strings.TrimSpace(lines.Text()), "=")
		if key != "node" && key != "nodeid" {
			continue
		}
		n, err := strconv.ParseUint(value, 10, 32)
		if err != nil || n == 0 || id != 0 && id != n {
			return 0, fmt.Errorf("%q on standard input is no single node id", lines.Text())
		}
		id = n
	}
	if err := lines.Err(); err != nil {
		return 0, fmt.Errorf("cannot read standard input: %w", err)
	}
	if id == 0 {
		return 0, fmt.Errorf("no node=ID on standard input")
	}
	return uint32(id), nil
}

// fenceReported asks in the name of a program with the role report, which is registered for as long as it asks.
func (a *app) fenceReported(ctx context.Context, id uint32) error {
	c := a.client()
	defer c.Close()
	st, err := c.Status(ctx)
	if err != nil {
		return err
	}
	name := ""
	for _, n := range st.Nodes {
		if n.ID == id {
			name = n.Name
		}
	}
	if name == "" {
		return client.Errorf(client.CodeNoSuch, "no node of this cluster has the id %d: fenced.yaml and corosync.conf must give a node the same id", id)
	}
	s, err := c.Register(ctx, client.Registration{Name: fmt.Sprintf("%s-%d", a.name, os.Getpid()), Role: client.RoleReport})
	if err != nil {
		return err
	}
	defer s.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { // until Close; a node that has failed itself proves nothing to its dlm any more
		for {
			if _, err := s.Next(ctx); err != nil {
				cancel(err)
				return
			}
		}
	}()
	r := client.Request{Node: name, Action: client.ActionReboot, Reason: "dlm_controld says that it failed", Client: s.ID()}
	show, err := a.fenceOld(ctx, c, r, 0)
	if err == nil {
		a.journal(journal.PriNotice, fmt.Sprintf("%s: %s", a.name, resultLine(show)))
	}
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// journalLimit bounds a write to a journal that does not read: the proof that dlm_controld waits for must not.
const journalLimit = time.Second

// journal writes a line where somebody looks: to the journal, and to standard error for whoever runs this by hand.
func (a *app) journal(p journal.Priority, line string) {
	fmt.Fprintln(a.err, line)
	if !journal.Enabled() {
		return
	}
	sent := make(chan error, 1)
	go func() { sent <- journal.Send(line, p, map[string]string{"SYSLOG_IDENTIFIER": a.name}) }()
	err := errLimit
	select {
	case err = <-sent:
	case <-time.After(journalLimit):
	}
	if err != nil {
		fmt.Fprintf(a.err, "%s: cannot write to the journal: %v\n", a.name, err)
	}
}

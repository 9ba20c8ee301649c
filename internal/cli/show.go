package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

func (a *app) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show OPERATION",
		Short: "one operation with its attempts, its proof and its times",
		Args:  words(1, 1, "the number of one OPERATION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := strconv.ParseUint(args[0], 10, 63)
			if err != nil {
				return usage("an operation is a number, not %q (fenced history lists them)", args[0])
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), queryTimeout)
			defer cancel()
			c := a.client()
			defer c.Close()
			s, err := c.Show(ctx, id)
			if err != nil {
				return err
			}
			a.show(s, func(w io.Writer) { showText(w, s) })
			return nil
		},
	}
}

func showText(w io.Writer, s client.Show) {
	h := s.History
	fact := func(label, format string, args ...any) {
		fmt.Fprintf(w, "  %-10s "+format+"\n", append([]any{label}, args...)...)
	}
	fmt.Fprintf(w, "op %d   %s %s   %s\n", h.ID, h.Action, h.Victim, historyOutcome(h))
	fact("life", "boot %s", orDash(h.Incarnation))
	fact("cause", "%s", orDash(h.Cause))
	if h.RequestedBy != "" {
		fact("asked by", "%s", h.RequestedBy)
	}
	if h.Reason != "" {
		fact("reason", "%s", h.Reason)
	}
	for _, r := range s.Requests {
		fact("request", "%s %s by %s: %s", r.ID, r.Action, orDash(r.By), orDash(r.Reason))
	}
	fact("actor", "%s", orDash(h.Actor))
	fact("started", "%s", rfc3339(h.Started))
	fact("finished", "%s", rfc3339(h.Finished))
	if s.Operation != nil {
		fact("now", "%s", operationLine(*s.Operation))
	}
	for _, at := range h.Attempts {
		fact("attempt", "%s", attemptLine(at))
	}
	if h.Evidence.Kind != "" {
		fact("proof", "%s at %s, first read after log index %d", evidenceText(h.Evidence), rfc3339(h.Evidence.At), h.Evidence.ReadIndex)
	}
	if s.Error != "" {
		fact("error", "%s (exit code %d)", s.Error, s.Code)
	}
	fact("times", "%s", timesLine(h.Times))
	if !s.Done {
		fact("next", "fenced watch %d", h.ID)
	}
}

func rfc3339(t client.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

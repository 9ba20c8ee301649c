package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

func (a *app) historyCommand() *cobra.Command {
	var back string
	var failed, verbose bool
	var limit int
	cmd := &cobra.Command{
		Use:               "history [NODE]",
		Short:             "operations of the past, the newest last",
		Args:              words(0, 1, "at most one NODE"),
		ValidArgsFunction: a.nodeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			q := client.HistoryQuery{Failed: failed, Limit: limit}
			if len(args) == 1 {
				q.Node = args[0]
			}
			if limit < 0 {
				return usage("--limit must not be negative")
			}
			if back != "" {
				var err error
				if q.Since, err = since(back); err != nil {
					return err
				}
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), queryTimeout)
			defer cancel()
			c := a.client()
			defer c.Close()
			h, err := c.History(ctx, q)
			if err != nil {
				return err
			}
			if a.format == formatJSON {
				for _, l := range h.Lines {
					a.json(l)
				}
				return nil
			}
			a.historyText(a.out, h, verbose || a.format == formatWide)
			return nil
		},
	}
	cmd.Flags().StringVar(&back, "since", "", "how far back: 90s, 12h, 7d, 2w")
	cmd.Flags().BoolVar(&failed, "failed", false, "only operations that failed, or had a failed attempt")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "every attempt, with what the device answered")
	cmd.Flags().IntVar(&limit, "limit", 0, "at most so many, the newest (0: all that are kept)")
	return cmd
}

func (a *app) historyText(w io.Writer, h client.History, verbose bool) {
	if len(h.Lines) == 0 {
		fmt.Fprintln(w, "no operations")
		return
	}
	if h.Truncated {
		fmt.Fprintln(w, "older operations are not shown")
	}
	t := &table{}
	t.add("OP", "STARTED", "NODE", "CAUSE", "OUTCOME")
	for _, l := range h.Lines {
		t.add(fmt.Sprint(l.ID), stamp(l.Started), l.Victim, l.Cause, historyOutcome(l))
		if verbose {
			for _, at := range l.Attempts {
				t.add("", "", "", "", "  "+attemptLine(at))
			}
		}
	}
	t.write(w, false, "")
	fmt.Fprintf(w, "next         fenced show %d\n", h.Lines[len(h.Lines)-1].ID)
}

// historyOutcome is how an operation ended, or that it has not.
func historyOutcome(l client.HistoryLine) string {
	if l.Resolution == "" && l.Finished.IsZero() {
		return l.Action + " in progress"
	}
	if l.Resolution == client.ResolutionWould {
		return "would have been fenced (" + l.Action + "): not armed"
	}
	parts := []string{orElse(l.Verdict, orElse(l.Resolution, "no verdict"))}
	if l.Evidence.Kind != "" {
		parts = append(parts, evidenceText(l.Evidence))
	}
	if !l.Finished.IsZero() && !l.Started.IsZero() {
		parts = append(parts, "after "+took(l.Finished.Sub(l.Started.Time).Milliseconds()))
	}
	if l.Actor != "" {
		parts = append(parts, "by "+l.Actor)
	}
	bad := 0
	for _, at := range l.Attempts {
		if at.Class != client.ClassOK {
			bad++
		}
	}
	if bad > 0 {
		parts = append(parts, plural(bad, "failed attempt", "failed attempts")+" before")
	}
	return strings.Join(parts, ", ")
}

func attemptLine(at client.Attempt) string {
	line := fmt.Sprintf("level %d %s %s: %s", at.Level, at.Device, at.Action, at.Class)
	if at.Result != "" && at.Result != at.Class {
		line += ", " + at.Result
	}
	line += " in " + took(at.MS)
	if at.Text != "" {
		line += ": " + at.Text
	}
	return line
}

// timesLine is where the time went; what was not measured is left out.
func timesLine(t client.Times) string {
	var parts []string
	for _, p := range []struct {
		name string
		ms   int64
	}{
		{"detect", t.DetectMS},
		{"claim", t.ClaimMS},
		{"off", t.OffMS},
		{"verify", t.VerifyMS},
		{"verdict", t.VerdictMS},
		{"release", t.ReleaseMS},
		{"on", t.OnMS},
		{"rejoin", t.RejoinMS},
	} {
		if p.ms > 0 {
			parts = append(parts, p.name+" "+took(p.ms))
		}
	}
	return joined(parts, ", ")
}

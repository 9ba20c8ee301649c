package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

func (a *app) configReloadCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "reload",
		Short: "make this node's daemon read its configuration files again (systemctl reload fenced)",
		Long: `What is local, such as secrets and checksums of plugins, is taken at once. Nodes, levels, devices, timings and policies are the roster: they are taken only if
they are what is committed. A file with other ones changes nothing until fenced apply, and this node goes on as before.

Exit code: 0 taken; 78 the configuration is wrong, with every mistake; 90 the file is not the committed roster: nothing was taken.`,
		Args: words(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), actTimeout)
			defer cancel()
			c := a.client()
			defer c.Close()
			r, err := c.Reload(ctx)
			if err != nil {
				return err
			}
			a.show(r, func(w io.Writer) { reloadedText(w, r) })
			if !r.Equal {
				a.say("next: fenced apply --dry-run")
				return silent(client.CodeAttention)
			}
			return nil
		},
	}
}

func reloadedText(w io.Writer, r client.Reloaded) {
	for _, c := range r.Changes {
		fmt.Fprintf(w, "  %s\n", c)
	}
	switch {
	case r.Equal:
		fmt.Fprintf(w, "read again: the file is roster %d (%s)\n", r.Version, r.Hash)
	case r.Taken:
		fmt.Fprintf(w, "read again: the file (%s) is not roster %d, which is committed; this node does not act\n", r.Hash, r.Version)
	default:
		fmt.Fprintf(w, "nothing was taken: the file (%s) is not roster %d, which is committed and by which this node goes on\n", r.Hash, r.Version)
	}
	if len(r.Restart) > 0 {
		fmt.Fprintf(w, "takes effect when fenced is restarted here: %s\n", strings.Join(r.Restart, "; "))
	}
}

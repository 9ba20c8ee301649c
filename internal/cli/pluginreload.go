package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

func (a *app) pluginReloadCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "reload [NAME…]",
		Short: "start plugins again, with what is installed now; no operation is lost",
		Long: `Starts a fresh process of each plugin that runs here (of those that are named), of the highest version that is installed and works. New calls go
to it from when it is ready; those under way end in the old process. What does not start changes nothing: the old process goes on.
Which checksums are demanded is read from the configuration first; what runs and has another one does not go on.
The daemon looks by itself every ten seconds whether a plugin's file was replaced or a higher version was installed.

Exit code: 0 all run anew; 1 one did not start; 78 the configuration is wrong; 105 no device here uses such a plugin.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), actTimeout)
			defer cancel()
			c := a.client()
			defer c.Close()
			r, err := c.ReloadPlugins(ctx, client.PluginReload{Plugins: args})
			if err != nil {
				return err
			}
			a.show(r, func(w io.Writer) { reloadsText(w, r) })
			for _, one := range r.Reloads {
				if one.Error != "" {
					return silent(client.CodeError)
				}
			}
			return nil
		},
	}
}

func reloadsText(w io.Writer, r client.PluginsReloaded) {
	if len(r.Reloads) == 0 {
		fmt.Fprintln(w, "no plugin runs here")
		return
	}
	t := &table{}
	t.add("PLUGIN", "VERSION", "PROCESSES", "PID", "BEFORE", "")
	for _, one := range r.Reloads {
		text := ""
		switch {
		case one.Error != "":
			text = "ERROR " + one.Error
		case one.Finishing > 0:
			text = plural(one.Finishing, "call ends", "calls end") + " in the old process"
		}
		t.add(one.Plugin, orDash(one.Version), one.Lane, number(one.PID), number(one.Before), text)
	}
	t.write(w, false, "")
}

// number is n, or a dash for none.
func number(n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

package cli

import (
	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

func (a *app) onCommand() *cobra.Command {
	return a.actCommand(client.ActionOn, "switch NODE on",
		"Switches NODE on, when nothing that was sent to its devices before can still switch it off.")
}

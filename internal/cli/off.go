package cli

import (
	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

func (a *app) offCommand() *cobra.Command {
	return a.actCommand(client.ActionOff, "switch NODE off, with proof, and hold it off",
		"Ends NODE's present life: its devices switch it off and are read back, everybody else is told, and it stays off until `fenced on`.")
}

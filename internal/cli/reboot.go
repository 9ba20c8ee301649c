package cli

import (
	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

func (a *app) rebootCommand() *cobra.Command {
	return a.actCommand(client.ActionReboot, "switch NODE off, with proof, then on again",
		"Ends NODE's present life: its devices switch it off and are read back, everybody else is told, then it is switched on.")
}

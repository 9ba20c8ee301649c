package cli

import (
	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

func (a *app) unfenceCommand() *cobra.Command {
	return a.actCommand(client.ActionUnfence, "give NODE its access to storage back",
		"Opens what a cut has closed of NODE's paths to storage, and reads it back. That happens by itself before a node is admitted; this tries once more\n"+
			"what failed, and opens what was closed by hand. It is refused for a life that was cut off: only a new boot with a clean scan gets its access back.")
}

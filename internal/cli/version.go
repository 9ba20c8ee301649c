package cli

import (
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/fenced-project/fenced/client"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "the version of this program",
		Args:  words(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			a.show(struct {
				API     string `json:"api"`
				Version string `json:"version"`
				Go      string `json:"go"`
			}{client.API, a.deps.Version, runtime.Version()}, func(w io.Writer) { fmt.Fprintf(w, "fenced %s\n", a.deps.Version) })
			return nil
		},
	}
}

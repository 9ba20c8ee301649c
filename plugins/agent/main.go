package main

import (
	"os"

	"github.com/fenced-project/fenced/plugins/sdk"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "--agents=json" { // for `fenced plugin agents`
		os.Exit(survey(os.Stdout, os.Stderr, os.Args[2:]))
	}
	sdk.Main(plugin{})
}

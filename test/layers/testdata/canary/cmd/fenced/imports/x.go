// Package x is a canary of test/layers: no device library in the process that decides.
package x

// want: depends on github.com/bmc-toolbox/bmclib/v2
// want: depends on github.com/stmcginnis/gofish
// want: depends on github.com/bougou/go-ipmi
import (
	_ "github.com/bmc-toolbox/bmclib/v2"
	_ "github.com/bougou/go-ipmi/pkg/client"
)

// Package x is a canary of test/layers: the domain may import the words alone.
package x

// want: may not import plugins/proto
import _ "github.com/fenced-project/fenced/plugins/proto"

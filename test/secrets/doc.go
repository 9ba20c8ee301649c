// Package secrets plants canary secrets and looks for them where no secret may be.
//
// A cluster gets a key and BMC passwords that occur nowhere else in the world: from plain files, from systemd's credentials directory, one
// right, one wrong, one for a BMC that is dead, by IPMI and by Redfish. It fences nodes with them, so that the error paths speak too, and is
// asked everything it can be asked. Meanwhile the arguments and environments of all processes are read as fast as they can be; afterwards
// logs, state directories, run directories, API documents, event streams, stack dumps and the output of commands are searched: in clear,
// base64, hexadecimal, as numbers, and quoted. Nothing may be found.
//
// The scanner is proven first: it must find what was leaked on purpose. What it cannot see: keys derived from the cluster's key, and
// secrets that were compressed or encrypted.
//
// It needs root to look at all processes, else it skips by name. Start reading at leak_test.go, then needle_test.go and planted_test.go.
package secrets

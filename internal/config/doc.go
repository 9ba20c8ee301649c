// Package config turns the administrator's files into the parameters of the other rooms. It is the only room that knows YAML and file
// positions.
//
// It reads /etc/fenced/fenced.yaml and conf.d/*.yaml strictly and reports every mistake at once, each with file, line, column and a remedy
// (exit code 78). It guesses nothing that could hurt: an unknown field, a doubled key, two nodes on one outlet and a membership provider
// that nobody wrote down are errors. It starts nothing, opens no socket and reads no device.
//
// Start reading at config.go (what comes out), then load.go (the way from files to it); tree.go and merge.go are the YAML part,
// nodes.go, levels.go, devices.go the parts of the file, check.go and outlets.go what must hold across them.
package config

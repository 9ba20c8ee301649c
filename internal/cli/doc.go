// Package cli is what an administrator types: one file for each command.
//
// A command asks the daemon through package client, and offline it reads the configuration; it holds no rule of its own and touches no
// device. What needs more than that (running the daemon, its plugins, the playground) comes in through Deps, which cmd/fenced fills.
//
// Text rules (UX.md): data goes to stdout and talk to stderr; one line for each fact; a success names its proof; unknown is never green;
// the last line is the next command; prompts appear on a terminal only. Exit codes are those of package client (exit.go).
//
// Start reading at main.go, then root.go.
package cli

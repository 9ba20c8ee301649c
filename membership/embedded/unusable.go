package embedded

import "fmt"

// UnusableError says that this node's store must not be used, and why: it is damaged, another node's, or of a domain that was given up. Nothing
// mends it but a new store (R3): the node gives this one up and joins again, without a vote first.
type UnusableError struct {
	Path string // the file or directory that is meant
	What string // what is wrong with it
}

// Error names the file first.
func (e *UnusableError) Error() string { return e.Path + ": " + e.What }

func unusable(path, format string, args ...any) error {
	return &UnusableError{Path: path, What: fmt.Sprintf(format, args...)}
}

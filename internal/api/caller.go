package api

import "fmt"

// Caller is who asks, as the kernel says: the client cannot choose UID, GID and PID. Program is what it calls itself.
type Caller struct {
	UID, GID uint32
	PID      int32
	// Groups are the supplementary groups of the peer's credentials at connect.
	Groups  []uint32
	Program string
}

// String is the form that goes into the log's entries: stable, short, without spaces in its first word.
func (c Caller) String() string {
	s := fmt.Sprintf("uid=%d pid=%d", c.UID, c.PID)
	if c.Program != "" {
		s += " " + c.Program
	}
	return s
}

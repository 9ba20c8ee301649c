// Package store puts bytes on disk so that they come back whole or not at all. It knows no meaning: what a record says is its writer's affair.
//
// File is one small record that is replaced as a whole (session record, identity, last words); History is a bounded list of lines. Both carry
// checksums, and a reader is told apart what never existed (fs.ErrNotExist), what is damaged (ErrCorrupt) and what is there. Every write has a
// deadline (R20): a disk that hangs must not hang the daemon, and the writer is poisoned until the disk answers.
//
// It deletes nothing that it did not write, repairs nothing but a torn last line, and never replaces a damaged record by an empty one.
//
// Start reading at file.go, then lane.go (the deadline) and history.go; disk.go is the few system calls beneath, which tests replace to crash
// between any two of them.
package store

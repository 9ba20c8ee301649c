// Package machine reads who this machine is and which life of it this is: SMBIOS identity, whether it is a guest, the kernel's boot id (R1, R2).
//
// Everything is read under a system root, so that a fake system can answer. It decides nothing; package fence compares identities.
package machine

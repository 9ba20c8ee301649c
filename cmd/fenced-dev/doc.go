// Command fenced-dev holds the test devices and the playground's machinery. It is never shipped to production.
//
//	fenced-dev bmc    a BMC that speaks real IPMI over UDP, whose power switch runs a command (room: bmc)
//	fenced-dev redfish  a BMC that speaks Redfish over HTTPS (room: redfish)
//	fenced-dev pdu    a power strip that speaks real SNMP over UDP (room: pdu)
//	fenced-dev power  the power supply of a playground machine (room: machine)
//	fenced-dev playground  whole clusters on this machine: what `fenced dev` becomes (room: playground)
//
// This room only turns flags into calls. Start reading at main.go.
package main

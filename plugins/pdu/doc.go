// Command fenced-plugin-pdu switches the outlets of power strips, and the ports of network switches, by SNMP.
//
// What a device family is, which objects say an outlet's state and which value switches it, stands in one readable file each under families/;
// users add their own by dropping a file into a directory. The code knows no vendor. Each family says which independent program or text its
// table was held against (its oracle); one without is used only where the administrator accepts that.
//
// A set that was answered proves nothing: the relay may be stuck, and an error stands inside of an answer that is no error to the library. The
// state is read back as its own object. Outlets are found by number or by name, by their name afresh for each operation: names move.
//
// It may not decide about fencing. Start reading at family.go, then device.go and session.go.
package main

// Command fenced-plugin-bmc powers machines through their baseboard management controllers, by bmclib. IPMI 2.0 over LAN has go-ipmi as its
// provider (room goipmi), whose answers are authenticated (room rmcp); ipmitool is selectable. Redfish has bmclib's own provider, gofish, behind
// a guard (room redfish).
//
// Every operation is one short session: dial, act or read, close. State and identity of a Status were read in one session (R16). The
// plugin decides nothing; it says what the BMC said, and whatever is not clearly on or off is unknown.
//
// bmclib and its 121 modules live in this process and in no other of fenced's. Start reading at plugin.go (options), then device.go.
package main

// Command fenced-plugin-qmp switches QEMU machines through their monitor (QMP), by a unix or TCP socket.
//
// A QEMU that was told to quit proves nothing: its socket is gone, and so it is when a wire is cut. So off does not end QEMU. It makes a reset
// mean "shut down and stay" (set-action) and resets the machine: the guest's life is over, QEMU itself refuses to go on with it (`cont` fails
// until a reset), and its state reads "shutdown". On makes a reset mean a reset again and starts from there. The guest is hit as by a power
// switch; its disks and QEMU's settings stay.
//
// The machine's UUID (-uuid, which the guest sees as its SMBIOS system UUID) is read in the same connection, so that no other machine is
// taken for it (R16 a). It may not decide about fencing. Start reading at device.go, then monitor.go.
package main

// Command tool is the one program of the lab that runs inside guests and under ipmi_sim. It is static, of the standard library and fenced's client.
//
//	tool agent ADDR               guest: run shell commands for the host (package wire says how)
//	tool power SOCKET ARGS...     host: ipmi_sim's chassis_control, passed on to the lab that listens at SOCKET
//	tool write FILE NODE BOOT     guest: append records to FILE until it fails, and say each that is on the disk
//	tool read FILE                guest: check every record of FILE, and say whose they are
//	tool hold FILE                guest: ask fenced for a grant, write to FILE when it came, and keep it
//	tool watch FILE               guest: append every event of every run of the daemon to FILE
//	tool status -                 guest: the daemon's status
//	tool member NODE              guest: return when NODE is a member
//	tool members COUNT            guest: return when so many nodes are members
//	tool booted UPTIME            guest: when its kernel's log began, by its own clock; UPTIME is /proc/uptime
package main

import (
	"fmt"
	"os"
)

func main() {
	commands := map[string]func([]string) error{"agent": agent, "power": power, "write": write, "read": read, "hold": hold, "booted": booted, "watch": watch, "status": status, "member": member, "members": members}
	if len(os.Args) > 2 {
		if f := commands[os.Args[1]]; f != nil {
			if err := f(os.Args[2:]); err != nil {
				fmt.Fprintln(os.Stderr, "tool:", err)
				os.Exit(1)
			}
			return
		}
	}
	fmt.Fprintln(os.Stderr, "usage: tool agent ADDR | power SOCKET ARGS | write FILE NODE BOOT | read FILE | hold FILE | watch FILE | status - | member NODE | members COUNT | booted UPTIME")
	os.Exit(2)
}

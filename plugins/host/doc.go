// Package host runs plugins: it finds and verifies their files, starts each in a confined process, calls it, bounds every call, kills
// what overruns, and restarts what died. To it a device is an opaque id and a power state is a word: it decides nothing, retries
// nothing, and no answer of it proves anything (R16 does, elsewhere). It imports fence, plugins/proto, plugins/session and plugins/trust.
//
// # What a plugin can cost
//
// A plugin can waste its own calls' time and nothing else (V15). Each call has a deadline, at which its caller has the answer "timeout";
// the plugin gets a grace (Config.Grace) to return. If it does not:
//
//   - an overrunning Do has its process group killed at once: nobody may switch a machine after the request's deadline (R9). Other calls
//     in that process end with class plugin-died, and the next ones find a fresh process.
//   - an overrunning read (Status, Probe, List, Open) cannot switch anything: its process takes no new calls, a fresh one starts at once,
//     and the old one is killed when its other calls have returned, at the latest after Config.Drain, or when it does not answer at all.
//   - during the grace nobody enters the process: new calls wait, for the grace at most, and then find this process or the fresh one.
//   - the device that overran moves to a second process of that plugin, the ward, until it is configured anew: from then on it can hurt only
//     devices that overran too. A device with Isolate has a process to itself from the start.
//
// Each process has: its own process group and Pdeathsig SIGKILL (forked from one locked thread, see forker.go), no inherited environment
// and no stdin, a private directory, bounded output (output.go), and limits of memory, files, file size and core dumps (limits.go).
// Two things are left to the daemon's unit: children that a plugin moves to a session of their own (the unit's cgroup ends them), and the
// sum of memory over all processes (the unit's MemoryMax).
//
// # Which version runs
//
// Of several installed files of a plugin, fenced-plugin-NAME and fenced-plugin-NAME@VERSION, the highest version runs that may be run, starts,
// and speaks a version of the protocol that the host speaks (version.go). A higher one that is installed later is taken up by itself, and
// Reload asks for it: a fresh process is started first, then the old one takes no new calls and ends those that it has (reload.go, lane.go). Which
// checksums are demanded may change while plugins run (demand.go). A Look gives way to every other call at its device (look.go).
//
// Start reading at host.go, then call.go, lane.go and process.go.
package host

// Package daemon joins the rooms: it turns what happens (provider events, device results, requests, ticks) into inputs of fence/member and
// carries out the effects. It has the goroutines, channels and clocks, and no rule: a switch on anything but the type of an effect or an
// input is in the wrong room.
//
// One goroutine, the loop, owns the member. It never waits for a device, a disk, DNS or a log: whatever takes time runs elsewhere and comes
// back as an input. The watchdog of systemd is fed from this loop and from nothing else.
//
// Start reading at daemon.go, then loop.go and effects.go; view.go, records.go and attention.go say what users see;
// clients.go brings what the member tells to the programs that registered.
package daemon

// Package reset ends this machine, now. It is the only code of fenced that may write sysrq or call reboot(2) (R24).
//
// It decides nothing: fence/member decides that this life must end, out-of-process self-fence plugins act first, and this is the daemon's own
// last resort. cmd/fenced and plugins/selffence construct it, nobody else. A Guard stands before the real means: without system root "/" and
// FENCED_ALLOW_RESET=1 they cannot be reached; in a fake system a reset is a byte in DIR/proc/sysrq-trigger and nothing else.
//
// Start reading at reset.go (guard and order of the means), then means_linux.go (the real ones) and fake.go.
package reset

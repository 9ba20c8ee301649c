// Command fenced-plugin-agent drives any ClusterLabs-style fence agent that is installed: an executable fence_NAME that reads its
// parameters on stdin and answers by its exit code.
//
// It believes as little as it can. The exit code of off proves nothing, nor does one of reboot, which is never asked for: fenced asks status
// afterwards, in a run of its own. Which agents may prove anything at all is a table with reasons (class.go): many only wait, look or cut
// storage. What an agent is given is checked against its own metadata first (metadata.go, params.go); secrets reach it through stdin only.
// Whatever it does — hang, ignore SIGTERM, write a gigabyte, leave a daemon behind — ends with its call (run.go, leftover.go).
//
// It may not decide about fencing. Start reading at plugin.go, then device.go and run.go.
package main

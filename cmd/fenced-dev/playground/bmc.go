package playground

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// The account of every BMC. It guards a simulated machine on this machine's own networks.
const (
	bmcUser     = "admin"
	bmcPassword = "playground"
)

// BMC is a process of its own that speaks IPMI, Redfish or SNMP and whose switch is its node's power.
type BMC struct {
	cluster *Cluster
	node    *Node
	spec    BMCSpec
	number  int // over all BMCs, from 0: says where it listens
	// Name is the name of its device in the configuration.
	Name string
	// fingerprint is that of its certificate, where it speaks Redfish.
	fingerprint string
	cmd         *exec.Cmd
	done        chan struct{} // closed when the process is gone
}

// Counts are the commands that arrived at a BMC, and how often its switch really moved.
type Counts struct {
	// Logins are those that somebody began, whatever came of them.
	Logins int `json:"logins"`
	// Unheard are the datagrams that came to IPMI while it hung.
	Unheard    int `json:"unheard"`
	Off        int `json:"off"`
	On         int `json:"on"`
	Status     int `json:"status"`
	AppliedOff int `json:"applied_off"`
	AppliedOn  int `json:"applied_on"`
	// Opened and Open are the sessions of a Redfish BMC, so far and now.
	Opened int `json:"sessions_opened"`
	Open   int `json:"sessions_open"`
}

// config writes its device into a configuration file.
func (b *BMC) config(w func(string, ...any)) {
	w("  %s:", b.Name)
	if b.spec.Registrar != "" {
		w("    plugin: agent")
		w("    agent: %s", b.spec.Registrar)
		w("    class: storage")
		w("    dir: %s", b.cluster.dir)
		w("    kind: storage")
		w("    accept_mapping: true")
		w("    on_target: true")
		w("    hold_up: 0s")
		b.timing(w)
		return
	}
	host, port, _ := net.SplitHostPort(b.cluster.net.bmcAddress(b.number))
	w("    address: %q", host)
	w("    port: %s", port)
	switch {
	case b.spec.Port:
		w("    plugin: pdu")
		w("    family: if-mib")
		w("    kind: storage")
		w("    accept_mapping: true")
		w("    hold_up: 0s")
	case b.spec.PDU:
		w("    plugin: pdu")
		w("    hold_up: 100ms")
	}
	if b.snmp() {
		w("    version: 2c")
		w("    community_file: %s", b.cluster.path("bmc-password"))
		w("    timeout: %dms", b.timeout().Milliseconds()) // it answers when its switch has moved, which takes a busy machine long
	} else {
		w("    plugin: bmc")
		w("    username: %s", bmcUser)
		w("    password_file: %s", b.cluster.path("bmc-password"))
	}
	if b.spec.Redfish {
		b.redfishConfig(w)
	}
	b.timing(w)
}

// timeout bounds one attempt at it.
func (b *BMC) timeout() time.Duration {
	if b.spec.AttemptTimeout == 0 {
		return defaultAttemptTimeout
	}
	return b.spec.AttemptTimeout
}

// timing writes what the daemon is told of its times.
func (b *BMC) timing(w func(string, ...any)) {
	w("    attempt_timeout: %dms", b.timeout().Milliseconds())
	w("    attempts: %d", max(b.spec.Attempts, 1))
	effect := b.spec.Effect
	if effect == 0 {
		effect = defaultEffect
	}
	w("    effect: %dms", effect.Milliseconds())
}

func (b *BMC) snmp() bool { return b.spec.PDU || b.spec.Port }

// step is the device in a level.
func (b *BMC) step() string {
	switch {
	case b.spec.Registrar != "":
		return "{device: " + b.Name + ", target: " + b.node.Name + "}"
	case b.snmp():
		return "{device: " + b.Name + ", target: \"1\"}"
	}
	return b.Name
}

// snmpArgs are those of its process where it is an outlet of a power strip, or a port of a switch.
func (b *BMC) snmpArgs() []string {
	c, model, feeds := b.cluster, "apc-rpdu", b.node.powerCommand()+` "$2"`
	switch {
	case b.spec.Port:
		closed := quote(c.path("closed-" + b.node.Name))
		model, feeds = "if-mib", `if [ "$2" = off ]; then : > `+closed+`; else rm -f `+closed+`; fi`
	case b.spec.Idle:
		feeds = "true"
	}
	return append(c.net.onMgmt(), c.opt.fencedDev(), "pdu", "--listen", c.net.bmcAddress(b.number), "--control", c.net.controlAddress(b.number), "--model", model,
		"--on-off", "f() { "+feeds+"; }; f", "--outlets", "1", "--community", bmcPassword)
}

// start runs the process and returns when it listens.
func (b *BMC) start(ctx context.Context) error {
	c := b.cluster
	guid := b.spec.GUID
	if guid == "" {
		guid = b.node.uuid
	}
	argv := append(c.net.onMgmt(), c.opt.fencedDev(), "bmc", "--listen", c.net.bmcAddress(b.number), "--control", c.net.controlAddress(b.number),
		"--on-off", b.node.powerCommand(), "--guid", guid, "--user", bmcUser, "--password-file", c.path("bmc-password"))
	if b.snmp() {
		argv = b.snmpArgs()
	}
	if b.spec.Redfish {
		argv = append(append(c.net.onMgmt(), c.opt.fencedDev()), b.redfishArgs(guid)...)
	}
	for _, k := range b.spec.Knobs {
		argv = append(argv, "--knob", k)
	}
	log, err := os.Create(c.path(b.Name + ".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	b.cmd = exec.Command(argv[0], argv[1:]...)
	b.cmd.Stderr = log
	b.cmd.Env = []string{tagEnv + "=" + c.owner.String(), "PATH=" + os.Getenv("PATH")}
	b.cmd.Dir = "/"
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C at the terminal is for the playground
	out, err := b.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := b.cmd.Start(); err != nil {
		return fmt.Errorf("cannot start %s: %w", b.Name, err)
	}
	b.done = make(chan struct{})
	listening := make(chan struct{}, 1)
	go func() { // ends with the process, which Stop ends
		defer close(b.done)
		if _, err := bufio.NewReader(out).ReadString('\n'); err == nil {
			listening <- struct{}{}
		}
		_, _ = io.Copy(io.Discard, out)
		_ = b.cmd.Wait()
	}()
	select {
	case <-listening:
		return nil
	case <-b.done:
		return fmt.Errorf("%s ended before it listened", b.Name)
	case <-ctx.Done():
		return fmt.Errorf("%s does not listen: %w", b.Name, ctx.Err())
	}
}

// stop kills the process and waits for it.
func (b *BMC) stop() {
	if b.done == nil {
		return
	}
	_ = b.cmd.Process.Kill()
	<-b.done
}

// Counts asks the BMC what arrived.
func (b *BMC) Counts(ctx context.Context) (Counts, error) {
	var n Counts
	body, err := b.control(ctx, http.MethodGet, "/counts", "")
	if err == nil {
		err = json.Unmarshal(body, &n)
	}
	if err != nil {
		return n, fmt.Errorf("cannot read the counts of %s: %w", b.Name, err)
	}
	return n, nil
}

// SetKnobs makes the BMC misbehave from now on; no knobs make it honest.
func (b *BMC) SetKnobs(ctx context.Context, knobs ...string) error {
	if _, err := b.control(ctx, http.MethodPost, "/knob", strings.Join(knobs, ",")); err != nil {
		return fmt.Errorf("cannot set the knobs of %s: %w", b.Name, err)
	}
	return nil
}

// control speaks to its control address, from inside the management network.
func (b *BMC) control(ctx context.Context, method, path, body string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	w := b.cluster.net
	hc := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: w.dialMgmt}}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+w.controlAddress(b.number)+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := hc.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, strings.TrimSpace(string(answer)))
	}
	return answer, err
}

// powerCommand is the switch of this node's machine, to be run as sh -c "COMMAND on|off|status".
func (n *Node) powerCommand() string {
	return quote(n.cluster.opt.fencedDev()) + " power --dir " + quote(n.path())
}

// quote makes one word of the shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// switchPower moves the switch that the node's BMCs move, as a finger on the button would: no BMC counts it.
func (n *Node) switchPower(ctx context.Context, verb string) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", n.powerCommand()+" "+verb)
	cmd.Env = []string{tagEnv + "=" + n.cluster.owner.String(), "PATH=" + os.Getenv("PATH")}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot switch %s %s: %w: %s", n.Name, verb, err, strings.TrimSpace(string(out)))
	}
	return nil
}

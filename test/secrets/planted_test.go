package secrets

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fenced-project/fenced/cmd/fenced-dev/bmc"
	"github.com/fenced-project/fenced/cmd/fenced-dev/playground"
	"github.com/fenced-project/fenced/cmd/fenced-dev/redfish"
	"github.com/fenced-project/fenced/test/product"
)

// planted is a cluster whose secrets are canaries.
type planted struct {
	*playground.Cluster
	build    string
	dir      string // the cluster's
	creds    string // what systemd would call CREDENTIALS_DIRECTORY
	password map[string]string
	needles  []needle
	own      []string // the files that hold a secret, each its own
	bmcs     []*bmc.BMC
	redfish  []*redfish.Server
	tool     bool // ipmitool is installed
	began    bool
	err      error
}

const admin = "fenced-admin"

// plant starts three nodes. Of node-3 the first BMC has another password than its device, the second is dead, the third speaks Redfish and has
// another password too, the fourth is asked by ipmitool where that is installed, and the last one works. Node-2's speaks Redfish, and works.
func plant(ctx context.Context, t *testing.T) *planted {
	t.Helper()
	build, err := product.Dir()
	must(t, err)
	dir := t.TempDir()
	p := &planted{build: build, dir: filepath.Join(dir, "cluster"), creds: filepath.Join(dir, "credentials"), password: map[string]string{}}
	_, err = exec.LookPath("ipmitool")
	p.tool = err == nil
	must(t, os.Mkdir(p.creds, 0o700))
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	p.hide(t, "the cluster's key", filepath.Join(p.creds, "authkey"), key, base64.StdEncoding.EncodeToString(key))
	for name, where := range map[string]string{"good": p.creds, "wrong": dir, "dead": dir, "redfish": p.creds, "redfish-wrong": dir} {
		p.password[name] = canary(18)
		p.hide(t, "the "+name+" password", filepath.Join(where, name), []byte(p.password[name]), p.password[name])
	}
	t.Cleanup(func() {
		for _, b := range p.bmcs {
			b.Close()
		}
		for _, s := range p.redfish {
			s.Close()
		}
	})
	p.Cluster, err = playground.Start(ctx, playground.Options{
		Build: build, Dir: p.dir, FailureTimeout: patience(2 * time.Second), Log: p, Env: []string{"CREDENTIALS_DIRECTORY=" + p.creds},
	})
	if err != nil {
		t.Fatal(err, p.err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(p.LogTails(30))
		}
		must(t, p.Stop())
	})
	if !p.began || p.err != nil {
		t.Fatalf("the canaries were not planted: %v", p.err)
	}
	return p
}

// hide writes a secret into a file of its own, and remembers what to look for.
func (p *planted) hide(t *testing.T, name, path string, value []byte, text string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(text+"\n"), 0o600))
	p.own = append(p.own, path)
	p.needles = append(p.needles, needles(name, value)...)
}

// Write gets the playground's steps: when it gives power for the first time all files are written and no daemon runs yet.
func (p *planted) Write(line []byte) (int, error) {
	if bytes.HasPrefix(line, []byte("power on for ")) && !p.began {
		p.began, p.err = true, p.configure()
	}
	return len(line), nil
}

var address = regexp.MustCompile(`(?m)^    address: "(.*)"$`)

// configure starts a BMC with the good password for each machine, and gives every daemon these devices instead of the playground's.
func (p *planted) configure() error {
	dead, err := net.ListenPacket("udp4", "127.0.0.1:0") // nobody reads it
	if err != nil {
		return err
	}
	_ = dead.Close()
	file := filepath.Join(p.dir, "node-1", "fenced.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	head, rest, found := strings.Cut(string(text), "nodes:\n")
	nodes, devices, found2 := strings.Cut(rest, "devices:\n")
	addresses := address.FindAllStringSubmatch(nodes, -1)
	other := regexp.MustCompile(`bmc-3:\n(?s:.*?)    port: (\d+)`).FindStringSubmatch(devices) // it has the playground's password
	if !found || !found2 || len(addresses) != 3 || other == nil {
		return fmt.Errorf("cannot understand %s:\n%s", file, text)
	}
	var b strings.Builder
	b.WriteString(regexp.MustCompile(`(?m)^authkey: .*$`).ReplaceAllString(head, "authkey: $${CREDENTIALS_DIRECTORY}/authkey"))
	b.WriteString("nodes:\n")
	for i, a := range addresses {
		levels := []string{"[good-1]", "[redfish], [good-2]", "[wrong], [dead], [redfish-wrong], [good-3]"}[i]
		if i == 2 && p.tool {
			levels = "[wrong], [dead], [redfish-wrong], [tool], [good-3]"
		}
		fmt.Fprintf(&b, "  node-%d:\n    id: %d\n    address: %q\n    levels: [%s]\n", i+1, i+1, a[1], levels)
	}
	b.WriteString("devices:\n")
	device := func(name, port, file, more string) {
		timeout := "3s"
		if name == "wrong" {
			timeout = "8s" // it must have the time to be refused: a busy machine would make a timeout of it, and nobody would speak of a password
		}
		fmt.Fprintf(&b, "  %s: {plugin: bmc, address: 127.0.0.1, port: %s, username: %s, password_file: %q, attempt_timeout: %s, attempts: 1, effect: 1s%s}\n",
			name, port, admin, file, timeout, more)
	}
	device("wrong", other[1], filepath.Join(filepath.Dir(p.dir), "wrong"), "")
	device("dead", strconv.Itoa(dead.LocalAddr().(*net.UDPAddr).Port), filepath.Join(filepath.Dir(p.dir), "dead"), "")
	if err := p.redfishes(&b); err != nil {
		return err
	}
	for i := 1; i <= 3; i++ {
		port, err := p.bmc(i)
		if err != nil {
			return err
		}
		device(fmt.Sprintf("good-%d", i), port, "${CREDENTIALS_DIRECTORY}/good", "")
		if i == 3 && p.tool {
			device("tool", port, "${CREDENTIALS_DIRECTORY}/good", ", driver: ipmitool")
		}
	}
	for i := 1; i <= 3; i++ {
		node := fmt.Sprintf("node-%d", i)
		own := regexp.MustCompile(`(?m)^node: .*$`).ReplaceAllString(b.String(), "node: "+node)
		if err := os.WriteFile(filepath.Join(p.dir, node, "fenced.yaml"), []byte(own), 0o640); err != nil {
			return err
		}
	}
	return nil
}

// machine is the identity of node i's machine and its power switch.
func (p *planted) machine(i int) (uuid string, power bmc.Command, err error) {
	node := filepath.Join(p.dir, fmt.Sprintf("node-%d", i))
	text, err := os.ReadFile(filepath.Join(node, "root/sys/class/dmi/id/product_uuid"))
	power = bmc.Command{Command: fmt.Sprintf("'%s/fenced-dev' power --dir '%s'", p.build, node), Timeout: 15 * time.Second}
	return strings.TrimSpace(string(text)), power, err
}

// bmc starts one that switches node i.
func (p *planted) bmc(i int) (port string, err error) {
	uuid, power, err := p.machine(i)
	if err != nil {
		return "", err
	}
	guid, err := bmc.Wire(uuid, "smbios")
	if err != nil {
		return "", err
	}
	d, err := bmc.Start(bmc.Config{Listen: "127.0.0.1:0", User: admin, Password: p.password["good"], GUID: guid, Log: slog.New(slog.DiscardHandler), Power: power})
	if err != nil {
		return "", err
	}
	p.bmcs = append(p.bmcs, d)
	return strconv.Itoa(d.Addr().Port), nil
}

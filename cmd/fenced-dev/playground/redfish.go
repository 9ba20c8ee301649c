package playground

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"

	"github.com/fenced-project/fenced/cmd/fenced-dev/redfish"
)

// certify makes the certificate that a Redfish BMC shows: the configuration names its fingerprint before the BMC runs.
func (b *BMC) certify() error {
	pair, err := redfish.SelfSigned(net.IPv4(127, 0, 0, 1))
	if err != nil {
		return err
	}
	b.fingerprint = redfish.Fingerprint(pair)
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		path, kind string
		der        []byte
	}{{b.certificate(), "CERTIFICATE", pair.Certificate[0]}, {b.key(), "PRIVATE KEY", key}} {
		if err := os.WriteFile(f.path, pem.EncodeToMemory(&pem.Block{Type: f.kind, Bytes: f.der}), 0o600); err != nil {
			return fmt.Errorf("cannot keep the certificate of %s: %w", b.Name, err)
		}
	}
	if _, err := tls.LoadX509KeyPair(b.certificate(), b.key()); err != nil {
		return fmt.Errorf("cannot read the certificate of %s: %w", b.Name, err)
	}
	return nil
}

func (b *BMC) certificate() string { return b.cluster.path(b.Name + ".certificate") }

func (b *BMC) key() string { return b.cluster.path(b.Name + ".key") }

// redfishArgs are what `fenced-dev` is told to be such a BMC.
func (b *BMC) redfishArgs(uuid string) []string {
	c := b.cluster
	return []string{
		"redfish", "--listen", c.net.bmcAddress(b.number), "--control", c.net.controlAddress(b.number), "--on-off", b.node.powerCommand(),
		"--system", "1," + uuid, "--user", bmcUser, "--password-file", c.path("bmc-password"), "--cert", b.certificate(), "--key", b.key(),
	}
}

// redfishConfig writes what of its device is Redfish's.
func (b *BMC) redfishConfig(w func(string, ...any)) {
	pin := b.spec.Fingerprint
	if pin == "" {
		pin = b.fingerprint
	}
	w("    driver: redfish")
	w("    tls: fingerprint %s", pin)
}

package redfish

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"
)

// TestParseTrust: there is no default, and nothing but the three forms.
func TestParseTrust(t *testing.T) {
	sum := strings.Repeat("ab:", 31) + "CD"
	for _, good := range []string{"verify", "insecure", "fingerprint " + sum, "  fingerprint   " + strings.ReplaceAll(sum, ":", "") + " "} {
		if _, err := ParseTrust(good, nil); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "none", "Verify", "verify insecure", "fingerprint", "fingerprint ab:cd", "fingerprint " + sum + "ef", sum, "true"} {
		if trust, err := ParseTrust(bad, nil); err == nil {
			t.Errorf("%q is understood as %+v", bad, trust)
		}
	}
	for _, text := range []string{"insecure", "fingerprint " + sum, "verify"} {
		if _, err := ParseTrust(text, []byte("no certificate")); err == nil {
			t.Errorf("%s beside ca_file is understood", text)
		}
	}
	if insecure, _ := ParseTrust("insecure", nil); !insecure.Insecure() {
		t.Error("insecure is not")
	}
}

// certificate is signed by the given one, or by itself, for those names and that time.
func certificate(t *testing.T, by *tls.Certificate, from, until time.Time, names ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: strings.Join(append([]string{"test"}, names...), " ")}, NotBefore: from, NotAfter: until,
		BasicConstraintsValid: true, IsCA: len(names) == 0, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, n)
		}
	}
	parent, signer := c, crypto.Signer(key)
	if by != nil {
		if parent, err = x509.ParseCertificate(by.Certificate[0]); err != nil {
			t.Fatal(err)
		}
		signer = by.PrivateKey.(crypto.Signer)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestVerify: a certificate is believed for who signed it and for its name, and whatever the clock of this machine says (R28).
func TestVerify(t *testing.T) {
	year := func(y int) time.Time { return time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC) }
	ca := certificate(t, nil, year(1990), year(2090))
	other := certificate(t, nil, year(1990), year(2090))
	trust, err := ParseTrust("verify", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Certificate[0]}))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cert tls.Certificate
		host string
		good bool
	}{
		"address":       {certificate(t, &ca, year(2020), year(2080), "10.0.0.1"), "10.0.0.1", true},
		"IPv6, a zone":  {certificate(t, &ca, year(2020), year(2080), "fe80::1"), "fe80::1%eth0", true},
		"name":          {certificate(t, &ca, year(2020), year(2080), "bmc-1"), "bmc-1", true},
		"over":          {certificate(t, &ca, year(1995), year(1996), "bmc-1"), "bmc-1", true},
		"to come":       {certificate(t, &ca, year(2079), year(2080), "bmc-1"), "bmc-1", true},
		"other name":    {certificate(t, &ca, year(2020), year(2080), "bmc-2"), "bmc-1", false},
		"other address": {certificate(t, &ca, year(2020), year(2080), "10.0.0.2"), "10.0.0.1", false},
		"other signer":  {certificate(t, &other, year(2020), year(2080), "bmc-1"), "bmc-1", false},
		"its own":       {certificate(t, nil, year(2020), year(2080), "bmc-1"), "bmc-1", false},
	} {
		leaf, err := x509.ParseCertificate(c.cert.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		err = trust.config(c.host).VerifyConnection(tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}})
		if (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, nobody := range []Trust{trust, {}, {fingerprint: make([]byte, 32)}} {
		if nobody.config("h").VerifyConnection(tls.ConnectionState{}) == nil {
			t.Error("no certificate at all is believed")
		}
	}
}

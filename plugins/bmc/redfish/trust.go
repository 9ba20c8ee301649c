package redfish

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Trust says which certificate a BMC must show. There is no default: the zero Trust verifies with the system's roots.
type Trust struct {
	roots       *x509.CertPool // nil: the system's
	fingerprint []byte
	insecure    bool
}

const trustForms = "`tls:` must be `verify`, `fingerprint SHA256` (64 hex digits, colons allowed) or `insecure`"

// ParseTrust reads the option tls. ca is a bundle of PEM certificates to verify with instead of the system's, or nil.
func ParseTrust(text string, ca []byte) (Trust, error) {
	word := strings.Fields(text)
	var t Trust
	switch {
	case len(word) == 1 && word[0] == "verify":
	case len(word) == 1 && word[0] == "insecure":
		t.insecure = true
	case len(word) == 2 && word[0] == "fingerprint":
		sum, err := hex.DecodeString(strings.ReplaceAll(word[1], ":", ""))
		if err != nil || len(sum) != sha256.Size {
			return t, fmt.Errorf("%.80q is no SHA-256: %s", word[1], trustForms)
		}
		t.fingerprint = sum
	default:
		return t, errors.New(trustForms)
	}
	if ca == nil {
		return t, nil
	}
	if t.insecure || t.fingerprint != nil {
		return t, errors.New("certificates to verify with (ca_file) want `tls: verify`")
	}
	t.roots = x509.NewCertPool()
	if !t.roots.AppendCertsFromPEM(ca) {
		return t, errors.New("the file of certificates (ca_file) holds none in PEM")
	}
	return t, nil
}

// Insecure reports whether anybody on the network may answer in the BMC's place.
func (t Trust) Insecure() bool { return t.insecure }

// untrusted is a certificate that is not believed, and why.
type untrusted struct{ why error }

func (u untrusted) Error() string { return u.why.Error() }
func (u untrusted) Unwrap() error { return u.why }

// config is the TLS that a connection to host uses. crypto/tls would verify by this machine's clock, which may stand in 1970 when it is needed
// most (R28), so the certificates are looked at here: in VerifyConnection, which unlike VerifyPeerCertificate is also called where a connection
// is resumed.
func (t Trust) config(host string) *tls.Config {
	name, _, _ := strings.Cut(host, "%") // the zone of an address
	return &tls.Config{
		ServerName: name, MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: true, // #nosec G402 -- see above
		VerifyConnection: func(s tls.ConnectionState) error {
			switch {
			case t.insecure:
				return nil
			case len(s.PeerCertificates) == 0:
				return untrusted{errors.New("the BMC shows no certificate")}
			case t.fingerprint != nil:
				return t.compare(s.PeerCertificates[0])
			}
			return t.verify(s.PeerCertificates, name)
		},
	}
}

// compare wants exactly the certificate that was named.
func (t Trust) compare(leaf *x509.Certificate) error {
	sum := sha256.Sum256(leaf.Raw)
	if subtle.ConstantTimeCompare(sum[:], t.fingerprint) != 1 {
		return untrusted{fmt.Errorf("the certificate's fingerprint is not the one that was named but %x", sum)}
	}
	return nil
}

// verify checks chain and name as of the time at which the certificate was made.
func (t Trust) verify(shown []*x509.Certificate, name string) error {
	between := x509.NewCertPool()
	for _, c := range shown[1:] {
		between.AddCert(c)
	}
	_, err := shown[0].Verify(x509.VerifyOptions{DNSName: name, Roots: t.roots, Intermediates: between, CurrentTime: shown[0].NotBefore})
	if err != nil {
		return untrusted{err}
	}
	return nil
}

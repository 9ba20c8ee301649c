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

// mismatch is a certificate that is not the one that was named.
type mismatch struct{ shown [sha256.Size]byte }

func (m mismatch) Error() string {
	return fmt.Sprintf("the certificate's fingerprint is not the one that was named but %x", m.shown)
}

// config is the TLS that a connection to host uses.
func (t Trust) config(host string) *tls.Config {
	c := &tls.Config{ServerName: host, RootCAs: t.roots, MinVersion: tls.VersionTLS12}
	if t.insecure || t.fingerprint != nil {
		c.InsecureSkipVerify = true // #nosec G402 -- the administrator asked for it by name, or VerifyConnection compares the certificate itself
	}
	if t.fingerprint != nil {
		c.VerifyConnection = func(s tls.ConnectionState) error { // unlike VerifyPeerCertificate also called where a connection is resumed
			if len(s.PeerCertificates) == 0 {
				return mismatch{}
			}
			sum := sha256.Sum256(s.PeerCertificates[0].Raw)
			if subtle.ConstantTimeCompare(sum[:], t.fingerprint) != 1 {
				return mismatch{sum}
			}
			return nil
		}
	}
	return c
}

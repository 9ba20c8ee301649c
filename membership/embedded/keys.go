package embedded

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/fenced-project/fenced/fence"
)

// verifyAt is the time at which every certificate is judged, whatever the machine's clock says: a machine that woke up in 1970 is let in,
// and no certificate ever runs out (R28).
var (
	verifyAt  = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	validFrom = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	validTo   = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// derive makes the key for one purpose out of the authkey and the cluster's name.
func derive(authkey Key, cluster, purpose string) ([]byte, error) {
	return hkdf.Key(sha256.New, authkey, []byte("fenced/v1"), purpose+"\x00"+cluster, 32)
}

// keyring is what a node makes in memory out of the shared key: the cluster's certificate authority, a certificate of its own, the ping key.
type keyring struct {
	cluster string
	ca      *x509.CertPool
	leaf    tls.Certificate
	ping    []byte
}

const nameSuffix = ".fenced.invalid"

// certName is the name in a node's certificate.
func certName(id fence.NodeID) string { return "n" + strconv.FormatUint(uint64(id), 10) + nameSuffix }

func newKeyring(authkey Key, cluster string, self fence.NodeID) (*keyring, error) {
	seed, err := derive(authkey, cluster, "ca")
	if err != nil {
		return nil, err
	}
	ping, err := derive(authkey, cluster, "ping")
	if err != nil {
		return nil, err
	}
	caKey := ed25519.NewKeyFromSeed(seed)
	caTemplate := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "fenced cluster"},
		NotBefore: validFrom, NotAfter: validTo, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, caTemplate, caTemplate, caKey.Public(), caKey)
	if err != nil {
		return nil, fmt.Errorf("cannot make the cluster's certificate: %w", err)
	}
	ca, err := x509.ParseCertificate(caDER)
	if err != nil {
		return nil, err
	}
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		return nil, err
	}
	leaf := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: certName(self), Organization: []string{cluster}},
		DNSNames: []string{certName(self)}, NotBefore: validFrom, NotAfter: validTo, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, pub, caKey)
	if err != nil {
		return nil, fmt.Errorf("cannot make this node's certificate: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	return &keyring{cluster: cluster, ca: pool, leaf: tls.Certificate{Certificate: [][]byte{leafDER}, PrivateKey: key}, ping: ping}, nil
}

// tls is the configuration for both ends; want is the node that must be at the other end, 0 for any.
func (k *keyring) tls(want fence.NodeID) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{k.leaf},
		ClientAuth:             tls.RequireAnyClientCert,
		InsecureSkipVerify:     true, // verified below, by chain and name at a constant time
		SessionTicketsDisabled: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			_, err := k.verify(s, want)
			return err
		},
	}
}

// verify says which node's certificate is at the other end.
func (k *keyring) verify(s tls.ConnectionState, want fence.NodeID) (fence.NodeID, error) {
	if len(s.PeerCertificates) == 0 {
		return 0, errors.New("peer has no certificate")
	}
	leaf := s.PeerCertificates[0]
	if org := leaf.Subject.Organization; len(org) != 1 || org[0] != k.cluster {
		return 0, fmt.Errorf("peer is of cluster %q, this is %q", strings.Join(org, ","), k.cluster)
	}
	opts := x509.VerifyOptions{Roots: k.ca, CurrentTime: verifyAt, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	if _, err := leaf.Verify(opts); err != nil {
		return 0, errors.New("peer has another authkey: its certificate is not of this cluster's authority")
	}
	num, ok := strings.CutSuffix(leaf.Subject.CommonName, nameSuffix)
	id, err := strconv.ParseUint(strings.TrimPrefix(num, "n"), 10, 32)
	if !ok || err != nil || leaf.VerifyHostname(certName(fence.NodeID(id))) != nil {
		return 0, fmt.Errorf("peer's certificate names no node: %q", leaf.Subject.CommonName)
	}
	if want != 0 && fence.NodeID(id) != want {
		return 0, fmt.Errorf("peer is node %d, node %d was expected at this address", id, want)
	}
	return fence.NodeID(id), nil
}

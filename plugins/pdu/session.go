package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/gosnmp/gosnmp"

	"github.com/fenced-project/fenced/plugins/sdk"
)

// access is how to reach a device; it is copied for each operation, because a GoSNMP is not for concurrent use.
type access struct {
	host    string
	port    uint16
	version gosnmp.SnmpVersion
	// community of v1 and v2c.
	community sdk.Secret
	// user and its keys are v3's; every message is authenticated and encrypted.
	user                    string
	authPassword, privPhase sdk.Secret
	auth                    gosnmp.SnmpV3AuthProtocol
	priv                    gosnmp.SnmpV3PrivProtocol
	context                 string
}

// tries is how often a question is sent before it counts as unanswered: UDP loses packets.
const tries = 3

// session is one conversation with a device.
type session struct{ g *gosnmp.GoSNMP }

// dial prepares a conversation that ends by ctx's deadline.
func (a access) dial(ctx context.Context) (*session, error) {
	end, ok := ctx.Deadline()
	if !ok {
		return nil, errors.New("a device is never asked without a deadline")
	}
	g := &gosnmp.GoSNMP{
		Target: a.host, Port: a.port, Transport: "udp", Version: a.version, Context: ctx, Retries: tries - 1, MaxOids: gosnmp.MaxOids,
		Timeout: max(50*time.Millisecond, time.Until(end)/(tries+1)), Community: a.community.Reveal(),
	}
	if a.version == gosnmp.Version3 {
		g.SecurityModel, g.MsgFlags, g.ContextName = gosnmp.UserSecurityModel, gosnmp.AuthPriv, a.context
		g.SecurityParameters = &gosnmp.UsmSecurityParameters{
			UserName: a.user, AuthenticationProtocol: a.auth, AuthenticationPassphrase: a.authPassword.Reveal(),
			PrivacyProtocol: a.priv, PrivacyPassphrase: a.privPhase.Reveal(),
		}
	}
	if err := g.Connect(); err != nil {
		return nil, classify(ctx, err)
	}
	return &session{g}, nil
}

func (s *session) close() { _ = s.g.Close() } // nothing is unsaid by it

// get reads objects; every one of them must be there.
func (s *session) get(ctx context.Context, oids ...string) ([]gosnmp.SnmpPDU, error) {
	p, err := s.g.Get(oids)
	if err != nil {
		return nil, classify(ctx, err)
	}
	return answered(p, oids)
}

// answered checks that an answer is one to these objects, in this order. An error of the device stands in the packet (LIBRARIES.md).
func answered(p *gosnmp.SnmpPacket, oids []string) ([]gosnmp.SnmpPDU, error) {
	if p.Error != gosnmp.NoError {
		return nil, refusal(p)
	}
	if len(p.Variables) != len(oids) {
		return nil, sdk.Refused(fmt.Errorf("it answers with %d objects to a question of %d", len(p.Variables), len(oids)))
	}
	for i, v := range p.Variables {
		if "."+strings.TrimPrefix(v.Name, ".") != oids[i] {
			return nil, sdk.Refused(fmt.Errorf("it answers %s to a question for %s", v.Name, oids[i]))
		}
		switch v.Type {
		case gosnmp.NoSuchObject, gosnmp.NoSuchInstance, gosnmp.EndOfMibView, gosnmp.Null:
			return nil, sdk.Refused(fmt.Errorf("it has no object %s: another family, or no such outlet", oids[i]))
		}
	}
	return p.Variables, nil
}

// refusal is an error of the device as a failure.
func refusal(p *gosnmp.SnmpPacket) error {
	err := fmt.Errorf("it answers with the error %s", p.Error)
	switch p.Error {
	case gosnmp.AuthorizationError, gosnmp.NoAccess:
		return sdk.Auth(err)
	case gosnmp.ResourceUnavailable, gosnmp.GenErr:
		return sdk.Limbo(err)
	}
	return sdk.Refused(err)
}

// set writes one integer.
func (s *session) set(ctx context.Context, oid string, value int) error {
	p, err := s.g.Set([]gosnmp.SnmpPDU{{Name: oid, Type: gosnmp.Integer, Value: value}})
	if err != nil {
		return classify(ctx, err)
	}
	if p.Error != gosnmp.NoError {
		return refusal(p)
	}
	return nil
}

// integer is the value of an object that must be a small number.
func integer(v gosnmp.SnmpPDU) (int, error) {
	switch v.Type {
	case gosnmp.Integer, gosnmp.Gauge32, gosnmp.Uinteger32:
		if n := gosnmp.ToBigInt(v.Value); n.IsInt64() && n.Int64() >= -1<<31 && n.Int64() < 1<<31 {
			return int(n.Int64()), nil
		}
	}
	return 0, sdk.Refused(fmt.Errorf("%s is of type %v, a number was expected", v.Name, v.Type))
}

// classify gives an error of the library or the network its class. A wrong community is not answered at all, so it looks like silence.
func classify(ctx context.Context, err error) error {
	var f *sdk.Failure
	var dns *net.DNSError
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, gosnmp.ErrUnknownUsername), errors.Is(err, gosnmp.ErrWrongDigest), errors.Is(err, gosnmp.ErrDecryption), errors.Is(err, gosnmp.ErrUnknownSecurityLevel),
		strings.Contains(err.Error(), "not authentic"):
		return sdk.Auth(err)
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.As(err, &dns):
		return sdk.Unreachable(err)
	case ctx.Err() != nil, errors.Is(err, os.ErrDeadlineExceeded), strings.Contains(err.Error(), "timeout"):
		return sdk.Timeout(fmt.Errorf("no answer (a wrong community, user or version is not answered either): %w", err))
	}
	return err
}

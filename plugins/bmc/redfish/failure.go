package redfish

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"unicode"

	"github.com/fenced-project/fenced/plugins/sdk"
)

// transportFailure says what it means that a request had no answer.
func transportFailure(err error) error {
	var f *sdk.Failure
	var dns *net.DNSError
	var stranger untrusted
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &f):
		return err
	case errors.As(err, &stranger):
		return sdk.Refused(fmt.Errorf("it is not proven to be the BMC: %w", err))
	case errors.As(err, &record), errors.As(err, &alert), errors.Is(err, http.ErrSchemeMismatch):
		return sdk.Refused(fmt.Errorf("no HTTPS is spoken there: %w", err))
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, os.ErrDeadlineExceeded):
		return sdk.Timeout(err)
	case errors.As(err, &dns), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH),
		errors.Is(err, syscall.ENETDOWN), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF):
		return sdk.Unreachable(err)
	case errors.As(err, &timeout) && timeout.Timeout():
		return sdk.Timeout(err)
	}
	return err
}

// refusal is an answer that is no success.
type refusal struct {
	status int
	codes  []string // message ids without their registries
	text   string
}

func (r refusal) Error() string {
	s := fmt.Sprintf("the BMC answers %d %s", r.status, http.StatusText(r.status))
	if len(r.codes) > 0 {
		s += " (" + strings.Join(r.codes, ", ") + ")"
	}
	if r.text != "" {
		s += ": " + r.text
	}
	return s
}

const maxCodes = 4

// parseRefusal reads what an error document says, in bounds and printable; it may say nothing.
func parseRefusal(status int, body []byte) refusal {
	type info struct {
		MessageID string `json:"MessageId"`
		Message   string
	}
	var d struct {
		Error struct {
			Code, Message string
			Extended      []info `json:"@Message.ExtendedInfo"`
		}
	}
	r := refusal{status: status}
	if json.Unmarshal(body, &d) != nil {
		return r
	}
	r.text = printable(d.Error.Message)
	for i, x := range d.Error.Extended {
		if i == maxCodes {
			break
		}
		if id := printable(x.MessageID[strings.LastIndexByte(x.MessageID, '.')+1:]); id != "" {
			r.codes = append(r.codes, id)
		}
		if x.Message != "" && i == 0 {
			r.text = printable(x.Message)
		}
	}
	return r
}

// printable is a text of the BMC's as people may see it.
func printable(s string) string {
	const limit = 160
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "…"
	}
	return strings.TrimSpace(s)
}

func (r refusal) says(code string) bool {
	for _, c := range r.codes {
		if c == code {
			return true
		}
	}
	return false
}

// classify says what it means to fenced. Only what answers a password may be about credentials: those are never tried again at once (R28),
// while a session that the BMC forgot costs another one.
func (r refusal) classify(login bool) error {
	switch r.status {
	case http.StatusUnauthorized, http.StatusForbidden:
		switch {
		case login && !r.says("SessionLimitExceeded"):
			return sdk.Auth(r)
		case r.status == http.StatusUnauthorized || login:
			return sdk.Limbo(r)
		}
		return sdk.Refused(r)
	case http.StatusConflict, http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout, http.StatusLocked:
		return sdk.Limbo(r) // it answers, but cannot tell or change its state now
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return sdk.Unsupported(r)
	}
	switch {
	case login && (r.says("ResourceAtUriUnauthorized") || r.says("NoValidSession")):
		return sdk.Auth(r)
	case r.says("SessionLimitExceeded"), r.says("ResourceInUse"), r.says("ServiceTemporarilyUnavailable"), r.says("ServiceInUnknownState"):
		return sdk.Limbo(r)
	case r.status >= 500:
		return r // unknown: it may have done it or not
	}
	return sdk.Refused(r)
}

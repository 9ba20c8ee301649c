package redfish

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/fenced-project/fenced/plugins/sdk"
)

// TestRefusals: each answer has its class. Only what answers a password is about credentials (R28).
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		status int
		code   string
		login  bool
		want   sdk.Class
	}{
		{401, "", true, sdk.ClassAuth},
		{403, "", true, sdk.ClassAuth},
		{400, "ResourceAtUriUnauthorized", true, sdk.ClassAuth},
		{403, "SessionLimitExceeded", true, sdk.ClassLimbo},
		{400, "SessionLimitExceeded", true, sdk.ClassLimbo},
		{503, "SessionLimitExceeded", true, sdk.ClassLimbo},
		{401, "NoValidSession", false, sdk.ClassLimbo},
		{403, "InsufficientPrivilege", false, sdk.ClassRefused},
		{404, "", false, sdk.ClassRefused},
		{400, "ActionNotSupported", false, sdk.ClassRefused},
		{400, "ResourceInUse", false, sdk.ClassLimbo},
		{409, "", false, sdk.ClassLimbo},
		{429, "", false, sdk.ClassLimbo},
		{503, "", false, sdk.ClassLimbo},
		{405, "", false, sdk.ClassUnsupported},
		{501, "", false, sdk.ClassUnsupported},
		{500, "InternalError", false, sdk.ClassUnknown},
		{301, "", true, sdk.ClassRefused},
	} {
		body := fmt.Sprintf(`{"error":{"code":"Base.1.8.GeneralError","message":"m","@Message.ExtendedInfo":[{"MessageId":"Base.1.8.%s","Message":"why"}]}}`, c.code)
		err := parseRefusal(c.status, []byte(body)).classify(c.login)
		if sdk.ClassOf(err) != c.want || !strings.Contains(err.Error(), "why") || !strings.Contains(err.Error(), c.code) {
			t.Errorf("%d %s, login %t: %v, want %q", c.status, c.code, c.login, err, c.want)
		}
	}
	long := parseRefusal(400, []byte(`{"error":{"message":"`+strings.Repeat(`a\u001b[2J\n`, 1000)+`"}}`)).Error()
	if len(long) > 400 || strings.ContainsAny(long, "\x1b\n") {
		t.Errorf("shown: %q", long)
	}
}

func TestTransportFailures(t *testing.T) {
	for want, errs := range map[sdk.Class][]error{
		sdk.ClassTimeout:     {context.DeadlineExceeded, context.Canceled, &url.Error{Err: context.DeadlineExceeded}},
		sdk.ClassUnreachable: {syscall.ECONNREFUSED, syscall.EHOSTUNREACH, io.EOF, &net.DNSError{}, &url.Error{Err: syscall.ECONNRESET}},
		sdk.ClassRefused:     {untrusted{io.EOF}, sdk.Refused(io.EOF)},
		sdk.ClassUnknown:     {errors.New("x")},
	} {
		for _, err := range errs {
			if got := sdk.ClassOf(transportFailure(fmt.Errorf("w: %w", err))); got != want {
				t.Errorf("%v is %q, want %q", err, got, want)
			}
		}
	}
}

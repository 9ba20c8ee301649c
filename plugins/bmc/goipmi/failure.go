package goipmi

import (
	"errors"
	"net"
	"syscall"

	"github.com/bougou/go-ipmi/pkg/types"

	"github.com/fenced-project/fenced/plugins/bmc/rmcp"
	"github.com/fenced-project/fenced/plugins/sdk"
)

// completion returns the completion code that the BMC answered with; ok is false where the error is not an answer at all. Code 0 is an
// answer that go-ipmi could not read.
func completion(err error) (code types.CompletionCode, ok bool) {
	var r *types.ResponseError
	if errors.As(err, &r) {
		return r.CompletionCode(), true
	}
	return types.CodeOK, false
}

// classify gives an error of go-ipmi its class. Its texts hide their causes, so the guard's facts come first: what the socket said, and
// how the handshake was refused.
func classify(err error, g *rmcp.Guard) error {
	var f *sdk.Failure
	if errors.As(err, &f) {
		return err
	}
	if code, ok := completion(err); ok {
		return classifyCode(code, err)
	}
	if told := ClassifyGuarded(g); told != nil {
		return told
	}
	// The socket is well and nobody refused: the BMC did not answer in time, or what came was not proven to be its answer.
	return sdk.Timeout(err)
}

// ClassifyGuarded gives the class that the guard's facts tell, nil where they tell nothing: for clients whose own errors are only text.
func ClassifyGuarded(g *rmcp.Guard) error {
	if r := g.Refusal(); r != nil {
		if r.Credentials() {
			return sdk.Auth(r)
		}
		if r.Full() {
			return sdk.Limbo(r)
		}
		return sdk.Refused(r)
	}
	io := g.IOError()
	var dns *net.DNSError
	switch {
	case io == nil:
		return nil
	case errors.Is(io, syscall.ECONNREFUSED), errors.Is(io, syscall.EHOSTUNREACH), errors.Is(io, syscall.ENETUNREACH),
		errors.Is(io, syscall.ENETDOWN), errors.As(io, &dns):
		return sdk.Unreachable(io)
	}
	return io
}

// classifyCode says what a completion code means to fenced (v2.0 table 5-2).
func classifyCode(code types.CompletionCode, err error) error {
	switch code {
	case types.CodeOK:
		return err // unknown
	case types.CodeNodeBusy, types.CodeProcessTimeout, types.CodeCannotProvideResponse, types.CodeCannotProvideResponseFirmwareUpdate,
		types.CodeCannotProvideResponseBMCInitialize, types.CodeDestinationUnavailable:
		return sdk.Limbo(err) // it answers, but cannot tell or change its state now
	case types.CodeInvalidCommand, types.CodeInvalidCommandForLUN, types.CodeIllegalCommand, types.CodeSubFnDisabled:
		return sdk.Unsupported(err)
	}
	return sdk.Refused(err)
}

package goipmi

import (
	"errors"
	"fmt"
	"testing"

	"github.com/bougou/go-ipmi/pkg/types"

	"github.com/fenced-project/fenced/plugins/bmc/rmcp"
	"github.com/fenced-project/fenced/plugins/sdk"
)

// TestCompletionCodes: a code that the BMC answers with has a class, through go-ipmi's wrapping; none of them is a success or a timeout.
func TestCompletionCodes(t *testing.T) {
	for code, want := range map[types.CompletionCode]sdk.Class{
		types.CodeNodeBusy:                            sdk.ClassLimbo,
		types.CodeProcessTimeout:                      sdk.ClassLimbo,
		types.CodeCannotProvideResponseBMCInitialize:  sdk.ClassLimbo,
		types.CodeCannotProvideResponseFirmwareUpdate: sdk.ClassLimbo,
		types.CodeInvalidCommand:                      sdk.ClassUnsupported,
		types.CodeInsufficientPrivilege:               sdk.ClassRefused,
		types.CodeNotSupported:                        sdk.ClassRefused,
		types.CodeParameterOutOfRange:                 sdk.ClassRefused,
		types.CodeUnspecifiedError:                    sdk.ClassRefused,
		types.CodeOK:                                  sdk.ClassUnknown, // an answer that go-ipmi could not read
	} {
		err := fmt.Errorf("client exchange failed, err: %w", types.NewResponseError(code, "x"))
		if got := sdk.ClassOf(classify(err, nil)); got != want {
			t.Errorf("completion code %#02x is %q, want %q", uint8(code), got, want)
		}
	}
}

// TestClassify: what has a class keeps it; what has none and no fact of the guard's is a timeout.
func TestClassify(t *testing.T) {
	g, err := rmcp.New(rmcp.Suite3, "u", "p")
	if err != nil {
		t.Fatal(err)
	}
	if got := sdk.ClassOf(classify(sdk.Limbo(errors.New("x")), g)); got != sdk.ClassLimbo {
		t.Errorf("a classified error became %q", got)
	}
	if got := sdk.ClassOf(classify(errors.New("no answer"), g)); got != sdk.ClassTimeout {
		t.Errorf("silence is %q", got)
	}
}

func TestClosedDriver(t *testing.T) {
	d := New(Config{})
	if _, err := d.PowerStateGet(t.Context()); !errors.Is(err, errClosed) {
		t.Errorf("a driver that was never opened reads: %v", err)
	}
	for range 2 {
		if err := d.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if ok, err := d.PowerSet(t.Context(), "cycle"); ok || sdk.ClassOf(err) != sdk.ClassUnsupported {
		t.Errorf("cycle: %t, %v", ok, err)
	}
}

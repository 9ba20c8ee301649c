package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/fenced-project/fenced/client"
	"github.com/fenced-project/fenced/fence"
)

// codes maps the sentinels of package fence to exit codes; the first that matches decides.
var codes = []struct {
	is   error
	code client.Code
}{
	{fence.ErrNoQuorum, client.CodeNoQuorum},
	{fence.ErrNotArmed, client.CodeNotArmed},
	{fence.ErrNoSuchNode, client.CodeNoSuch},
	{fence.ErrUnsafe, client.CodeUnsafe},
	{fence.ErrStale, client.CodeTryAgain},
	{context.DeadlineExceeded, client.CodeTimeout},
	{context.Canceled, client.CodeTryAgain},
}

// document makes the error that goes over the wire.
func document(err error) *client.Error {
	var e *client.Error
	if errors.As(err, &e) {
		out := *e
		out.API = client.API
		out.Text = oneLine(err.Error())
		return &out
	}
	code := client.CodeError
	for _, c := range codes {
		if errors.Is(err, c.is) {
			code = c.code
			break
		}
	}
	return &client.Error{API: client.API, Code: code, Text: oneLine(err.Error())}
}

// httpStatus is for tools that look at HTTP only; fenced's own client reads the code.
func httpStatus(c client.Code) int {
	switch c {
	case client.CodeUsage:
		return http.StatusBadRequest
	case client.CodeNotPermitted:
		return http.StatusForbidden
	case client.CodeNoSuch:
		return http.StatusNotFound
	case client.CodeUnsafe, client.CodeNotArmed, client.CodeInProgress, client.CodeNeedsOperator, client.CodeDirty:
		return http.StatusConflict
	case client.CodeConfig:
		return http.StatusUnprocessableEntity
	case client.CodeTryAgain, client.CodeNoQuorum:
		return http.StatusServiceUnavailable
	case client.CodeTimeout:
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}

// encode encodes a document; documents are plain structs, so a failure is a defect and is said in the document's place.
func encode(doc any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(doc); err != nil {
		b.Reset()
		_ = enc.Encode(client.Errorf(client.CodeError, "cannot encode the answer: %v", err)) // two strings and a number: cannot fail
	}
	return b.Bytes()
}

// write hands one document to the kernel, within its deadline.
func (s *Server) write(w http.ResponseWriter, status int, doc any) {
	body := encode(doc)
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.times.write))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // whoever asked is gone: nobody to tell
}

// fail writes an error.
func (s *Server) fail(w http.ResponseWriter, err error) {
	e := document(err)
	s.write(w, httpStatus(e.Code), e)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

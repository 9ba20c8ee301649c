package redfish

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/fenced-project/fenced/cmd/fenced-dev/bmc"
)

// resetTypes are what a system accepts.
var resetTypes = []string{"On", "ForceOff", "Nmi"}

func (s *Server) getSystems(w http.ResponseWriter, _ *http.Request) {
	var members []document
	for _, m := range s.machines {
		members = append(members, ref(systems+"/"+m.ID))
	}
	reply(w, http.StatusOK, collection(systems, "#ComputerSystemCollection.ComputerSystemCollection", members))
}

// machine finds the system that a request names, or answers that there is none.
func (s *Server) machine(w http.ResponseWriter, r *http.Request) *machine {
	for _, m := range s.machines {
		if m.ID == r.PathValue("id") {
			return m
		}
	}
	fail(w, http.StatusNotFound, "ResourceMissingAtURI", "there is no such system")
	return nil
}

func (s *Server) getSystem(w http.ResponseWriter, r *http.Request) {
	m := s.machine(w, r)
	if m == nil {
		return
	}
	power := "Off"
	switch on, err := m.chassis.On(r.Context()); {
	case errors.Is(err, bmc.ErrBusy):
		power = "PoweringOff"
	case err != nil:
		fail(w, http.StatusInternalServerError, "InternalError", "the switch does not say where it stands")
		return
	case on:
		power = "On"
	}
	path := systems + "/" + m.ID
	d := document{
		"@odata.id": path, "@odata.type": "#ComputerSystem.v1_13_0.ComputerSystem", "Id": m.ID, "Name": "System", "SystemType": "Physical",
		"PowerState": power, "Status": document{"State": "Enabled", "Health": "OK"},
		"Actions": document{"#ComputerSystem.Reset": document{
			"target": path + "/Actions/ComputerSystem.Reset", "ResetType@Redfish.AllowableValues": resetTypes,
		}},
	}
	uuid, serial := m.UUID, m.Serial
	if s.Knobs().WrongIdentity {
		uuid, serial = other(uuid), other(serial)
	}
	for key, value := range map[string]string{"UUID": uuid, "SerialNumber": serial, "PowerRestorePolicy": m.Restore} {
		if value != "" {
			d[key] = value
		}
	}
	reply(w, http.StatusOK, d)
}

// other is what another system would say here: every digit is another one.
func other(s string) string {
	b := []byte(s)
	for i, c := range b {
		switch {
		case c >= '0' && c <= '8', c >= 'a' && c <= 'e', c >= 'A' && c <= 'E':
			b[i]++
		case c == '9':
			b[i] = '0'
		}
	}
	return string(b)
}

// reset is the action ComputerSystem.Reset.
func (s *Server) reset(w http.ResponseWriter, r *http.Request) {
	m := s.machine(w, r)
	if m == nil {
		return
	}
	var b struct{ ResetType string }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096)).Decode(&b); err != nil {
		fail(w, http.StatusBadRequest, "MalformedJSON", "the request body is no JSON")
		return
	}
	var err error
	switch b.ResetType {
	case "On", "ForceOff":
		err = m.chassis.Set(r.Context(), b.ResetType == "On")
	case "Nmi":
		s.mu.Lock()
		s.counts.Diag++
		s.mu.Unlock()
	default:
		fail(w, http.StatusBadRequest, "ActionParameterNotSupported", "there is no such ResetType")
		return
	}
	switch {
	case errors.Is(err, bmc.ErrBusy), errors.Is(err, bmc.ErrRefused) && s.Knobs().Conflict:
		fail(w, http.StatusConflict, "ResourceInUse", "the change could not be made, the resource is in use or in transition")
	case errors.Is(err, bmc.ErrRefused):
		fail(w, http.StatusForbidden, "InsufficientPrivilege", "there are insufficient privileges for the account")
	case err != nil:
		fail(w, http.StatusInternalServerError, "InternalError", "the switch did not move")
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

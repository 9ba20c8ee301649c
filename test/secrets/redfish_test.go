package secrets

import (
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/fenced-project/fenced/cmd/fenced-dev/redfish"
)

// redfishTime is for an attempt by HTTPS: it must be long enough to be refused, or nobody would speak of a password.
const redfishTime = 10 * time.Second

// redfishes starts a Redfish BMC that switches node 2 and one of node 3, and writes their devices: the first has the BMC's password, the second
// another one, which the BMC is told and refuses.
func (p *planted) redfishes(w io.Writer) error {
	for node, d := range map[int]struct{ device, file string }{
		2: {"redfish", "${CREDENTIALS_DIRECTORY}/redfish"}, 3: {"redfish-wrong", filepath.Join(filepath.Dir(p.dir), "redfish-wrong")},
	} {
		uuid, power, err := p.machine(node)
		if err != nil {
			return err
		}
		s, err := redfish.Start(redfish.Config{
			Listen: "127.0.0.1:0", User: admin, Password: p.password["redfish"], Systems: []redfish.System{{ID: "1", UUID: uuid, Power: power}}, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			return err
		}
		p.redfish = append(p.redfish, s)
		_, _ = fmt.Fprintf(w, "  %s: {plugin: bmc, driver: redfish, tls: fingerprint %s, address: 127.0.0.1, port: %d, username: %s, password_file: %q, attempt_timeout: %s, attempts: 1, effect: 1s}\n",
			d.device, s.Fingerprint(), s.Addr().Port, admin, d.file, patience(redfishTime))
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gosnmp/gosnmp"

	"github.com/fenced-project/fenced/plugins/sdk"
)

const sample = `# A switched power strip. A target is an outlet: a number, a name, or several with commas.
devices:
  pdu-1:
    plugin: pdu
    address: 10.0.9.10
    version: "3"
    username: fenced
    auth_password_file: /etc/fenced/secrets/pdu-1-auth
    priv_password_file: /etc/fenced/secrets/pdu-1-priv
nodes:
  node-1:
    levels:
      - [{device: pdu-1, target: "3"}]
`

// plugin is the pdu plugin.
type plugin struct{}

// Describe says what it is.
func (plugin) Describe() sdk.Description {
	return sdk.Description{
		Name: "pdu", Version: "0.1.0", Summary: "power strips and switch ports by SNMP; families are table files", Kind: sdk.Power,
		Actions: []sdk.Action{sdk.ActionOff, sdk.ActionOn}, Effect: 90 * time.Second, Settle: time.Second, HoldUp: 5 * time.Second, Limit: 4, Sample: sample,
		Options: []sdk.Option{
			{Name: "address", Required: true, Mapping: true, Help: "name or IP address of the device"},
			{Name: "port", Type: sdk.Int, Default: "161", Mapping: true, Help: "its UDP port"},
			{Name: "version", Type: sdk.Enum, Values: []string{"1", "2c", "3"}, Default: "3", Help: "of SNMP; only 3 authenticates and hides what is said"},
			{Name: "community", Secret: true, Help: "of versions 1 and 2c, with the right to write"},
			{Name: "username", Help: "of version 3"},
			{Name: "auth_protocol", Type: sdk.Enum, Values: names(authProtocols), Default: "sha", Help: "of version 3"},
			{Name: "auth_password", Secret: true, Help: "of version 3, at least 8 bytes"},
			{Name: "priv_protocol", Type: sdk.Enum, Values: names(privProtocols), Default: "aes", Help: "of version 3"},
			{Name: "priv_password", Secret: true, Help: "of version 3, at least 8 bytes"},
			{Name: "context", Help: "of version 3, where the device has several"},
			{Name: "family", Default: "auto", Mapping: true, Help: "of device; auto recognises power strips by their sysObjectID"},
			{Name: "families", Help: "directory with table files of your own (*.yaml)"},
			{Name: "accept_untested", Type: sdk.Bool, Default: "false", Help: "use a family whose table was never held against anything"},
			{Name: "timeout", Type: sdk.Duration, Default: "5s", Help: "longest time of one operation; the caller's deadline holds as well"},
		},
	}
}

var authProtocols = map[string]gosnmp.SnmpV3AuthProtocol{
	"md5": gosnmp.MD5, "sha": gosnmp.SHA, "sha224": gosnmp.SHA224, "sha256": gosnmp.SHA256, "sha384": gosnmp.SHA384, "sha512": gosnmp.SHA512,
}

var privProtocols = map[string]gosnmp.SnmpV3PrivProtocol{
	"des": gosnmp.DES, "aes": gosnmp.AES, "aes192": gosnmp.AES192, "aes256": gosnmp.AES256, "aes192c": gosnmp.AES192C, "aes256c": gosnmp.AES256C,
}

func names[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for n := range m {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

var versions = map[string]gosnmp.SnmpVersion{"1": gosnmp.Version1, "2c": gosnmp.Version2c, "3": gosnmp.Version3}

// Open checks what the schema cannot. It does not reach the device.
func (plugin) Open(_ context.Context, _ string, o sdk.Options) (sdk.Device, error) {
	port := o.Int("port")
	d := &device{timeout: o.Duration("timeout"), untested: o.Bool("accept_untested"), kind: sdk.Power, access: access{
		host: strings.Trim(o.String("address"), "[]"), port: uint16(port & 0xffff), version: versions[o.String("version")], community: o.Secret("community"), //nolint:gosec // masked, and checked below
		user: o.String("username"), authPassword: o.Secret("auth_password"), privPhase: o.Secret("priv_password"), context: o.String("context"),
		auth: authProtocols[o.String("auth_protocol")], priv: privProtocols[o.String("priv_protocol")],
	}}
	switch {
	case d.access.host == "" || strings.ContainsAny(d.access.host, " /@"):
		return nil, sdk.Refused(fmt.Errorf("%q is no address; the port is an option of its own", d.access.host))
	case port < 1 || port > 65535:
		return nil, sdk.Refused(fmt.Errorf("%d is no UDP port", port))
	case d.timeout < 200*time.Millisecond || d.timeout > time.Minute:
		return nil, sdk.Refused(fmt.Errorf("the timeout %v is not between 0.2 s and a minute", d.timeout))
	}
	if err := d.access.credentials(); err != nil {
		return nil, sdk.Refused(err)
	}
	all, err := families(o.String("families"))
	if err != nil {
		return nil, sdk.Refused(err)
	}
	if err := d.choose(all, o.String("family")); err != nil {
		return nil, sdk.Refused(err)
	}
	return d, nil
}

// credentials says what is missing: version 3 is never used without authentication and encryption.
func (a access) credentials() error {
	if a.version != gosnmp.Version3 {
		if a.community.Reveal() == "" {
			return errors.New("versions 1 and 2c want a community (`community_file:`)")
		}
		return nil
	}
	switch {
	case a.user == "":
		return errors.New("version 3 wants a username")
	case len(a.authPassword.Reveal()) < 8 || len(a.privPhase.Reveal()) < 8:
		return errors.New("version 3 wants auth_password and priv_password of at least 8 bytes each (`auth_password_file:`, `priv_password_file:`)")
	}
	return nil
}

// choose keeps the named family, or all that can be recognised.
func (d *device) choose(all []family, name string) error {
	if name == "auto" {
		d.families = slices.DeleteFunc(all, func(f family) bool { return len(f.Identify) == 0 || f.Named || f.Kind != sdk.Power })
		return nil
	}
	i := slices.IndexFunc(all, func(f family) bool { return f.Name == name })
	if i < 0 {
		known := make([]string, len(all))
		for j, f := range all {
			known[j] = f.Name
		}
		slices.Sort(known)
		return fmt.Errorf("there is no family %q; there are auto, %s", name, strings.Join(known, ", "))
	}
	f := all[i]
	if f.Status != tested && !d.untested {
		return fmt.Errorf("the table of family %s was never held against anything: write `accept_untested: true` if you did", name)
	}
	d.families, d.named, d.kind = []family{f}, true, f.Kind
	return nil
}

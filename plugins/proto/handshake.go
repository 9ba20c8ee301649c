package proto

import (
	"context"
	"errors"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

// ProtocolVersion is the version of the wire that this package describes: go-plugin negotiates it before the first call.
const ProtocolVersion = 1

// SetKey is the name under which host and plugin find the service in go-plugin's plugin set.
const SetKey = "fence"

// FilePrefix begins the file name of every plugin: fenced-plugin-NAME.
const FilePrefix = "fenced-plugin-"

// MaxMessage bounds each request and each answer, in bytes.
const MaxMessage = 1 << 20

// Handshake is what go-plugin compares first. The cookie is no secret: it keeps a person who runs a plugin by hand from a hanging terminal.
var Handshake = plugin.HandshakeConfig{
	ProtocolVersion:  ProtocolVersion,
	MagicCookieKey:   "FENCED_PLUGIN",
	MagicCookieValue: "fenced.plugin.v1",
}

// Glue joins the service to go-plugin: a server on the plugin's side, a FencePluginClient on the host's.
type Glue struct {
	plugin.NetRPCUnsupportedPlugin
	// Service answers the calls; the host leaves it nil.
	Service FencePluginServer
}

// GRPCServer registers the service; go-plugin calls it in the plugin's process.
func (g *Glue) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	if g.Service == nil {
		return errors.New("cannot serve a plugin without a server")
	}
	RegisterFencePluginServer(s, g.Service)
	return nil
}

// GRPCClient returns a FencePluginClient; go-plugin calls it in the host's process.
func (g *Glue) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return NewFencePluginClient(c), nil
}

// Sets are the plugin sets by protocol version, for go-plugin's negotiation.
func Sets(service FencePluginServer) map[int]plugin.PluginSet {
	return map[int]plugin.PluginSet{ProtocolVersion: {SetKey: &Glue{Service: service}}}
}

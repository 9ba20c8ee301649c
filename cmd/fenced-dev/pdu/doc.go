// Package pdu is a power strip for tests: an SNMP agent (v1 and v2c) with the objects of a real family, whose outlets really switch, and that
// misbehaves when told to. The objects stand here a second time, independent of the tables of plugins/pdu: fence_apc_snmp and its like are run
// against the same agent, so that neither side can be wrong alone.
//
// It is not for production and holds nothing that the plugin uses. Start reading at agent.go; models are in model.go.
package pdu

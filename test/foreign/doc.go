// Package foreign proves that plugins need no Go: plugin.py is one in Python, made from plugins/proto/plugin.proto and the page
// docs/reference/plugin-protocol.md alone, and passes the same conformance test as those that are made with the sdk.
//
// It imports plugins/plugintest. Start reading at plugin.py.
package foreign

// Package plugintest proves a plugin: any executable that speaks plugins/proto, in any language, run as a real process under the real
// host. `fenced plugin test PATH` prints what Run reports; a vendor's own tests may call it too.
//
// Run proves the given plugin and says so in each case: what is proven, and of whom. RunHost proves the host, with a plugin that misbehaves
// on purpose (badplugin): what a plugin can do to the daemon does not depend on the plugin at hand.
//
// Nothing is switched unless Options.AllowPower says that the target may be. Start reading at run.go; the cases are in shape.go (what it
// says of itself, options), power.go (states and actions), hardness.go (deadlines, signals, garbage, memory) and hostcases.go.
package plugintest

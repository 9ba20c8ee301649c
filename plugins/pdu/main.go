package main

import "github.com/fenced-project/fenced/plugins/sdk"

func main() { sdk.Main(plugin{}) }

//go:build tools

// Package tools names the program that `make tidb` builds, so that go.mod keeps its requirements.
package tools

import _ "github.com/pingcap/tidb/cmd/tidb-server"

// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

//go:build ignore

// Writes the description of the interface to the file that it is given.
package main

import (
	"fmt"
	"os"

	"github.com/defakepro/defakepro/httpapi"
)

func main() {
	if err := os.WriteFile(os.Args[1], httpapi.OpenAPI(), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

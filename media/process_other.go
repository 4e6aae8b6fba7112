// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package media

import "os/exec"

// detach leaves the program as it is: this system has no process groups.
func detach(*exec.Cmd) {}

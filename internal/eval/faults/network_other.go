// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package faults

import (
	"errors"
	"os/exec"
)

func newSpaces(int, uint64) (fabric, error) {
	return nil, errors.New("no network namespaces: they are Linux's")
}

func dieWithParent(*exec.Cmd) {}

func mountSmall(string, int64) (func() error, error) {
	return nil, errors.New("no small disk: it takes Linux's tmpfs")
}

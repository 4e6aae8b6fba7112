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

func smallDisk(string, int64) (func() error, error) {
	return nil, errors.New("no small disk: it takes Linux's tmpfs")
}

func limitFiles(int, uint64) error {
	return errors.New("no limit on files: it takes Linux's prlimit")
}

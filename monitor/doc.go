// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Package monitor follows the participants of a live conference and says of each, while it runs, whether their sound and
// picture carry the frequency that the grid has.
package monitor

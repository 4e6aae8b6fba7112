// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package enf

// WholeGaps has an estimator that has begun go through all of a gap.
func (e *AudioEstimator) WholeGaps() { e.gaps.live = true }

// WholeGaps is that of video.
func (e *VideoEstimator) WholeGaps() { e.gaps.live = true }

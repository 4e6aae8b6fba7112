// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Package defakepro is the map of a module that tells from the hum of the mains whether a recording was made when and
// where it claims.
//
// A power grid's frequency wanders by millihertz around 50 or 60 Hz and never repeats. Equipment and lamps write it into
// what is recorded near them, as hum in audio and as flicker in video: the Electrical Network Frequency (ENF). DeFakePro
// reads that trace, compares it with what the grid really did, and says authentic, forged (and where) or undetermined
// (and why). It follows the paper "DeFakePro: Decentralized Deepfake Attacks Detection Using ENF Authentication"
// (Nagothu, Xu, Chen, Blasch and Aved, IT Professional, 2022), and goes past it where measurement showed a better
// way; each package names its sources.
//
// A recording's way through the packages:
//
//   - [github.com/defakepro/defakepro/media] opens a recording and yields audio samples and the light of video frames.
//   - [github.com/defakepro/defakepro/dsp] has the signal types and the spectral tools.
//   - [github.com/defakepro/defakepro/enf] estimates one frequency a second, with its uncertainty, and reads references.
//   - [github.com/defakepro/defakepro/detect] compares an estimate with a reference and decides.
//   - [github.com/defakepro/defakepro/report] writes the decision as text, JSON, HTML and plots.
//
// A call's way:
//
//   - [github.com/defakepro/defakepro/conference] joins a LiveKit room and yields each participant's sound and picture.
//   - [github.com/defakepro/defakepro/monitor] estimates and judges them while the call runs.
//   - [github.com/defakepro/defakepro/peers] makes a truth of the participants' own streams, where there is no committee.
//   - [github.com/defakepro/defakepro/history] keeps what was said, [github.com/defakepro/defakepro/webhook] posts it.
//   - [github.com/defakepro/defakepro/dashboard] has the pages that show it.
//   - [github.com/defakepro/defakepro/guard] joins all these to one meeting watched.
//
// The committee's way, which agrees on what the grid did:
//
//   - [github.com/defakepro/defakepro/prover] makes a member's signed proof of a round from sound, a recording or a series.
//   - [github.com/defakepro/defakepro/identity] has members' keys, [github.com/defakepro/defakepro/capability] tokens of rights.
//   - [github.com/defakepro/defakepro/poenf] is the rule: proofs in, an agreed round out.
//   - [github.com/defakepro/defakepro/ledger] keeps rounds, [github.com/defakepro/defakepro/ledger/comet] replicates them with
//     CometBFT and certifies them.
//   - [github.com/defakepro/defakepro/httpapi] is a node or a guard over HTTP, both ways.
//
// Beside these stand [github.com/defakepro/defakepro/upconv], the baseline that the paper compares itself with;
// [github.com/defakepro/defakepro/sim], which renders recordings and calls with known truth; and
// [github.com/defakepro/defakepro/enf/enftest], the same for tests of estimators. The command is
// [github.com/defakepro/defakepro/cmd/defakepro]; most users want that.
//
// The module is at version 0: names may still change.
package defakepro

// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"

	"github.com/defakepro/defakepro/poenf"
)

// Evidence is a breach of the rules that names its author. Exactly one of its fields is set.
type Evidence struct {
	// Equivocation is two different proofs that a member signed for one round.
	Equivocation *poenf.Evidence
	// DoubleSign is two different blocks that a validator voted for, as CometBFT found and verified.
	DoubleSign *DoubleSign
}

// DoubleSign is a validator's vote for two different blocks of one height.
type DoubleSign struct {
	// Validator is the address of the validator: the first 20 bytes of the SHA-256 of its key, in hexadecimal.
	Validator string
	// Height is where it voted twice, and Time the time of that block.
	Height int64
	Time   time.Time
	// Power was its voting power, Total that of all validators.
	Power, Total int64
	// Light reports whether the second block was shown to light clients only.
	Light bool
}

func doubleSignOf(m abci.Misbehavior) DoubleSign {
	return DoubleSign{
		Validator: hex.EncodeToString(m.Validator.Address), Height: m.Height, Time: m.Time.UTC().Truncate(time.Millisecond),
		Power: m.Validator.Power, Total: m.TotalVotingPower, Light: m.Type == abci.MisbehaviorType_LIGHT_CLIENT_ATTACK,
	}
}

func (d DoubleSign) encode() []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(d.Height))
	b = binary.BigEndian.AppendUint64(b, uint64(d.Time.UnixMilli()))
	b = binary.BigEndian.AppendUint64(b, uint64(d.Power))
	b = binary.BigEndian.AppendUint64(b, uint64(d.Total))
	if d.Light {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	return append(b, d.Validator...)
}

func decodeEvidence(entry []byte) (Evidence, error) {
	switch kind, b := entry[0], entry[1:]; kind {
	case entryEquivocation:
		var e poenf.Evidence
		err := e.UnmarshalBinary(b)
		return Evidence{Equivocation: &e}, err
	case entryDoubleSign:
		if len(b) < 33 {
			return Evidence{}, fmt.Errorf("double signature of %d bytes", len(b))
		}
		number := func(at int) int64 { return int64(binary.BigEndian.Uint64(b[at:])) }
		return Evidence{DoubleSign: &DoubleSign{
			Height: number(0), Time: time.UnixMilli(number(8)).UTC(), Power: number(16), Total: number(24),
			Light: b[32] == 1, Validator: string(b[33:]),
		}}, nil
	default:
		return Evidence{}, fmt.Errorf("entry of kind %d is no evidence", kind)
	}
}

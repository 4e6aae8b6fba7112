// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package poenf

import "fmt"

// Rule is the way in which a round's truth follows from its proofs. The zero value is [Median].
type Rule uint8

const (
	// Median aligns the proofs and takes, second by second, the median and the mean of the values near it. f liars
	// cannot take it far from the honest values: see [Select].
	Median Rule = iota
	// Krum takes the proof that is closest to its neighbours, as it is: DeFakePro §III-C; Blanchard, El Mhamdi,
	// Guerraoui, Stainer, Machine learning with adversaries: Byzantine tolerant gradient descent, NeurIPS 2017.
	Krum
)

var ruleNames = [...]string{Median: "median", Krum: "krum"}

// String returns the rule's name: median or krum.
func (r Rule) String() string {
	if int(r) < len(ruleNames) {
		return ruleNames[r]
	}
	return fmt.Sprintf("rule(%d)", uint8(r))
}

// ParseRule returns the rule of that name. Its error wraps [ErrMalformed].
func ParseRule(name string) (Rule, error) {
	for r, known := range ruleNames {
		if name == known {
			return Rule(r), nil
		}
	}
	return 0, fmt.Errorf("%w: rule %.20q is neither median nor krum", ErrMalformed, name)
}

// MarshalText returns the rule's name. Its error wraps [ErrMalformed].
func (r Rule) MarshalText() ([]byte, error) {
	if int(r) >= len(ruleNames) {
		return nil, fmt.Errorf("%w: no such rule: %d", ErrMalformed, uint8(r))
	}
	return []byte(r.String()), nil
}

// UnmarshalText is [ParseRule].
func (r *Rule) UnmarshalText(text []byte) error {
	parsed, err := ParseRule(string(text))
	if err == nil {
		*r = parsed
	}
	return err
}

// MaxFaulty returns the largest f that n members allow. A round may close with m = n-f proofs, f of them lies. The
// median wants the honest to be more than half, m >= 2f+1, so that n >= 3f+1, as agreement does. A Krum score wants m
// >= 2f+3, so that n >= 3f+3 (Blanchard et al. 2017, §4).
func (r Rule) MaxFaulty(n int) int {
	if r == Krum {
		return max(0, (n-3)/3)
	}
	return max(0, (n-1)/3)
}

// needs is what the rule asks of m, in words.
func (r Rule) needs() string {
	if r == Krum {
		return "m >= 2f+3"
	}
	return "m >= 2f+1"
}

// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package poenf

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
)

var sizes = []int{10, 20, 50, 100, 200, 500}

func BenchmarkScores(b *testing.B) {
	for _, n := range sizes {
		for _, with := range []struct {
			name  string
			liars int
		}{{"honest", 0}, {"liars", n / 3}} {
			b.Run(fmt.Sprintf("%s/K=%d", with.name, n), func(b *testing.B) {
				vectors := committeeOf(rand.New(rand.NewPCG(1, 2)), n, with.liars, 60)
				dst := make([]uint64, n)
				b.ReportAllocs()
				cpu(b, func() { Scores(dst, vectors, Krum.MaxFaulty(n)) })
			})
		}
	}
}

func BenchmarkAuthors(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("K=%d", n), func(b *testing.B) {
			vectors := committeeOf(rand.New(rand.NewPCG(1, 2)), n, 0, 60)
			b.ReportAllocs()
			cpu(b, func() { authorsScores(vectors) })
		})
	}
}

func BenchmarkSelect(b *testing.B) {
	for _, rule := range []Rule{Median, Krum} {
		for _, n := range sizes {
			b.Run(fmt.Sprintf("%v/K=%d", rule, n), func(b *testing.B) {
				vectors := committeeOf(rand.New(rand.NewPCG(1, 2)), n, 0, 60)
				names := make([]string, n)
				for i := range names {
					names[i] = fmt.Sprintf("m%03d", i)
				}
				b.ReportAllocs()
				cpu(b, func() {
					if _, err := Select(rule, names, vectors, Krum.MaxFaulty(n)); err != nil {
						b.Fatal(err)
					}
				})
			})
		}
	}
}

// BenchmarkMachine is what a ledger does in the round of a large committee.
func BenchmarkMachine(b *testing.B) {
	const n = 500
	c := committee(n)
	c.Length = 60
	c.Faulty = Krum.MaxFaulty(n)
	var proofs []Tx
	for i := range n {
		proofs = append(proofs, proof(b, c, i, first, int32(i)))
	}
	full := machine(b, c, genesis)
	for _, p := range proofs {
		apply(b, full, end, p)
	}
	b.Run("clone", func(b *testing.B) {
		b.ReportAllocs()
		cpu(b, func() { full.Clone() })
	})
	b.Run("hash", func(b *testing.B) {
		b.ReportAllocs()
		cpu(b, func() { full.Hash() })
	})
	b.Run("decode", func(b *testing.B) {
		data := full.append(nil)
		b.ReportAllocs()
		cpu(b, func() {
			if err := new(Machine).UnmarshalBinary(data); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("tick", func(b *testing.B) {
		b.ReportAllocs()
		cpu(b, func() {
			if len(full.Clone().Tick(end)) != 1 {
				b.Fatal("nothing closed")
			}
		})
	})
	b.Run("apply", func(b *testing.B) {
		b.ReportAllocs()
		m, i := machine(b, c, genesis), 0
		cpu(b, func() {
			if _, err := m.Apply(end, proofs[i]); err != nil {
				b.Fatal(err)
			}
			if i++; i == n {
				m, i = machine(b, c, genesis), 0
			}
		})
	})
}

// cpu runs a benchmark and reports the processor's time beside the clock's, which says little on a shared machine.
func cpu(b *testing.B, f func()) {
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	for b.Loop() {
		f()
	}
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	b.ReportMetric(float64(after.Utime.Nano()-before.Utime.Nano()+after.Stime.Nano()-before.Stime.Nano())/float64(b.N), "cpu-ns/op")
}

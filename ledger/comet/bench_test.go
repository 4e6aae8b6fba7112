// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package comet_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/ledger/comet"
	"github.com/defakepro/defakepro/ledger/ledgertest"
	"github.com/defakepro/defakepro/poenf"
)

// BenchmarkRound measures a whole round on loopback: from the instant at which all members submit to the one at which
// every node shows the truth. Proofs have 60 values and are signed beforehand. All sizes: LEDGER_BENCH=full.
func BenchmarkRound(b *testing.B) {
	sizes := [][2]int{{1, 4}, {4, 4}}
	if os.Getenv("LEDGER_BENCH") == "full" {
		sizes = [][2]int{{1, 1}, {4, 4}, {10, 10}, {20, 20}, {4, 50}, {4, 100}, {4, 200}, {4, 500}}
	}
	for _, size := range sizes {
		b.Run(fmt.Sprintf("validators=%d/provers=%d", size[0], size[1]), func(b *testing.B) { benchRound(b, size[0], size[1]) })
	}
}

func benchRound(b *testing.B, validators, provers int) {
	c := ledgertest.NewCommittee("bench", provers, 60)
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	degree := 0
	if validators > 10 {
		degree = 3
	}
	registry := prometheus.NewRegistry()
	homes := 0
	n := newNet(b, c, comet.Layout{Validators: validators, Degree: degree}, validators, func(cfg *comet.Config) {
		homes++
		cfg.Metrics = prometheus.WrapRegistererWith(prometheus.Labels{"node": strconv.Itoa(homes)}, registry)
	})
	n.ready(b, min(validators, 2*degree+1+validators*(1-min(degree, 1))))
	ledgers := n.ledgers()
	measure(b, n, ledgers) // the first round opens connections and files
	disk := diskUse(b, n.homes[0].Dir)
	var took []time.Duration
	cpu, sent := cpuTime(), sentBytes(b, registry)
	for b.Loop() {
		took = append(took, measure(b, n, ledgers))
	}
	cpu, sent = cpuTime()-cpu, sentBytes(b, registry)-sent
	disk = diskUse(b, n.homes[0].Dir) - disk
	slices.Sort(took)
	b.ReportMetric(ms(took[len(took)/2]), "ms-median")
	b.ReportMetric(ms(took[len(took)*99/100]), "ms-p99")
	b.ReportMetric(ms(cpu)/float64(len(took)), "cpu-ms/round")
	b.ReportMetric(sent/float64(validators)/float64(len(took)), "sent-B/node/round")
	b.ReportMetric(float64(disk)/float64(len(took)), "disk-B/round")
	var after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapInuse+after.StackInuse-before.HeapInuse-before.StackInuse)/float64(validators)/(1<<20), "MB/node")
	b.ReportMetric(0, "ns/op") // signing is in it
}

// sentBytes is what all nodes have sent to their peers, as CometBFT counts it.
func sentBytes(b *testing.B, registry *prometheus.Registry) (sum float64) {
	b.Helper()
	families, err := registry.Gather()
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "cometbft_p2p_message_send_bytes_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			sum += m.GetCounter().GetValue()
		}
	}
	return sum
}

// cpuTime is what this process has used: on a machine that is shared it says more than the clock.
func cpuTime() time.Duration {
	var use syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &use) != nil {
		return 0
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// measure runs one round and returns how long it took.
func measure(b *testing.B, n *net, ledgers []ledger.Ledger) time.Duration {
	number := n.Last(n.clock.Now().UnixMilli()) + 1
	proofs := make([]poenf.Proof, len(n.Members))
	for i, m := range n.Members {
		proofs[i] = n.Proof(m.Name, number)
	}
	// The block that carried the former round's hash is through, as it is when rounds are seconds apart.
	for _, node := range n.nodes {
		if node == nil {
			continue
		}
		height := n.nodes[0].Height()
		eventually(b, func() bool { return node.Height() >= height && node.Quiet() }, "quiet")
	}
	n.clock.Until(n.EndOf(number))
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	begin := time.Now()
	errs := make(chan error, len(proofs))
	for i, p := range proofs {
		go func() { errs <- ledgers[i%len(ledgers)].Submit(ctx, p) }()
	}
	seen := make(chan error, len(ledgers))
	for _, l := range ledgers {
		go func() {
			for _, err := range l.Follow(ctx, number) {
				seen <- err
				return
			}
		}()
	}
	for range ledgers {
		if err := <-seen; err != nil {
			b.Fatal(err)
		}
	}
	took := time.Since(begin)
	for range proofs {
		if err := <-errs; err != nil {
			b.Fatal(err)
		}
	}
	return took
}

func diskUse(b *testing.B, dir string) (size int64) {
	b.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // files come and go
		}
		if info, err := d.Info(); err == nil {
			size += info.Size()
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return size
}

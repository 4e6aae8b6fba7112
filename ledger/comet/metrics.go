// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package comet

import (
	"fmt"
	"sync"
	"time"

	"github.com/cometbft/cometbft/blocksync"
	"github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/consensus"
	"github.com/cometbft/cometbft/mempool"
	"github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/proxy"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/statesync"
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are a node's own figures, next to CometBFT's. The zero registerer makes them count unseen.
type metrics struct {
	closed   prometheus.Counter
	void     prometheus.Counter
	missing  prometheus.Gauge
	evidence prometheus.Counter
	refused  *prometheus.CounterVec
	height   prometheus.Gauge

	mu   sync.Mutex
	last time.Time // when the newest round closed, by the node's clock
}

func newMetrics(to prometheus.Registerer, now func() time.Time) (*metrics, error) {
	name := func(n string) string { return prometheus.BuildFQName("defakepro", "ledger", n) }
	m := &metrics{
		closed:   prometheus.NewCounter(prometheus.CounterOpts{Name: name("rounds_closed_total"), Help: "Rounds closed since the node started."}),
		void:     prometheus.NewCounter(prometheus.CounterOpts{Name: name("rounds_void_total"), Help: "Rounds that expired with too few proofs, of those that a closed round has since followed."}),
		missing:  prometheus.NewGauge(prometheus.GaugeOpts{Name: name("members_missing"), Help: "Members without a proof in the newest closed round."}),
		evidence: prometheus.NewCounter(prometheus.CounterOpts{Name: name("evidence_total"), Help: "Equivocations and double signatures recorded since the node started."}),
		height:   prometheus.NewGauge(prometheus.GaugeOpts{Name: name("height"), Help: "Height of the newest committed block."}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: name("refused_total"),
			Help: "Transactions refused since the node started, by reason; from members and from peers."}, []string{"reason"}),
		last: now(),
	}
	for _, reason := range reasons {
		m.refused.WithLabelValues(reason.name)
	}
	m.refused.WithLabelValues(reasonOther)
	if to == nil {
		return m, nil
	}
	since := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name("last_round_seconds"),
		Help: "Seconds since the newest round closed, or since the node started."}, func() float64 {
		m.mu.Lock()
		defer m.mu.Unlock()
		return now().Sub(m.last).Seconds()
	})
	for _, c := range []prometheus.Collector{m.closed, m.void, m.missing, m.evidence, m.height, m.refused, since} {
		if err := to.Register(c); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	return m, nil
}

// engineRegistry guards prometheus.DefaultRegisterer while CometBFT's constructors, which know no other, register.
var engineRegistry sync.Mutex

// engineMetrics has CometBFT register its metrics with to. Without to they are not kept.
func engineMetrics(to prometheus.Registerer) node.MetricsProvider {
	return func(chain string) (*consensus.Metrics, *p2p.Metrics, *mempool.Metrics, *sm.Metrics, *proxy.Metrics, *blocksync.Metrics, *statesync.Metrics) {
		on := to != nil
		if on {
			engineRegistry.Lock()
			defer engineRegistry.Unlock()
			former := prometheus.DefaultRegisterer
			prometheus.DefaultRegisterer = to
			defer func() { prometheus.DefaultRegisterer = former }()
		}
		return node.DefaultMetricsProvider(&config.InstrumentationConfig{Prometheus: on, Namespace: "cometbft"})(chain)
	}
}

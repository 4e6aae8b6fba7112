// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/defakepro/defakepro/capability"
	"github.com/defakepro/defakepro/httpapi"
	"github.com/defakepro/defakepro/ledger/comet"
	"github.com/defakepro/defakepro/poenf"
)

const (
	// registerEvery is how often each node is asked who is registered: what is revoked is worth nothing that much later.
	registerEvery = 15 * time.Second
	// registryGood is how long a registry is gone by, where a committee may not be silent for longer than half of that.
	registryGood = 5 * time.Minute
)

// told is a registry as nodes have told it.
type told struct {
	poenf.Registry
	sequence uint64 // of its last change; 0 where certificates say what is newer
	height   int64  // of its certificate
	asOf     time.Time
}

// Registry returns who is registered, and the number of the last change where nodes are taken at their word, else 0. It fails when no
// node has told it for five minutes, or twice the time for which the committee may be silent if that is longer: then nobody
// knows what has been revoked.
func (c *Committee) Registry() (poenf.Registry, uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	good := registryGood
	if c.committee != nil {
		good = max(good, 2*time.Duration(c.committee.Stall())*time.Millisecond)
	}
	if age := c.now().Sub(c.registry.asOf); c.registry.asOf.IsZero() || age > good {
		return poenf.Registry{}, 0, errors.New("no node tells who is registered") // the log says why: strangers read this
	}
	return c.registry.Registry, c.registry.sequence, nil
}

// register asks a node now and then who is registered. All are asked, so that none can keep a revocation back.
func (c *Committee) register(ctx context.Context, n *committeeNode) {
	for said := false; ; {
		registry, err := c.fetch(ctx, n)
		if ctx.Err() != nil {
			return
		}
		c.mu.Lock()
		if err == nil && newer(registry, c.registry) {
			c.registry = registry
		}
		c.mu.Unlock()
		if err != nil && !said {
			c.log.Warn("a node does not tell who is registered", slog.String("node", n.url), slog.Any("err", err))
		}
		said = err != nil
		if !sleep(ctx, c.registerEvery) {
			return
		}
	}
}

// newer reports whether a registry is not from before the one that is known.
func newer(a, b told) bool {
	return a.height > b.height || a.height == b.height && a.sequence >= b.sequence && !a.asOf.Before(b.asOf)
}

// fetch asks a node who is registered. Where there is a genesis the registry is dated by the newest block of its certificate, else
// a node could pass off one from before a revocation.
func (c *Committee) fetch(ctx context.Context, n *committeeNode) (told, error) {
	if c.root == nil {
		asOf := c.now()
		registry, _, sequence, err := n.client.Registry(ctx)
		return told{Registry: registry, sequence: sequence, asOf: asOf}, err
	}
	file, err := n.client.RegistryCertificate(ctx)
	if problem, ok := errors.AsType[*httpapi.Problem](err); ok && problem.Status == http.StatusServiceUnavailable {
		return told{}, fmt.Errorf("%w; there is one after the first change by an administrator", err)
	}
	if err != nil {
		return told{}, err
	}
	var certificate comet.RegistryCertificate
	if err := json.Unmarshal(file, &certificate); err != nil {
		return told{}, err
	}
	if err := certificate.Verify(*c.root); err != nil {
		return told{}, err
	}
	newest := certificate.Blocks[len(certificate.Blocks)-1].Header.Time
	return told{Registry: certificate.Registry, height: certificate.Height(), asOf: newest}, nil
}

// security is who may ask the guard for what.
func (g *Guard) security() *httpapi.Security {
	c := g.options.Committee
	return &httpapi.Security{
		Registry: c.Registry, Zone: g.options.Zone,
		Authority: &capability.Authority{
			Registry: func() (poenf.Registry, error) {
				r, _, err := c.Registry()
				return r, err
			},
			Now: g.options.Now, Audit: g.options.Audit,
		},
	}
}

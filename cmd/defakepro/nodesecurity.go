// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"

	"github.com/defakepro/defakepro/capability"
	"github.com/defakepro/defakepro/httpapi"
	"github.com/defakepro/defakepro/identity"
	"github.com/defakepro/defakepro/ledger/comet"
	"github.com/defakepro/defakepro/poenf"
)

func auditPath(home string) string { return filepath.Join(home, "data", "audit.jsonl") }

// security returns who is registered with the node's committee, and, where others than this machine can reach the listener or the
// configuration says so, who may do what. closing is to be called when the server has stopped.
func (n *runningNode) security(ctx context.Context, l net.Listener) (s *httpapi.Security, closing func() error, err error) {
	committee, err := genesisID(n.opts.home) // the node may be without a state for a while
	if err != nil {
		return nil, nil, err
	}
	registry := func() (poenf.Registry, error) {
		r, _, err := n.node.Registry()
		return r, err
	}
	verifier, err := identity.NewVerifier(identity.VerifierOptions{
		Committee: committee, Endpoint: cmp.Or(n.opts.Endpoint, l.Addr().String()), Registry: registry, Now: n.opts.now,
	})
	if err != nil {
		return nil, nil, err
	}
	s = &httpapi.Security{
		Registry: n.node.Registry, Change: n.node.Change, Verifier: verifier, Zone: n.opts.Zone,
		Certificate: func(ctx context.Context) (json.Marshaler, error) { return n.node.RegistryCertificate(ctx) },
		Changes: func(ctx context.Context, from uint64, most int) ([]httpapi.MadeChange, error) {
			return madeChanges(ctx, n.node, from, most)
		},
	}
	if !n.opts.Tokens && httpapi.Private(l) {
		return s, func() error { return nil }, nil
	}
	if r, err := registry(); err == nil && len(r.Administrators) == 0 {
		n.log.WarnContext(ctx, "this committee has no administrator: nobody can issue tokens, and all that needs one is refused")
	}
	if r, err := registry(); err == nil && n.opts.Zone != "" {
		if _, ok := r.Zone(n.opts.Zone); !ok {
			n.log.WarnContext(ctx, "--zone is not registered: nobody is in it, and all that needs a token is refused", slog.String("zone", n.opts.Zone))
		}
	}
	audit, err := capability.OpenAudit(auditPath(n.opts.home), 0)
	if err != nil {
		return nil, nil, err
	}
	s.Authority = &capability.Authority{Registry: registry, Now: n.opts.now, Audit: audit}
	return s, audit.Close, nil
}

// genesisID returns the name of a home's committee.
func genesisID(home string) (string, error) {
	data, err := readBounded(genesisPath(home), comet.MaxCertificate)
	if err != nil {
		return "", err
	}
	var genesis struct {
		ID string `json:"chain_id"`
	}
	if err := json.Unmarshal(data, &genesis); err != nil {
		return "", fmt.Errorf("%s: %w", genesisPath(home), err)
	}
	return genesis.ID, nil
}

func madeChanges(ctx context.Context, node *comet.Node, from uint64, most int) ([]httpapi.MadeChange, error) {
	var out []httpapi.MadeChange
	for made, err := range node.Changes(ctx, from) {
		if err != nil {
			return nil, err
		}
		if out = append(out, httpapi.MadeChange{Time: made.Time.UnixMilli(), Change: made.Change}); len(out) >= most {
			break
		}
	}
	return out, nil
}

// served runs serve with the node's security, and ends that when it is over.
func (n *runningNode) served(ctx context.Context, l net.Listener, serve func(*httpapi.Security) error) error {
	s, closing, err := n.security(ctx, l)
	if err != nil {
		return err
	}
	return errors.Join(serve(s), closing())
}

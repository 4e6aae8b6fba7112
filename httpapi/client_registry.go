// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/defakepro/defakepro/identity"
	"github.com/defakepro/defakepro/poenf"
)

// maxRegistry is the most that a client reads of a registry, which is in base64.
const maxRegistry = 24 << 20

// Registry returns who is registered, the committee's name, and the number of the last change. Whether it is true,
// comet.RegistryCertificate says.
func (c *Client) Registry(ctx context.Context) (r poenf.Registry, committee string, sequence uint64, err error) {
	answer, err := c.get(ctx, "/v1/registry", maxRegistry)
	if err != nil {
		return r, "", 0, err
	}
	var out registryState
	if err = json.Unmarshal(answer, &out); err == nil {
		err = r.UnmarshalBinary(out.Registry)
	}
	if err != nil {
		return poenf.Registry{}, "", 0, c.nonsense("registry", err)
	}
	return r, out.Committee, out.Sequence, nil
}

// RegistryCertificate returns the file of the registry's certificate as the node sent it: comet.RegistryCertificate checks it.
func (c *Client) RegistryCertificate(ctx context.Context) ([]byte, error) {
	return c.get(ctx, "/v1/registry/certificate", maxRegistry)
}

// CommitteeID returns the name of the node's committee, for which no token is needed.
func (c *Client) CommitteeID(ctx context.Context) (string, error) {
	answer, err := c.get(ctx, "/v1/genesis", maxCertificate)
	if err != nil {
		return "", err
	}
	var genesis struct {
		ID string `json:"chain_id"`
	}
	if err := json.Unmarshal(answer, &genesis); err != nil || genesis.ID == "" {
		return "", c.nonsense("genesis", errors.New("it names no committee"))
	}
	return printable(genesis.ID), nil
}

// Change submits a change that administrators signed, and returns once it is made. A refusal wraps an error of package poenf.
func (c *Client) Change(ctx context.Context, change poenf.Change) error {
	body, err := change.MarshalBinary()
	if err != nil {
		return err
	}
	_, err = c.do(ctx, http.MethodPost, changesPath, "application/json", body, maxAnswer)
	var refused *Problem
	if err != nil && !errors.As(err, &refused) && ctx.Err() == nil && !errors.Is(err, errRedirect) {
		_, err = c.do(ctx, http.MethodPost, changesPath, "application/json", body, maxAnswer)
	}
	return err
}

// Prove proves to the node that the member who has the key is who it says, in a zone or, where that is empty, at all. endpoint
// is the name that the node is to have in its challenge: empty for the one in the client's address. A refusal wraps an error of
// package identity, or poenf.ErrNotMember.
func (c *Client) Prove(ctx context.Context, committee, endpoint, zone, member string, key crypto.Signer) error {
	if endpoint == "" {
		endpoint = c.base.Host
	}
	var asked challengeAnswer
	if err := c.post(ctx, "/v1/challenges", challengeRequest{Zone: zone}, &asked); err != nil {
		return err
	}
	signature, err := identity.Answer(asked.Challenge, committee, endpoint, zone, member, key)
	if err != nil {
		return fmt.Errorf("%s: %w", c.base.Host, err)
	}
	var proven answerOutcome
	if err := c.post(ctx, "/v1/answers", answerRequest{asked.Challenge, member, signature}, &proven); err != nil {
		return err
	}
	if proven.Member != member || proven.Zone != zone {
		return c.nonsense("answer", errors.New("somebody else has proved it"))
	}
	return nil
}

// post sends JSON and reads JSON.
func (c *Client) post(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	answer, err := c.doAs(ctx, http.MethodPost, path, "application/json", "application/json", body, maxAnswer)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return c.nonsense("answer", err)
	}
	return nil
}

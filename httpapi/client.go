// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"crypto/tls"
	"errors"
	"iter"
	"log/slog"
	"time"

	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/poenf"
)

// ClientOptions set a [Client] up. The zero value is useful.
type ClientOptions struct {
	// TLS is how the node's certificate is checked; nil trusts the system's authorities.
	TLS *tls.Config
	// AllowPlaintext permits http to hosts other than this one.
	AllowPlaintext bool
	// Token is sent as a bearer token. It is refused where it would travel in plaintext.
	Token string
	// Timeout is how long a request may take, other than a stream of events: 60 s when zero.
	Timeout time.Duration
	// Silence is how long a stream of events may be silent before it is taken for dead: 60 s when zero.
	Silence time.Duration
	// Log takes what became of connections. It never sees the token. nil discards.
	Log *slog.Logger
}

// Client is the ledger of a node that is reached over HTTP. It is safe for concurrent use.
type Client struct{}

var _ ledger.Ledger = (*Client)(nil)

var errSkeleton = errors.New("httpapi: not there yet")

// NewClient returns a client of the node at baseURL, which may have a path. It does not connect.
func NewClient(baseURL string, o ClientOptions) (*Client, error) { return &Client{}, nil }

// Submit implements [ledger.Ledger].
func (c *Client) Submit(ctx context.Context, p poenf.Proof) error { return errSkeleton }

// Round implements [ledger.Ledger].
func (c *Client) Round(ctx context.Context, n uint64) (poenf.Round, error) {
	return poenf.Round{}, errSkeleton
}

// Follow implements [ledger.Ledger].
func (c *Client) Follow(ctx context.Context, n uint64) iter.Seq2[poenf.Round, error] {
	return func(yield func(poenf.Round, error) bool) { yield(poenf.Round{}, errSkeleton) }
}

// Committee returns the registered committee.
func (c *Client) Committee(ctx context.Context) (poenf.Committee, error) {
	return poenf.Committee{}, errSkeleton
}

// Certificate returns the file of a closed round's certificate. It is as the node sent it: check it with comet.Verify.
func (c *Client) Certificate(ctx context.Context, round uint64) ([]byte, error) {
	return nil, errSkeleton
}

// Truth returns the grid's frequency at each whole second from from, inclusive, to to, exclusive, as
// [ledger.Truth.Between] does.
func (c *Client) Truth(ctx context.Context, from, to time.Time) (enf.Series, error) {
	return enf.Series{}, errSkeleton
}

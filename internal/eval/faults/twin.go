// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/defakepro/defakepro/ledger/comet"
)

// twin runs a second node with one validator's key, as a restored backup would: both vote, and not always for the same
// block. That must be found, and name the validator.
func twin(ctx context.Context, t *trial) (err error) {
	n := t.nodes[len(t.nodes)-1] // who dials all others, so that its copy does
	if err := n.stop(ctx); err != nil {
		return err
	}
	copied, err := t.copyHome(n)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := errors.Join(t.start(n), t.start(copied)); err != nil {
		return err
	}
	address := sha256.Sum256(n.home.Validator)
	t.doubles = []string{hex.EncodeToString(address[:20])}
	var ended error
	err = t.until(ctx, "evidence of a double signature in every ledger", func() bool {
		if ended = copied.died(); ended != nil {
			return true
		}
		for _, n := range t.nodes {
			if !t.hasEvidence(ctx, n) {
				return false
			}
		}
		return true
	})
	if err = errors.Join(err, ended); err == nil {
		err = t.goOn(ctx, t.others(n), 5, began)
	}
	t.note("two nodes with the key of %s for %.0f s", n, time.Since(began).Seconds())
	if err := errors.Join(err, copied.stop(ctx)); err != nil {
		return err
	}
	_, err = t.recover(ctx, time.Now())
	return err
}

// copyHome returns a node with the home of one that has stopped, but a name and addresses of its own and nothing to prove.
func (t *trial) copyHome(n *node) (*node, error) {
	home := comet.Home{Dir: filepath.Join(t.dir, "twin", n.String())}
	if err := os.CopyFS(home.Dir, os.DirFS(n.home.Dir)); err != nil {
		return nil, err
	}
	config := filepath.Join(home.Dir, "config")
	path := filepath.Join(config, "config.toml")
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	peers, _ := t.fabric.listen(n.index)
	host, _, _ := strings.Cut(peers, ":")
	text := strings.ReplaceAll(string(data), "tcp://"+peers, "tcp://"+host+":0")
	err = errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Remove(filepath.Join(config, "node_key.json")),
		os.Chmod(filepath.Join(config, "member_key.json"), 0o600))
	return &node{index: n.index, home: home, listen: "127.0.0.1:0"}, err
}

// hasEvidence reports whether a node counts any evidence among what it has recorded.
func (t *trial) hasEvidence(ctx context.Context, n *node) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/metrics", n.door), nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	const name = "\ndefakepro_ledger_evidence_total "
	_, count, found := strings.Cut(string(text), name)
	return err == nil && found && !strings.HasPrefix(count, "0\n")
}

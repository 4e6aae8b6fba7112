// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/defakepro/defakepro/capability"
	"github.com/defakepro/defakepro/httpapi"
)

// How many requests a second an interface takes of one address.
const (
	mostRequests  = 1e6
	requestsUsage = "answer so many requests a second, `N`, of each address but those of this machine (default 100)"
)

// clientFlags say by what a command is known to a node, and a node to it.
type clientFlags struct {
	token             string
	ca, cert, certKey string
}

func (n *clientFlags) register(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&n.token, "token", "", tokenUsage)
	f.StringVar(&n.ca, "ca", "", "`FILE` in PEM with the authority of the node's certificate (default the system's)")
	f.StringVar(&n.cert, "tls-cert", "", "`FILE` in PEM, the certificate to show to a node that asks for one")
	f.StringVar(&n.certKey, "tls-key", "", "`FILE`, its key, readable by its owner and group alone")
}

func (n *clientFlags) options() (httpapi.ClientOptions, error) {
	token, err := ledgerToken(n.token)
	if err != nil {
		return httpapi.ClientOptions{}, err
	}
	secure, err := clientTLS(n.ca, n.cert, n.certKey)
	return httpapi.ClientOptions{Token: token, TLS: secure}, err
}

// nodeFlags say how a command reaches a committee's node.
type nodeFlags struct {
	url string
	clientFlags
}

// defaultNode is where a node of this machine listens, by the documentation.
const defaultNode = "http://127.0.0.1:8650"

func (n *nodeFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&n.url, "node", defaultNode, "`URL` of a node of the committee")
	n.clientFlags.register(c)
}

func (n *nodeFlags) client() (*httpapi.Client, error) {
	o, err := n.options()
	if err != nil {
		return nil, err
	}
	client, err := httpapi.NewClient(n.url, o)
	if err != nil {
		return nil, fmt.Errorf("--node: %w", err)
	}
	return client, nil
}

// clientTLS is how a client checks certificates, and which it has itself; nil where no file says.
func clientTLS(ca, cert, key string) (*tls.Config, error) {
	own, err := certificates(cert, key)
	if err != nil || ca == "" && own == nil {
		return nil, err
	}
	out := &tls.Config{Certificates: own, MinVersion: tls.VersionTLS13}
	if ca != "" {
		out.RootCAs, err = authorities("--ca", ca)
	}
	return out, err
}

// serverTLS is what a server shows, and whom it lets in: anybody, or those with a certificate of an authority. It is nil for plaintext.
func serverTLS(cert, key, clientCA string) (*tls.Config, error) {
	own, err := certificates(cert, key)
	switch {
	case err != nil:
		return nil, err
	case own == nil && clientCA != "":
		return nil, errors.New("--client-ca needs --tls-cert and --tls-key: in plaintext nobody shows a certificate")
	case own == nil:
		return nil, nil
	}
	out := &tls.Config{Certificates: own, MinVersion: tls.VersionTLS13}
	if clientCA != "" {
		out.ClientAuth = tls.RequireAndVerifyClientCert
		out.ClientCAs, err = authorities("--client-ca", clientCA)
	}
	return out, err
}

// certificates reads a certificate and its key; nil where there are none.
func certificates(cert, key string) ([]tls.Certificate, error) {
	switch {
	case cert == "" && key == "":
		return nil, nil
	case cert == "" || key == "":
		return nil, errors.New("--tls-cert and --tls-key go together: a certificate and its key")
	}
	if err := private(key, true); err != nil { // as distributions keep them, for a group of those who serve
		return nil, fmt.Errorf("--tls-key %w", err)
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert %s, --tls-key %s: %w", cert, key, err)
	}
	return []tls.Certificate{pair}, nil
}

// authorities reads the certificates that a flag names the file of.
func authorities(flag, path string) (*x509.CertPool, error) {
	data, err := readBounded(path, 1<<20)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%s %s: no certificate in PEM", flag, path)
	}
	return pool, nil
}

const tokenUsage = "`FILE` with a token, readable by its owner alone, where the node asks for one (default the token in " + ledgerTokenVariable + ")"

// ledgerToken returns the token for a node: of a file, or of the environment; empty for none.
func ledgerToken(file string) (string, error) {
	if file == "" {
		return os.Getenv(ledgerTokenVariable), nil
	}
	if err := private(file, false); err != nil {
		return "", fmt.Errorf("--token: %w", err)
	}
	token, err := readToken(file, nil)
	if err != nil {
		return "", fmt.Errorf("--token: %w", err)
	}
	return token, nil
}

// readToken reads the file of a token; "-" is stdin.
func readToken(path string, stdin io.Reader) (string, error) {
	var data []byte
	var err error
	if path == "-" && stdin != nil {
		data, err = io.ReadAll(io.LimitReader(stdin, capability.MaxToken+2))
	} else {
		data, err = readBounded(path, capability.MaxToken+2)
	}
	if err != nil {
		return "", err
	}
	token := string(bytes.TrimSpace(data))
	if _, err := capability.Parse(token); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return token, nil
}

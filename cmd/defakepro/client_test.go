// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/defakepro/defakepro/capability"
	"github.com/defakepro/defakepro/httpapi"
	"github.com/defakepro/defakepro/ledger"
	"github.com/defakepro/defakepro/ledger/ledgertest"
	"github.com/defakepro/defakepro/poenf"
)

// authority signs certificates, for both ends.
type authority struct {
	folder, file string
	cert         *x509.Certificate
	key          ed25519.PrivateKey
}

func newAuthority(t *testing.T, name string) authority {
	t.Helper()
	a := authority{folder: t.TempDir()}
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour), NotBefore: time.Now().Add(-time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.file, _ = a.issue(t, name, a.cert)
	return a
}

// issue writes a certificate and its key; the first is the authority's own.
func (a *authority) issue(t *testing.T, name string, template *x509.Certificate) (cert, key string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if a.key == nil {
		a.key = private
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, public, a.key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(a.folder, name+".pem"), filepath.Join(a.folder, name+"_key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func (a *authority) leaf(t *testing.T, name string, use ...x509.ExtKeyUsage) (cert, key string) {
	t.Helper()
	return a.issue(t, name, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour), NotBefore: time.Now().Add(-time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: use,
	})
}

// TestClientCertificates: with --client-ca those alone get an answer to anything who have a certificate of that authority, for clients.
func TestClientCertificates(t *testing.T) {
	ours, foreign := newAuthority(t, "ours"), newAuthority(t, "foreign")
	cert, key := ours.leaf(t, "server", x509.ExtKeyUsageServerAuth)
	secure, err := serverTLS(cert, key, ours.file)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := ledgertest.NewCommittee("tls", 3, 10)
	memory, err := ledger.NewMemory(c.Committee, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- httpapi.Serve(ctx, l, httpapi.Handler(httpapi.Options{
			Ledger: memory, Committee: func() (poenf.Committee, error) { return c.Committee, nil },
			State: func() (httpapi.State, error) { return httpapi.State{Height: 7}, nil },
		}), httpapi.ServeOptions{TLS: secure})
	}()
	good, goodKey := ours.leaf(t, "client", x509.ExtKeyUsageClientAuth)
	other, otherKey := foreign.leaf(t, "client", x509.ExtKeyUsageClientAuth)
	series := filepath.Join(t.TempDir(), "a.csv")
	if err := os.WriteFile(series, []byte("time_s,frequency_hz\n0,50\n1,50\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	url := "https://" + l.Addr().String()
	for _, test := range []struct {
		what   string
		args   []string
		status int
		says   string
	}{
		{"ours", []string{"--tls-cert", good, "--tls-key", goodKey}, 0, "height 7"},
		{"none", nil, statusError, "certificate required"},
		{"a foreign authority's", []string{"--tls-cert", other, "--tls-key", otherKey}, statusError, "tls: "},
		{"a server's", []string{"--tls-cert", cert, "--tls-key", key}, statusError, "tls: "},
		{"no key", []string{"--tls-cert", good}, statusError, "go together"},
	} {
		var out bytes.Buffer
		status := run(t.Context(), append([]string{"health", "--node", url, "--ca", ours.file}, test.args...), &out, &out)
		if status != test.status || !strings.Contains(out.String(), test.says) {
			t.Errorf("%s: %d %s", test.what, status, &out)
		}
	}
	var out bytes.Buffer
	status := run(t.Context(), []string{"health", "--node", url, "--tls-cert", good, "--tls-key", goodKey}, &out, &out)
	if status != statusError || !strings.Contains(out.String(), "unknown authority") {
		t.Errorf("a node that nobody vouches for: %d %s", status, &out)
	}
	for what, says := range map[string]string{"": "certificate required", good: "holds no rounds"} {
		args := []string{"check", series, "--reference", url, "--ca", ours.file}
		if what != "" {
			args = append(args, "--tls-cert", what, "--tls-key", goodKey)
		}
		out.Reset()
		if status := run(t.Context(), args, &out, &out); status != statusError || !strings.Contains(out.String(), says) {
			t.Errorf("check with certificate %q: %d %s", what, status, &out)
		}
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	for _, files := range [][3]string{{"", "", ours.file}, {cert, key, key}, {cert, key, "none.pem"}} {
		if _, err := serverTLS(files[0], files[1], files[2]); err == nil || !strings.Contains(err.Error(), "--client-ca") {
			t.Errorf("%v: %v", files, err)
		}
	}
}

// TestSecretsOfOthers: a key or a token that others can read is no secret, and is not used; what systemd keeps for a service is, and a key that
// a group may read, as distributions have it.
func TestSecretsOfOthers(t *testing.T) {
	a := newAuthority(t, "ours")
	cert, key := a.leaf(t, "server", x509.ExtKeyUsageServerAuth)
	_, admin, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	token, err := capability.Issue(admin, "ann", capability.Limits{Operations: []string{"*"}, Until: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "token")
	if err := writeToken(file, token, nil); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		mode                    os.FileMode
		credential              bool
		keyIsTaken, tokenIsUsed bool
	}{
		{0o600, false, true, true}, {0o400, false, true, true}, {0o640, false, true, false}, {0o440, true, true, true},
		{0o644, false, false, false}, {0o644, true, false, false}, {0o660, false, false, false}, {0o604, true, false, false},
	} {
		for _, path := range []string{key, file} {
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			t.Setenv("CREDENTIALS_DIRECTORY", "")
			if c.credential {
				t.Setenv("CREDENTIALS_DIRECTORY", filepath.Dir(path))
			}
			want := c.tokenIsUsed
			_, err := ledgerToken(file)
			if path == key {
				want = c.keyIsTaken
				_, err = serverTLS(cert, key, "")
			}
			if (err == nil) != want || err != nil && !strings.Contains(err.Error(), "others than its owner have access") {
				t.Errorf("%s, mode %o, credential %t: %v", filepath.Base(path), c.mode, c.credential, err)
			}
		}
	}
}

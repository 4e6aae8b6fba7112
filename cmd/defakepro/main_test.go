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
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/enf/enftest"
	"github.com/defakepro/defakepro/history"
	"github.com/defakepro/defakepro/internal/livekit"
	"github.com/defakepro/defakepro/internal/race"
	"github.com/defakepro/defakepro/media"
	"github.com/defakepro/defakepro/monitor"
)

func TestMain(m *testing.M) {
	media.WorkerMain()
	testscript.Main(m, map[string]func(){"defakepro": main})
}

// TestScripts runs the command as its users do; each script is a story.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status":   runForStatus,
			"cut-file": cutFile,
			"nan-wav":  nanWAV,
			"luma":     luma,
			"fetch":    fetch,
			"round":    closedRound,
			"png-bomb": pngBomb,
			"readenv":  readEnv,
			"verdicts": keptFile,
			"last-use": lastUse,

			"printed":     printedLine,
			"patiently":   patiently,
			"certificate": selfSigned,

			"livekit":    startLiveKit,
			"answers":    answered(false),
			"eventually": answered(true),
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("DATA", measured(t))
			for _, name := range []string{"PORT", "PORT2"} {
				port, err := freePort()
				if err != nil {
					return err
				}
				env.Setenv(name, port)
			}
			return nil
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "data":
				_, err := os.Stat(measured(t))
				return err == nil, nil
			case "livekit":
				_, ok := livekit.Find()
				return ok, nil
			case "race":
				return race.Enabled, nil
			}
			return false, fmt.Errorf("unknown condition %s", name)
		},
	})
}

// measured returns the folder of measured recordings and references, which need not be there.
func measured(t *testing.T) string {
	dir := os.Getenv("DEFAKEPRO_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// runForStatus is "status N command...": it runs the command and wants exit status N.
func runForStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command [argument...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// readEnv is "readenv NAME FILE": it sets a variable to what a file holds.
func readEnv(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: readenv name file")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}

// keptFile is "verdicts FILE N": a history as a guard keeps it, of N changes in two rooms, a minute apart from 2026-03-01 12:00 UTC on.
func keptFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: verdicts file n")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	store, err := history.Open(ts.MkAbs(args[0]), history.Options{})
	ts.Check(err)
	for i := range n {
		ts.Check(store.Add(context.Background(), monitor.Event{
			Time: time.Date(2026, 3, 1, 12, i, 0, 0, time.UTC), Room: []string{"board", "yard"}[i%2], Person: monitor.Person{ID: "ada", Name: "=Ada"},
			Channel: enf.SourceVideo, Verdict: detect.Forged, Former: detect.Authentic, Reason: "It differs.", Confidence: 0.9,
		}))
	}
	ts.Check(store.Close())
}

// lastUse is "last-use HOLDER": it sets ID and UNTIL to what the last line of the standard output says of a token of that holder's.
func lastUse(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: last-use holder")
	}
	found := regexp.MustCompile(`(?m)\t`+args[0]+`\t([0-9a-f]{64})\t(\S+)$`).FindAllStringSubmatch(ts.ReadFile("stdout"), -1)
	if found == nil {
		ts.Fatalf("no use by %s", args[0])
	}
	ts.Setenv("ID", found[len(found)-1][1])
	ts.Setenv("UNTIL", found[len(found)-1][2])
}

// printedLine is "printed FILE WORDS NAME": it sets a variable to the one command line in a file that has these words, for sh -c.
func printedLine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: printed file words name")
	}
	var found []string
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		if strings.HasPrefix(line, "  defakepro ") && strings.Contains(line, args[1]) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	if len(found) != 1 {
		ts.Fatalf("%d lines with %q: %q", len(found), args[1], found)
	}
	ts.Setenv(args[2], "exec "+found[0])
}

// patiently is "patiently command...": it runs the command until it succeeds, for a minute.
func patiently(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: patiently command...")
	}
	late, again := time.After(time.Minute), time.NewTicker(200*time.Millisecond)
	defer again.Stop()
	for {
		err := ts.Exec(args[0], args[1:]...)
		if err == nil {
			return
		}
		select {
		case <-again.C: // the node is another process, and does not say when it is there
		case <-late:
			ts.Fatalf("%q: %v", args, err)
		}
	}
}

// selfSigned is "certificate CERT KEY": a certificate for 127.0.0.1 that vouches for itself, and its key.
func selfSigned(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: certificate cert key")
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	ts.Check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "lab"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	ts.Check(err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
}

// startLiveKit is "livekit": a server that ends with the script, with its address and key in the environment.
func startLiveKit(ts *testscript.TestScript, neg bool, args []string) {
	binary, ok := livekit.Find()
	if neg || len(args) > 0 || !ok {
		ts.Fatalf("usage: livekit, where there is one")
	}
	s, err := livekit.Start(context.Background(), binary, nil)
	ts.Check(err)
	ts.Defer(s.Stop)
	ts.Setenv("LIVEKIT_URL", s.URL)
	ts.Setenv(livekitKeyVariable, s.Key)
	ts.Setenv(livekitSecretVariable, s.Secret)
}

// answered is "answers STATUS URL [TOKEN-FILE]": what is asked for is answered so; or, where it is to come, so within two minutes.
func answered(toCome bool) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) < 2 || len(args) > 3 {
			ts.Fatalf("usage: answers|eventually status url [token-file]")
		}
		r, err := http.NewRequest(http.MethodGet, args[1], nil)
		ts.Check(err)
		if len(args) == 3 {
			r.Header.Set("Authorization", "Bearer "+strings.Join(strings.Fields(ts.ReadFile(args[2])), ""))
		}
		late, again := time.After(2*time.Minute), time.NewTicker(200*time.Millisecond)
		defer again.Stop()
		for {
			answer, err := http.DefaultClient.Do(r)
			if err == nil {
				_ = answer.Body.Close()
				if strconv.Itoa(answer.StatusCode) == args[0] {
					return
				}
				err = errors.New(answer.Status)
			}
			if !toCome {
				ts.Fatalf("%s: %v, want %s", args[1], err, args[0])
			}
			select {
			case <-again.C: // the guard is another process, and does not say when it has heard
			case <-late:
				ts.Fatalf("%s: %v, want %s", args[1], err, args[0])
			}
		}
	}
}

// freePort returns a port of this machine that nobody uses.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}

// fetch is "fetch URL FILE": it asks until the answer is 200, for a minute.
func fetch(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fetch url file")
	}
	late, again := time.After(time.Minute), time.NewTicker(100*time.Millisecond)
	defer again.Stop()
	for {
		body, err := get(args[0])
		if err == nil {
			ts.Check(os.WriteFile(ts.MkAbs(args[1]), body, 0o666))
			return
		}
		select {
		case <-again.C: // the node is another process, and does not say when it is there
		case <-late:
			ts.Fatalf("%v", err)
		}
	}
}

// get returns what is at a URL.
func get(url string) ([]byte, error) {
	r, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(r.Body)
	if r.StatusCode != http.StatusOK {
		err = errors.Join(err, fmt.Errorf("%s: %s", url, r.Status))
	}
	return body, errors.Join(err, r.Body.Close())
}

// closedRound is "round URL CERTIFICATE TRUTH": the certificate of a node's latest round, and its truth as CSV.
func closedRound(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: round url certificate truth")
	}
	fetch(ts, false, []string{args[0] + "/v1/rounds/latest", "latest.json"})
	var round struct {
		Number uint64  `json:"number"`
		Start  int64   `json:"start_s"`
		Truth  []int32 `json:"truth_uhz"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("latest.json")), &round))
	fetch(ts, false, []string{fmt.Sprintf("%s/v1/rounds/%d/certificate", args[0], round.Number), args[1]})
	end := round.Start + int64(len(round.Truth))
	fetch(ts, false, []string{fmt.Sprintf("%s/v1/truth?from=%d&to=%d&format=csv", args[0], round.Start-20, end), args[2]})
}

// cutFile is "cut-file FROM N TO": it copies the first N bytes of a file.
func cutFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: cut-file from n to")
	}
	data := ts.ReadFile(args[0])
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	if n > len(data) {
		ts.Fatalf("%s has %d bytes", args[0], len(data))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(data[:n]), 0o666))
}

// nanWAV is "nan-wav FILE": it writes a minute and a half of samples that are not numbers, as 32-bit float WAV.
func nanWAV(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: nan-wav file")
	}
	const rate, samples = 8000, 90 * 8000
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt ")
	le := binary.LittleEndian
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, 3) // IEEE float
	b = le.AppendUint16(b, 1)
	b = le.AppendUint32(b, rate)
	b = le.AppendUint32(b, 4*rate)
	b = le.AppendUint16(b, 4)
	b = le.AppendUint16(b, 32)
	b = append(b, "data"...)
	b = le.AppendUint32(b, 4*samples)
	for range samples {
		b = le.AppendUint32(b, math.Float32bits(float32(math.NaN())))
	}
	le.PutUint32(b[4:], uint32(len(b)-8))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o666))
}

// luma is "luma FPS LUMA.csv TRUTH.csv": a wall under a lamp on a 50 Hz grid, as the mean luma of each frame of four
// minutes, and what the grid did meanwhile.
func luma(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: luma fps luma.csv truth.csv")
	}
	fps, err := strconv.ParseFloat(args[0], 64)
	ts.Check(err)
	grid := enftest.NewGrid(51, enftest.GridOptions{Nominal: enf.Grid50, Duration: 4 * time.Minute})
	noise := make([]float64, int(240*fps))
	enftest.Noise(noise, 51, 0.2)
	var b bytes.Buffer
	b.WriteString("frame,luma\n")
	for i, n := range noise {
		fmt.Fprintf(&b, "%d,%.4f\n", i, 120*grid.Light(float64(i)/fps, 0.05, 1.0/1000)+n)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b.Bytes(), 0o666))
	b.Reset()
	ts.Check(enf.WriteCSV(&b, grid.Series()))
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), b.Bytes(), 0o666))
}

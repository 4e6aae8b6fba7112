// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

// Command screens takes the pictures of the README: it runs the demo, and photographs its page when the deepfake begins, when it
// has been flagged, and with the evidence opened.
//
//	screens DEFAKEPRO FOLDER
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/chromedp/chromedp"
)

const width, height = 1160, 760

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: screens DEFAKEPRO FOLDER")
		os.Exit(2)
	}
	if err := run(ctx, os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "screens:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, defakepro, folder string) error {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	allocator, stop := chromedp.NewExecAllocator(ctx, options...)
	defer stop()
	browser, stop := chromedp.NewContext(allocator)
	defer stop()

	demo := exec.CommandContext(ctx, defakepro, "demo", "--no-browser", "--seconds", "180", "--listen", "127.0.0.1:0")
	demo.Cancel = func() error { return demo.Process.Signal(os.Interrupt) }
	demo.Stderr = os.Stderr
	out, err := demo.StdoutPipe()
	if err != nil {
		return err
	}
	if err := demo.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	shots := &shots{browser: browser, folder: folder}
	for lines.Scan() {
		fmt.Println(lines.Text())
		if err == nil {
			err = shots.see(lines.Text())
		}
	}
	return errors.Join(err, demo.Wait())
}

// shots takes pictures as the story goes.
type shots struct {
	browser context.Context //nolint:containedctx // chromedp's browser is one
	folder  string
}

// see looks at a line of the demo's story.
func (s *shots) see(line string) error {
	_, page, ok := strings.Cut(line, "The page: ")
	switch {
	case ok:
		return chromedp.Do(s.browser, chromedp.EmulateViewport(width, height), chromedp.Navigate(page))
	case strings.Contains(line, "Now Mallory is no longer live"):
		return s.take("guard-before.png")
	case strings.Contains(line, " FORGED"):
		if err := s.take("guard-during.png"); err != nil {
			return err
		}
		time.Sleep(20 * time.Second) // so that the curves show it
		if err := chromedp.Do(s.browser, chromedp.Click(`button[aria-label="Evidence on Mallory"]`)); err != nil {
			return err
		}
		return s.take("guard-evidence.png")
	}
	return nil
}

// take writes what the page shows, when it has had time to show it.
func (s *shots) take(name string) error {
	time.Sleep(3 * time.Second)
	png, err := chromedp.Run(s.browser, chromedp.CaptureScreenshot())
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.folder, name), png, 0o644)
}

// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package dashboard_test

import (
	"context"
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/defakepro/defakepro/conference"
	"github.com/defakepro/defakepro/detect"
	"github.com/defakepro/defakepro/enf"
	"github.com/defakepro/defakepro/internal/livekit/livekittest"
	"github.com/defakepro/defakepro/monitor"
)

var shots = flag.String("shots", "", "write screenshots to this folder")

//go:embed testdata/axe.min.js
var axe string

// patience is how long a page may take to show what it must.
const patience = 20 * time.Second

// startBrowser starts a browser, or skips where there is none.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("needs a browser: neither chromium nor google-chrome is installed")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("use-fake-ui-for-media-stream", true), chromedp.Flag("use-fake-device-for-media-stream", true))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	browser, stop := chromedp.NewContext(allocator)
	t.Cleanup(stop)
	if err := chromedp.Do(browser); err != nil {
		t.Fatalf("browser: %v", err)
	}
	return browser
}

// tab is a page in a browser.
type tab struct {
	*testing.T
	ctx context.Context
}

// watched keeps what scripts threw, what policies refused, and the connections to conferences.
const watched = `globalThis.wrong = [];
	addEventListener("securitypolicyviolation", (e) => wrong.push(e.violatedDirective + " " + e.blockedURI + " " + e.sample));
	globalThis.peers = new Set();
	const set = RTCPeerConnection.prototype.setRemoteDescription;
	RTCPeerConnection.prototype.setRemoteDescription = function (...rest) { peers.add(this); return set.apply(this, rest); };
	addEventListener("error", (e) => wrong.push(e.message + " " + e.filename + ":" + e.lineno));
	addEventListener("unhandledrejection", (e) => wrong.push(String(e.reason?.stack ?? e.reason)));`

// open opens a page in a window of its own size, in dark or light.
func open(t *testing.T, browser context.Context, url string, width, height int64, scheme string) *tab {
	t.Helper()
	ctx, stop := chromedp.NewContext(browser)
	t.Cleanup(stop)
	if err := chromedp.Do(ctx); err != nil { // a time limit on the first call would be the tab's
		t.Fatal(err)
	}
	p := &tab{t, ctx}
	p.run(chromedp.EmulateViewport(width, height))
	if _, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watched}); err != nil {
		t.Fatal(err)
	}
	p.prefer(scheme)
	p.run(chromedp.Navigate(url))
	return p
}

// prefer has the reader prefer dark or light.
func (p *tab) prefer(scheme string) {
	p.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	if err != nil {
		p.Fatal(err)
	}
}

func (p *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	ctx, stop := context.WithTimeout(p.ctx, patience)
	defer stop()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.shot("failed")
		p.Fatal(err)
	}
}

// eval returns what an expression is, as text of JSON.
func (p *tab) eval(expression string) string {
	p.Helper()
	ctx, stop := context.WithTimeout(p.ctx, patience)
	defer stop()
	out, err := chromedp.Run(ctx, chromedp.Evaluate[[]byte](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.Fatalf("%s: %v", expression, err)
	}
	return string(out)
}

// wait waits until an expression is true.
func (p *tab) wait(expression string) {
	p.Helper()
	ctx, stop := context.WithTimeout(p.ctx, patience)
	defer stop()
	poll := chromedp.Poll[bool](expression, chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(0))
	if _, err := chromedp.Run(ctx, poll); err != nil {
		p.shot("failed")
		p.Fatalf("not true: %s: %v; the page says: %.3000s", expression, err, p.eval("document.body.innerText"))
	}
}

// loads runs an action that loads a page.
func (p *tab) loads(action chromedp.Action[chromedp.Void]) {
	p.Helper()
	p.eval(`globalThis.former = true`)
	p.run(action)
	ctx, stop := context.WithTimeout(p.ctx, patience)
	defer stop()
	for { // while one page goes and the next comes there is nobody to ask
		fresh, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`globalThis.former === undefined && document.readyState === "complete"`))
		if err == nil && fresh {
			return
		}
		if ctx.Err() != nil {
			p.Fatalf("no page was loaded: %v", err)
		}
	}
}

// clean fails if a script threw, or a policy refused something.
func (p *tab) clean() {
	p.Helper()
	if wrong := p.eval("wrong"); wrong != "[]" {
		p.Errorf("wrong: %s", wrong)
	}
}

// shot takes a picture of the page, if pictures are wanted.
func (p *tab) shot(name string) {
	p.Helper()
	if *shots == "" {
		return
	}
	capture := chromedp.CaptureScreenshot()
	if p.eval(`document.querySelector("dialog")?.open ?? false`) == "false" {
		capture = chromedp.FullScreenshot(100)
	}
	png, err := chromedp.Run(p.ctx, capture)
	if err != nil {
		p.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*shots, "dash-"+name+".png"), png, 0o644); err != nil {
		p.Fatal(err)
	}
}

// accessible holds the page against the rules of axe-core: WCAG 2.1 A and AA, and good practice.
func (p *tab) accessible(what string) {
	p.Helper()
	p.run(chromedp.Evaluate[chromedp.Void](axe))
	found := p.eval(`axe.run().then((r) => r.violations.flatMap((v) => v.nodes.map((n) => v.id + " at " + n.target + ": " + n.failureSummary)))`)
	if found != "[]" {
		p.Errorf("%s: %s", what, strings.ReplaceAll(found, `","`, "\",\n\""))
	}
}

// badge is an expression of the words in the badge of a participant.
func badge(name string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("#people .card")].find((c) => c.querySelector("h3").textContent === %q)?.querySelector(".badge").textContent`, name)
}

// TestCurves: what is asked for bit by bit is what all of it would have been, and a chart is no wider than what there is to show.
func TestCurves(t *testing.T) {
	p := open(t, startBrowser(t), newGuard(t, time.Now()).server.URL+"/", 640, 480, "light")
	got := p.eval(`import(document.querySelector("script").src.replace("dashboard", "curves")).then(({ since, merge, extent }) => {
		const at = (s) => new Date(1e12 + 1000 * s).toISOString();
		const part = (from, hz, ends) => ({ nominal_hz: 50, series: { start: at(from), step_s: 1, hz, sigma_hz: hz }, truth: { start: at(from), step_s: 1, hz }, windows: ends.map((s) => ({ end: at(s) })) });
		const old = part(0, [1, 2, null, null], [1, 2, 3]);
		const both = merge(old, part(2, [3, 4, 5], [2, 3, 4]));
		const apart = merge(old, part(9, [6], [9]));
		const seconds = (list) => list.map((w) => (Date.parse(w.end) - 1e12) / 1000);
		return [since(part(0, Array(90).fill(1), [])) === at(30), since(part(0, [], [])) === undefined,
			both.series.hz, both.series.sigma_hz, both.truth.hz, both.series.start === at(0), seconds(both.windows), apart.series.hz,
			extent([[0, null], [5e3, 1], [9e3, null]], []), extent([[0, 1], [6e5, 1], [9e5, null]]), extent([[0, null]]) === undefined];
	}).then(JSON.stringify)`)
	want := `[true,true,[1,2,3,4,5],[1,2,3,4,5],[1,2,3,4,5],true,[1,2,3,4],[6],[5000,125000],[0,600000],true]`
	var text string
	if err := json.Unmarshal([]byte(got), &text); err != nil || text != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestPages is the dashboard in a browser.
func TestPages(t *testing.T) {
	browser := startBrowser(t)
	for name, test := range map[string]func(*testing.T, context.Context){
		"call": call, "hostile": hostile, "keyboard": keyboard, "lost": lost, "phone": phone, "join": joining, "meeting": meeting,
		"token": withToken, "partial": partial, "leaving": leaving, "late": late,
	} {
		t.Run(name, func(t *testing.T) { test(t, browser) })
	}
}

// meet has four people in a call of four minutes, of whom one is not yet known.
func meet(g *guard) (now time.Time) {
	now = time.Now()
	came := now.Add(-4 * time.Minute)
	for i, name := range []string{"Ada Lovelace", "Grace Hopper", "Mallory Vane", "Linus Pauling"} {
		g.come(strings.ToLower(strings.Fields(name)[0]), name, came.Add(time.Duration(i)*5*time.Second))
	}
	const good = "Voice and picture carry the grid’s frequency of right now."
	for i, id := range []string{"ada", "grace", "mallory"} {
		at := came.Add(time.Duration(60+7*i) * time.Second)
		g.judge(id, enf.SourceAudio, detect.Authentic, at, good)
		g.judge(id, enf.SourceVideo, detect.Authentic, at.Add(5*time.Second), good)
	}
	g.change(func(r *monitor.Room) {
		p := &r.Participants[3]
		p.Reason = "The voice carries no hum of the mains (noise suppression?), and the picture is off."
		for i := range p.Channels {
			p.Channels[i].Present, p.Channels[i].Receiving = false, i == 0
		}
	})
	return now
}

// forge has Mallory's picture found forged.
func forge(g *guard, now time.Time) {
	g.judge("mallory", enf.SourceVideo, detect.Forged, now.Add(-12*time.Second),
		"The picture’s flicker is not the grid’s: it was not recorded here and now. The voice still is.",
		monitor.Span{From: now.Add(-40 * time.Second), To: now.Add(-12 * time.Second), Kind: detect.SpanForeign})
}

// From an empty room over a call in which all is well to one that is forged, and on.
func call(t *testing.T, browser context.Context) {
	g := newGuard(t, time.Now().Add(-5*time.Minute))
	p := open(t, browser, g.server.URL, 1280, 900, "light")
	p.wait(`document.querySelector("#empty").innerText.includes("Waiting for the first participant")`)
	p.wait(`document.querySelectorAll("#committee tbody tr").length === 7 && document.querySelectorAll("#nodes tbody tr").length === 4`)
	p.accessible("nobody")
	p.shot("empty")
	now := meet(g)
	p.wait(badge("Mallory Vane") + ` === "Authentic"`)
	p.wait(badge("Linus Pauling") + ` === "Undetermined"`)
	p.wait(`document.querySelectorAll("#history tbody tr").length === 9`)
	p.accessible("before")
	p.shot("before")
	if title := p.eval("document.title"); strings.Contains(title, "FORGED") {
		t.Errorf("title %s", title)
	}
	forge(g, now)
	p.wait(badge("Mallory Vane") + ` === "FORGED"`)
	p.wait(`document.title === "⚠ 1 FORGED – Weekly review – DeFakePro" && document.querySelector("#favicon").href.endsWith("icon-forged.svg")`)
	p.wait(`document.querySelector("#assertive").textContent.startsWith("Mallory Vane is forged. The picture’s flicker")`)
	p.wait(`document.querySelector("#summary-title").textContent === "Mallory Vane: picture FORGED"`)
	p.wait(`[...document.querySelectorAll(".media li")].some((e) => e.innerText.includes("Picture") && e.innerText.includes("forged from"))`)
	p.accessible("forged")
	p.shot("during")
	p.prefer("dark")
	p.accessible("forged, dark")
	p.shot("dark")
	p.run(chromedp.Click(`button[aria-label="Evidence on Mallory Vane"]`))
	p.wait(`document.querySelectorAll("#detail[open] .chart").length === 6`)
	p.accessible("evidence, dark")
	p.shot("evidence-dark")
	p.prefer("light")
	p.run(chromedp.Click(`.evidence:nth-child(2) .values summary`))
	p.wait(`document.querySelectorAll("#detail-body table").length === 2`)
	p.accessible("evidence")
	p.wait(`document.querySelector('#detail .chart[aria-label^="Correlation of"]').getAttribute("aria-label").includes("the threshold 0.75")`)
	p.eval(`document.querySelector("#detail-video").scrollIntoView()`)
	p.shot("evidence")
	p.run(chromedp.Click("#detail-close"))
	// Mallory leaves; what was found stays to be seen.
	g.change(func(r *monitor.Room) { r.Participants[2].Left = time.Now() })
	p.wait(`document.querySelectorAll("#people .card").length === 3 && document.querySelector("#gone-people .badge").textContent === "FORGED"`)
	p.wait(`document.title === "Weekly review – DeFakePro" && document.querySelector("#summary-text").textContent.includes("Forged earlier: Mallory Vane (has left).")`)
	p.shot("after")
	p.clean()
}

// What people call themselves is text, and nothing else.
func hostile(t *testing.T, browser context.Context) {
	g := newGuard(t, time.Now())
	p := open(t, browser, g.server.URL, 1280, 900, "light")
	names := []string{
		`<img src=x onerror="globalThis.ran=1">`, `<script>globalThis.ran=1</script>`, `"><svg onload=globalThis.ran=1>`, `${globalThis.ran=1}`, strings.Repeat("W", 400),
		`javascript:globalThis.ran=1`,
	}
	for i, name := range names {
		id := fmt.Sprintf("../%d/<b>'\"?#%%2f", i)
		g.come(id, name, time.Now())
		g.judge(id, enf.SourceAudio, detect.Forged, time.Now(), name)
	}
	for _, name := range names {
		p.wait(badge(name) + ` === "FORGED"`)
	}
	p.wait(fmt.Sprintf(`document.querySelectorAll("#history tbody tr").length === %d`, 2*len(names)))
	p.run(chromedp.Click(`#people li:nth-child(2) .card-foot button`))
	p.wait(`document.querySelectorAll("#detail[open] .chart").length === 6`) // by an identity that is all there is to escape
	if ran := p.eval(`globalThis.ran === undefined && document.querySelectorAll("main img, main script, main b, dialog img").length === 0`); ran != "true" {
		t.Error("a name was taken for markup")
	}
	if wide := p.eval("document.documentElement.scrollWidth <= innerWidth"); wide != "true" {
		t.Error("a long name widens the page")
	}
	p.clean()
}

// The evidence opens, and closes, with keys alone.
func keyboard(t *testing.T, browser context.Context) {
	g := newGuard(t, time.Now().Add(-5*time.Minute))
	forge(g, meet(g))
	p := open(t, browser, g.server.URL, 1280, 900, "light")
	p.wait(badge("Mallory Vane") + ` === "FORGED"`)
	for range 40 {
		p.run(chromedp.KeyEvent(kb.Tab))
		if p.eval(`document.activeElement.getAttribute("aria-label")`) == `"Evidence on Mallory Vane"` {
			break
		}
	}
	if outline := p.eval(`getComputedStyle(document.activeElement).outlineStyle`); outline != `"solid"` {
		t.Errorf("the focus has outline %s", outline)
	}
	p.run(chromedp.KeyEvent(kb.Enter))
	p.wait(`document.querySelector("#detail").open && document.querySelector("#detail").contains(document.activeElement)`)
	p.wait(`document.querySelector("#detail-title").textContent === "Evidence on Mallory Vane"`)
	p.run(chromedp.KeyEvent(kb.Escape))
	p.wait(`!document.querySelector("#detail").open && document.activeElement.getAttribute("aria-label") === "Evidence on Mallory Vane"`)
	// The summary leads to who is forged.
	p.run(chromedp.Focus("#summary-actions button"), chromedp.KeyEvent(kb.Enter))
	p.wait(`document.activeElement.textContent === "Mallory Vane"`)
	p.clean()
}

// A guard that goes away is said to be away, and followed again when it is back.
func lost(t *testing.T, browser context.Context) {
	g := newGuard(t, time.Now().Add(-5*time.Minute))
	now := meet(g)
	p := open(t, browser, g.server.URL, 1280, 900, "light")
	p.wait(badge("Ada Lovelace") + ` === "Authentic"`)
	g.down.Store(true)
	g.server.CloseClientConnections()
	p.wait(`document.querySelector("#connection").innerText.includes("connection to the guard is lost")`)
	p.accessible("lost")
	p.shot("lost")
	forge(g, now)
	g.down.Store(false)
	p.wait(badge("Mallory Vane") + ` === "FORGED" && document.querySelector("#connection").hidden`)
	g.change(func(r *monitor.Room) { r.Connected, r.Problem = false, "the conference does not answer" })
	p.wait(`document.querySelector("#connection").innerText.includes("not in the room: the conference does not answer")`)
	g.change(func(r *monitor.Room) {
		r.Connected, r.Problem = true, "verdicts are not being kept: disk full; 3 alerts wait"
	})
	p.wait(`document.querySelector("#connection").innerText === "The guard has a problem: verdicts are not being kept: disk full; 3 alerts wait." && !document.querySelector("#connection").hidden`)
	p.wait(`document.querySelector("#link-text").textContent === "Live"`)
	p.accessible("troubled")
	g.change(func(r *monitor.Room) { r.Problem = "" })
	p.wait(`document.querySelector("#connection").hidden`)
	p.clean()
}

// A guard that asks for tokens shows all to who pastes one, or has one behind the address, and nothing to others.
func withToken(t *testing.T, browser context.Context) {
	g := newGuard(t, time.Now().Add(-5*time.Minute))
	meet(g)
	g.asking.Store(true)
	p := open(t, browser, g.server.URL, 1280, 900, "light")
	p.wait(`!document.querySelector("#token-form").hidden && document.querySelector("#connection").innerText.includes("this needs a token")`)
	if people := p.eval(`document.querySelectorAll("#people .card").length`); people != "0" {
		t.Errorf("%s people without a token", people)
	}
	p.accessible("asks for a token")
	p.shot("token")
	p.run(chromedp.SendKeys("#token", "good"))
	p.loads(chromedp.KeyEvent(kb.Enter))
	p.wait(badge("Ada Lovelace") + ` === "Authentic" && document.querySelector("#token-form").hidden && document.querySelector("#link-state").dataset.state === "live"`)
	p.wait(`document.querySelectorAll("#committee tbody tr").length === 7 && document.querySelectorAll("#history tbody tr").length === 9`)
	// What is downloaded is asked for with the token too.
	p.eval(`globalThis.files = []; HTMLAnchorElement.prototype.click = function () { files.push(this.download + " " + this.href.slice(0, 5)); }; 0`)
	p.run(chromedp.Click("#history-csv"))
	p.wait(`files.length === 1`)
	if files := p.eval("files"); files != `["verdicts.csv blob:"]` {
		t.Errorf("downloads: %s", files)
	}
	p.clean()

	p = open(t, browser, g.server.URL+"/#room=Weekly+review&token=good", 1280, 900, "light")
	p.wait(badge("Ada Lovelace") + ` === "Authentic"`)
	if at := p.eval("location.hash"); at != `"#room=Weekly+review"` {
		t.Errorf("the token stays in the address: %s", at)
	}
	p.run(chromedp.Navigate(g.server.URL + "/join"))
	p.wait(`document.querySelector("#preview").videoWidth > 0 && document.querySelector("#problem").hidden`)
	p = open(t, browser, g.server.URL+"/join", 1000, 760, "light") // in a tab of its own, which has none
	p.wait(`document.querySelector("#problem").innerText.includes("asks for a token")`)
	p.clean()
}

// A telephone of 360 points shows all of it without scrolling sideways.
func phone(t *testing.T, browser context.Context) {
	g := newGuard(t, time.Now().Add(-5*time.Minute))
	forge(g, meet(g))
	for _, scheme := range []string{"light", "dark"} {
		p := open(t, browser, g.server.URL, 360, 760, scheme)
		p.wait(badge("Mallory Vane") + ` === "FORGED" && document.querySelectorAll("#committee tbody tr").length === 7`)
		if wide := p.eval("document.documentElement.scrollWidth"); wide != "360" {
			t.Errorf("%s: %s wide", scheme, wide)
		}
		p.accessible("phone, " + scheme)
		p.shot("phone-" + scheme)
		p.eval(`document.querySelector('[aria-label="Evidence on Mallory Vane"]').click()`)
		p.wait(`document.querySelectorAll("#detail[open] .chart").length === 6`)
		if wide := p.eval(`document.querySelector("#detail").scrollWidth <= 360`); wide != "true" {
			t.Errorf("%s: the evidence is wider", scheme)
		}
		p.shot("phone-evidence-" + scheme)
		p.clean()
	}
}

// The joining page captures sound as the guard needs it, and says so when the conference is not there.
func joining(t *testing.T, browser context.Context) {
	g := newGuard(t, time.Now())
	p := open(t, browser, g.server.URL+"/join?room=Weekly+review", 1000, 760, "light")
	p.wait(`document.querySelector("#preview").videoWidth > 0`)
	settings := p.eval(`(({noiseSuppression, echoCancellation, autoGainControl}) => [noiseSuppression, echoCancellation, autoGainControl])(document.querySelector("#preview").srcObject.getAudioTracks()[0].getSettings())`)
	if settings != "[false,true,true]" {
		t.Errorf("noise suppression, echo cancellation, gain control: %s", settings)
	}
	p.wait(`document.querySelector("#camera").options.length > 1`)
	p.accessible("joining")
	p.shot("join")
	p.run(chromedp.SendKeys("#name", "Ada <b>"), chromedp.KeyEvent(kb.Enter))
	p.wait(`document.querySelector("#problem").innerText.startsWith("The meeting cannot be joined")`)
	if who := g.joined.Load(); who == nil || *who != "Ada <b>" {
		t.Errorf("a token for %v", who)
	}
	p.clean()
}

// Two people meet in a real conference, each in a page of their own: they see each other, and what they send is as the guard
// needs it.
func meeting(t *testing.T, browser context.Context) {
	if testing.Short() {
		t.Skip("needs time")
	}
	s := livekittest.Server(t)
	conf := conference.Options{URL: s.URL, Room: "review", Key: s.Key, Secret: s.Secret}
	g := newGuardOf(t, time.Now(), s.URL, func(name string) (string, string, error) {
		token, err := conf.Invite(name)
		return s.URL, token, err
	})
	var pages []*tab
	for _, name := range []string{"Ada", "Grace <i>"} {
		p := open(t, browser, g.server.URL+"/join", 900, 700, "dark")
		p.wait(`document.querySelector("#preview").videoWidth > 0`)
		p.run(chromedp.SendKeys("#name", name), chromedp.KeyEvent(kb.Enter))
		p.wait(`document.querySelector("#link-text").textContent === "In the meeting"`)
		pages = append(pages, p)
	}
	for i, p := range pages {
		other := []string{"Grace <i>", "Ada"}[i]
		p.wait(fmt.Sprintf(`[...document.querySelectorAll("#tiles li")].some((e) => e.innerText === %q && e.querySelector("video").videoWidth >= 640)`, other))
		p.wait(`document.querySelectorAll("#tiles li").length === 2 && [...document.querySelectorAll("#tiles audio")].some((a) => a.srcObject?.getAudioTracks().length)`)
		// As it is encoded: what was asked for is only half of it.
		p.wait(`Promise.all([...peers].flatMap((c) => c.getSenders()).map((s) => s.getStats())).then((all) =>
			all.flatMap((r) => [...r.values()]).filter((v) => v.type === "outbound-rtp" && v.packetsSent > 20).length === 2)`)
		sent := p.eval(`Promise.all([...peers].flatMap((c) => c.getSenders()).filter((s) => s.track).map(async (s) => {
			const stats = [...(await s.getStats()).values()], out = stats.filter((v) => v.type === "outbound-rtp");
			const codec = stats.find((v) => v.id === out[0].codecId), encoding = s.getParameters().encodings[0];
			return [out.length, codec.mimeType, /\bstereo=1/.test(codec.sdpFmtpLine), /usedtx=1/.test(codec.sdpFmtpLine), encoding.maxBitrate, encoding.maxFramerate ?? 0, s.track.contentHint].join(" ").trim();
		})).then((all) => all.sort())`)
		if want := `["1 audio/opus true false 64000 0","1 video/VP8 false false 1700000 30 detail"]`; sent != want {
			t.Errorf("streams, codec, stereo, DTX, bits and frames a second, hint: %s, want %s", sent, want)
		}
	}
	p := pages[0]
	p.accessible("in a meeting")
	p.shot("meeting")
	p.run(chromedp.Click("#mute"))
	p.wait(`document.querySelector("#mute").textContent === "Unmute"`)
	pages[1].wait(`[...document.querySelectorAll("#tiles li")].some((e) => e.innerText === "Ada · muted")`)
	p.run(chromedp.Click("#leave"))
	p.wait(`!document.querySelector("#lobby").hidden && document.querySelector("#link-text").textContent === "Not joined"`)
	pages[1].wait(`document.querySelectorAll("#tiles li").length === 1`)
	s.Kill()
	pages[1].wait(`["Reconnecting", "Not joined"].includes(document.querySelector("#link-text").textContent)`)
	p.clean()
}

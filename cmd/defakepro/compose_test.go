// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/spf13/cobra"
)

// composed returns what compose.yaml says, by the specification's own reader, and the file.
func composed(t *testing.T) (*types.Project, string) {
	t.Helper()
	const name = "compose.yaml"
	data, err := os.ReadFile(filepath.Join("..", "..", name))
	if err != nil {
		t.Fatal(err)
	}
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir: filepath.Join("..", ".."), ConfigFiles: []types.ConfigFile{{Filename: name, Content: data}},
		Environment: types.Mapping{"LIVEKIT_API_KEY": "key", "LIVEKIT_API_SECRET": "secret", "NODE_IP": "192.0.2.7"},
	}, func(o *loader.Options) { o.SetProjectName("defakepro", true) })
	if err != nil {
		t.Fatal(err)
	}
	return project, string(data)
}

// called returns the command that takes the arguments, with its flags set.
func called(t *testing.T, args []string) *cobra.Command {
	t.Helper()
	c, rest, err := newRootCommand().Find(args)
	if err == nil {
		err = c.ParseFlags(rest)
	}
	if err == nil {
		err = c.ValidateArgs(c.Flags().Args())
	}
	if err != nil || c.Name() == "defakepro" {
		t.Errorf("%q: %v", args, err)
	}
	return c
}

// flag returns a flag of a command line.
func flag(t *testing.T, args []string, name string) string {
	t.Helper()
	f := called(t, args).Flags().Lookup(name)
	if f == nil {
		t.Fatalf("%q: no --%s", args, name)
	}
	return f.Value.String()
}

// TestComposeCommands: each service calls the command as it is to be called, and what the services say of each other's ports and files is so.
func TestComposeCommands(t *testing.T) {
	project, _ := composed(t)
	homes := project.Services["homes"].Command
	out := flag(t, homes, "out")
	nodes, err := strconv.Atoi(flag(t, homes, "nodes"))
	if err != nil {
		t.Fatal(err)
	}
	// The homes as that command writes them.
	dir := t.TempDir()
	args := slices.Clone([]string(homes))
	args[slices.Index(args, out)] = dir
	if status := run(t.Context(), args, io.Discard, os.Stderr); status != 0 {
		t.Fatalf("%q: %d", homes, status)
	}
	var urls []string
	for i := range nodes {
		name := fmt.Sprintf("node%d", i)
		s, ok := project.Services[name]
		if !ok {
			t.Fatalf("no %s", name)
		}
		if home := flag(t, s.Command, "home"); home != path.Join(out, name) {
			t.Errorf("%s has home %s, not one of %s", name, home, out)
		}
		c, err := readNodeConfig(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		urls = append(urls, "http://"+c.Listen)
		if asked := flag(t, s.HealthCheck.Test[2:], "node"); asked != urls[i] {
			t.Errorf("%s listens at %s, and its health is asked for at %s", name, urls[i], asked)
		}
		if input, ok := strings.CutPrefix(c.Input, "csv:"); !ok || !mounted(s, path.Dir(input), true) {
			t.Errorf("%s does not see its input %s", name, c.Input)
		}
	}
	if _, more := project.Services[fmt.Sprintf("node%d", nodes)]; more {
		t.Errorf("more nodes than the %d homes", nodes)
	}
	if g := project.Services["genesis"]; g.Command[0] != path.Join("/committee", path.Base(out), "node0/config/genesis.json") || !mounted(g, "/committee", true) {
		t.Errorf("genesis copies %s", g.Command)
	}
	if _, err := os.Stat(filepath.Join(dir, "node0/config/genesis.json")); err != nil {
		t.Error(err)
	}

	g := project.Services["guard"]
	called(t, g.Command)
	var opts guardOptions
	if err := guardCommand(&opts).ParseFlags(g.Command[1:]); err != nil {
		t.Fatal(err)
	}
	opts.tokens = true // as wherever other machines reach the page
	if err := opts.check(); err != nil {
		t.Error(err)
	}
	if err := opts.checkTokens(); err != nil {
		t.Error(err)
	}
	if !slices.Equal(opts.ledger, urls) {
		t.Errorf("the guard asks %q, the nodes are at %q", opts.ledger, urls)
	}
	if want := project.Services["genesis"].Command[1]; opts.genesis != want {
		t.Errorf("the guard's genesis is %s, copied is %s", opts.genesis, want)
	}
	for _, file := range []string{opts.genesis, opts.history, opts.audit} {
		if !mounted(g, path.Dir(file), false) {
			t.Errorf("the guard cannot write beside %s", file)
		}
	}
	if !mounted(g, path.Dir(opts.tlsKey), true) || flag(t, g.HealthCheck.Test[2:], "ca") != opts.tlsCert {
		t.Error("the guard's certificate is elsewhere")
	}
	asked, err := url.Parse(flag(t, g.HealthCheck.Test[2:], "node"))
	if err != nil || asked.Scheme != "https" || !strings.HasSuffix(opts.listen, ":"+asked.Port()) {
		t.Errorf("the guard listens at %s, and its health is asked for at %s, %v", opts.listen, asked, err)
	}
}

// mounted reports whether a service has a folder, to read alone or to write to.
func mounted(s types.ServiceConfig, folder string, readOnly bool) bool {
	return slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Target == folder && v.ReadOnly == readOnly })
}

// TestComposeHeader: the lines that the file's head tells to run are good calls, of a service that has the files they name.
func TestComposeHeader(t *testing.T) {
	project, text := composed(t)
	found := regexp.MustCompile(`(?m)^# +docker compose run --rm (\S+) (.*)$`).FindAllStringSubmatch(text, -1)
	if len(found) != 3 {
		t.Fatalf("%q", found)
	}
	for _, line := range found {
		s, ok := project.Services[line[1]]
		if !ok || !mounted(s, "/data", false) || s.Build.Target != "node" {
			t.Errorf("%q: no such service, or it has no /data", line[0])
		}
		args := strings.Fields(line[2])
		called(t, args)
		for i, a := range args {
			if a == "--admin" && args[i+1] != path.Join(flag(t, s.Command, "out"), "administrator_key.json") {
				t.Errorf("%s is not where testnet puts it", args[i+1])
			}
			if a == "--operations" {
				limits := limitFlags{operations: strings.Split(args[i+1], ",")}
				if _, err := limits.limits(time.Now()); err != nil {
					t.Error(err)
				}
			}
		}
	}
	if asked := flag(t, project.Services["node0"].HealthCheck.Test[2:], "node"); asked != defaultNode {
		t.Errorf("the lines ask %s, and node0 is at %s", defaultNode, asked)
	}
}

// TestComposeConfines: nothing runs as root, writes to its root file system, or has a capability; and those who meet reach the server.
func TestComposeConfines(t *testing.T) {
	project, _ := composed(t)
	for name, s := range project.Services {
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || len(s.CapAdd) > 0 || s.Privileged || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s is not confined", name)
		}
		if user, err := strconv.Atoi(strings.Split(s.User+":", ":")[0]); err != nil || user == 0 {
			t.Errorf("%s runs as %q", name, s.User)
		}
		if s.NetworkMode != "service:livekit" && s.NetworkMode != "none" && name != "livekit" {
			t.Errorf("%s is in a network of its own: %q", name, s.NetworkMode)
		}
	}
	l := project.Services["livekit"]
	published := make(map[string]string)
	for _, p := range l.Ports {
		published[fmt.Sprintf("%d/%s", p.Target, p.Protocol)] = p.Published
		if fmt.Sprint(p.Target) != p.Published {
			t.Errorf("%d is published as %s: the server tells its own port to those who meet", p.Target, p.Published)
		}
	}
	at := slices.Index(l.Command, "--udp-port")
	if at < 0 || published[l.Command[at+1]+"/udp"] == "" || published["7881/tcp"] == "" || published["7880/tcp"] == "" || len(published) != 4 {
		t.Errorf("the server has %q, and published is %v", l.Command, published)
	}
	if ip := l.Environment["NODE_IP"]; ip == nil || *ip != "192.0.2.7" {
		t.Error("the server tells an address of the container")
	}
	var guard guardOptions
	if err := guardCommand(&guard).ParseFlags(project.Services["guard"].Command[1:]); err != nil {
		t.Fatal(err)
	}
	if _, port, _ := strings.Cut(guard.listen, ":"); published[port+"/tcp"] == "" {
		t.Errorf("the page is at %s, and published is %v", guard.listen, published)
	}
}

// imageStage is one of a Dockerfile's images.
type imageStage struct {
	from  string
	lines []string
}

// TestDockerfile: what is built is there, what is copied was built, what runs is what the services say, and not as root.
func TestDockerfile(t *testing.T) {
	data, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	stages := make(map[string]*imageStage)
	var s *imageStage
	for line := range strings.Lines(strings.ReplaceAll(string(data), "\\\n", " ")) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0 || strings.HasPrefix(f[0], "#"):
		case f[0] == "FROM" && len(f) == 4 && f[2] == "AS":
			s = &imageStage{from: f[1]}
			stages[f[3]] = s
		case s == nil:
			t.Fatalf("before any image: %s", line)
		default:
			s.lines = append(s.lines, strings.Join(f, " "))
		}
	}
	module, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(module)
	if !strings.HasPrefix(stages["source"].from, "golang:"+string(version[1])+"-") {
		t.Errorf("%s builds a module of Go %s", stages["source"].from, version[1])
	}
	cgo, err := os.ReadFile("../../media/worker.go")
	if err != nil {
		t.Fatal(err)
	}
	for library := range strings.FieldsSeq(string(regexp.MustCompile(`#cgo pkg-config: (.*)`).FindSubmatch(cgo)[1])) {
		if !strings.Contains(strings.Join(stages["build-guard"].lines, "\n"), " "+library+"-dev ") || !regexp.MustCompile(" "+library+`\d+ `).MatchString(strings.Join(stages["guard"].lines, "\n")) {
			t.Errorf("%s is not there, to build with and to run with", library)
		}
	}
	project, _ := composed(t)
	for name, of := range map[string]string{"node": "build-node", "guard": "build-guard"} {
		built := strings.Join(stages[of].lines, "\n")
		output := regexp.MustCompile(`-o (\S+) (\./\S+)`).FindStringSubmatch(built)
		if output == nil || !strings.Contains(built, "mkdir -p /out/data") || stages[of].from != "source" {
			t.Fatalf("%s: %s", of, built)
		}
		if _, err := os.Stat(filepath.Join("../..", output[2], "main.go")); err != nil {
			t.Error(err)
		}
		all := "\n" + strings.Join(stages[name].lines, "\n") + "\n"
		binary := regexp.MustCompile(`\nCOPY --from=` + of + " " + output[1] + ` (\S+)\n`).FindStringSubmatch(all)
		if binary == nil || !strings.Contains(all, "\nENTRYPOINT [\""+binary[1]+"\"]\n") {
			t.Fatalf("%s does not run what %s built: %s", name, of, all)
		}
		user := regexp.MustCompile(`\nUSER (\d+:\d+)\n`).FindStringSubmatch(all)
		if user == nil || strings.HasPrefix(user[1], "0:") || !strings.Contains(all, "\nCOPY --from="+of+" --chown="+user[1]+" /out/data /data\n") || !strings.Contains(all, "\nVOLUME /data\n") {
			t.Fatalf("%s: %s", name, all)
		}
		if given := regexp.MustCompile(`\nCMD \["(.*)"\]\n`).FindStringSubmatch(all); given == nil {
			t.Errorf("%s: no CMD", name)
		} else if args := strings.Split(given[1], `", "`); args[len(args)-1] != "--help" {
			called(t, args)
		}
		for service, s := range project.Services {
			if s.Build == nil || s.Build.Target != name {
				continue
			}
			if s.User != user[1] {
				t.Errorf("%s runs as %s, the image's is %s", service, s.User, user[1])
			}
			if s.HealthCheck != nil && s.HealthCheck.Test[1] != binary[1] {
				t.Errorf("%s: the image has no %s", service, s.HealthCheck.Test[1])
			}
		}
	}
	for service, s := range project.Services {
		if s.Build != nil && stages[s.Build.Target] == nil {
			t.Errorf("%s: no image %s", service, s.Build.Target)
		}
	}
}

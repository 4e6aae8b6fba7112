// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"encoding/csv"
	"fmt"
	"html/template"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Part is a table or figure of the paper, measured: what was done, and the tables and plots that came of it.
type Part struct {
	// Name is that of the experiment, and the beginning of its files' names.
	Name string
	// Title heads it.
	Title string
	// Text is its paragraphs.
	Text []string
	// Repeat is the command that measures it again.
	Repeat string
	Tables []Table
	Plots  []Plot
}

// Table is a table of text.
type Table struct {
	// Name tells it from the part's other tables.
	Name    string
	Columns []string
	Rows    [][]string
}

// File is one of the files that a part is written to.
type File struct {
	Name  string
	Write func(io.Writer) error
}

// Files are the part's tables as CSV, and its plots as SVG and as CSV. Names have no folder.
func (p Part) Files() []File {
	var out []File
	for _, t := range p.Tables {
		out = append(out, File{p.Name + "-" + t.Name + ".csv", t.writeCSV})
	}
	for _, plot := range p.Plots {
		out = append(out, File{p.Name + "-" + plot.Name + ".svg", plot.WriteSVG}, File{p.Name + "-" + plot.Name + ".csv", plot.writeCSV})
	}
	return out
}

func (t Table) writeCSV(w io.Writer) error {
	return csv.NewWriter(w).WriteAll(slices.Concat([][]string{t.Columns}, t.Rows))
}

// writeCSV writes a row for each point.
func (p Plot) writeCSV(w io.Writer) error {
	rows := [][]string{{"line", "x", "y"}}
	for _, l := range p.Lines {
		for i, x := range l.X {
			rows = append(rows, []string{l.Name, number(x), number(l.Y[i])})
		}
	}
	return csv.NewWriter(w).WriteAll(rows)
}

// WriteCSV writes the first table.
func (p Part) WriteCSV(w io.Writer) error {
	if len(p.Tables) == 0 {
		return nil
	}
	return p.Tables[0].writeCSV(w)
}

// WriteMarkdown writes the part as a page.
func (p Part) WriteMarkdown(w io.Writer) error { return Paper{p}.WriteMarkdown(w) }

// Paper is several parts.
type Paper []Part

// Files are those of all parts, and the page of HTML that shows them, which needs no other file.
func (p Paper) Files() []File {
	var out []File
	for _, part := range p {
		out = append(out, part.Files()...)
	}
	return append(out, File{"paper.html", p.WriteHTML})
}

// WriteCSV writes the first table.
func (p Paper) WriteCSV(w io.Writer) error {
	if len(p) == 0 {
		return nil
	}
	return p[0].WriteCSV(w)
}

// WriteMarkdown writes the parts as a page, with plots by the names of their files.
func (p Paper) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	level := "#"
	if len(p) > 1 {
		b.WriteString("# The paper's results, measured\n\n" + wrapped(paperText) + "\n")
		level = "\n##"
	}
	for _, part := range p {
		fmt.Fprintf(&b, "%s %s\n", level, part.Title)
		if part.Repeat != "" {
			fmt.Fprintf(&b, "\n    %s\n", part.Repeat)
		}
		for _, t := range part.Text {
			fmt.Fprintf(&b, "\n%s\n", wrapped(t))
		}
		for _, t := range part.Tables {
			fmt.Fprintf(&b, "\n| %s |\n|%s\n", strings.Join(t.Columns, " | "), strings.Repeat("---|", len(t.Columns)))
			for _, row := range t.Rows {
				fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
			}
		}
		for _, plot := range part.Plots {
			fmt.Fprintf(&b, "\n![%s](%s-%s.svg)\n", plot.Title, part.Name, plot.Name)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

const paperText = "DeFakePro (Nagothu, Xu, Chen, Blasch, Aved, arXiv:2207.13070, 2022): its tables and figures, measured with this program, beside the numbers that it prints.\n" +
	"Written by `defakepro eval all`; the numbers of each table and plot are beside this page as CSV. All of it is seeded; times depend on the machine."

// page is the parts as one page of HTML.
var page = template.Must(template.New("page").Funcs(template.FuncMap{"inline": inline}).Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>DeFakePro, measured</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
table{border-collapse:collapse;font-size:.9rem;display:block;overflow-x:auto}td,th{border:1px solid #ccc;padding:.2rem .6rem;text-align:left}
th{background:#f2f2f2}figure{margin:1rem 0}svg{max-width:100%;height:auto}pre{background:#f6f6f6;padding:.6rem;overflow-x:auto}
</style>
<h1>The paper's results, measured</h1>
<p>{{inline .Text}}</p>
{{range .Parts}}<h2>{{.Title}}</h2>
{{with .Repeat}}<pre>{{.}}</pre>{{end}}
{{range .Text}}<p>{{inline .}}</p>
{{end}}{{range .Tables}}<table><thead><tr>{{range .Columns}}<th>{{.}}</th>{{end}}</tr></thead><tbody>
{{range .Rows}}<tr>{{range .}}<td>{{.}}</td>{{end}}</tr>
{{end}}</tbody></table>
{{end}}{{range .Figures}}<figure>{{.}}</figure>
{{end}}{{end}}</html>
`))

// The marks of Markdown within a paragraph that parts make use of, after escaping.
var (
	codeMark   = regexp.MustCompile("`([^`]+)`")
	linkMark   = regexp.MustCompile(`\[([^\]]+)\]\(([\w.-]+)\)`)
	escapeMark = regexp.MustCompile(`\\([*_])`)
)

// inline makes HTML of a paragraph of Markdown.
func inline(text string) template.HTML {
	out := codeMark.ReplaceAllString(template.HTMLEscapeString(text), "<code>$1</code>")
	out = linkMark.ReplaceAllString(out, `<a href="$2">$1</a>`)
	return template.HTML(escapeMark.ReplaceAllString(out, "$1")) //nolint:gosec // it is escaped above
}

// WriteHTML writes the parts as one page that stands by itself.
func (p Paper) WriteHTML(w io.Writer) error {
	type shown struct {
		Part
		Figures []template.HTML
	}
	var parts []shown
	for _, part := range p {
		s := shown{Part: part}
		for _, plot := range part.Plots {
			var b strings.Builder
			if err := plot.WriteSVG(&b); err != nil {
				return err
			}
			_, svg, _ := strings.Cut(b.String(), "<svg")             // without the XML declaration
			s.Figures = append(s.Figures, template.HTML("<svg"+svg)) //nolint:gosec // drawn here, with escaped text
		}
		parts = append(parts, s)
	}
	return page.Execute(w, map[string]any{"Text": paperText, "Parts": parts})
}

// fixed writes a value with so many decimals, and nothing for none.
func fixed(v float64, decimals int) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "–"
	}
	return strconv.FormatFloat(v, 'f', decimals, 64)
}

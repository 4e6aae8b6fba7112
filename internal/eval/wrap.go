// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"strings"
	"unicode/utf8"
)

// wrapWidth is how long a line of prose may be on a page.
const wrapWidth = 120

// wrapped breaks those paragraphs of Markdown anew that have a longer line than wrapWidth. It knows headings, and no
// lists or tables.
func wrapped(text string) string {
	blocks := strings.Split(text, "\n\n")
	for i, block := range blocks {
		for line := range strings.Lines(block) {
			if utf8.RuneCountInString(strings.TrimRight(line, "\n")) > wrapWidth && !strings.HasPrefix(block, "#") {
				ending := block[len(strings.TrimRight(block, "\n")):]
				blocks[i] = fill(strings.Fields(block)) + ending
				break
			}
		}
	}
	return strings.Join(blocks, "\n\n")
}

// fill sets words in lines as long as may be. No line begins with what would begin a list or a heading.
func fill(words []string) string {
	var b strings.Builder
	width := 0
	for i, word := range words {
		n := utf8.RuneCountInString(word) // with what must stay beside it
		for k := i + 1; k < len(words) && begins(words[k]); k++ {
			n += 1 + utf8.RuneCountInString(words[k])
		}
		switch {
		case i == 0:
		case begins(word), width+1+n <= wrapWidth:
			b.WriteByte(' ')
			width++
		default:
			b.WriteByte('\n')
			width = 0
		}
		b.WriteString(word)
		width += utf8.RuneCountInString(word)
	}
	return b.String()
}

// begins reports whether a word at the beginning of a line is more than a word.
func begins(word string) bool {
	switch word {
	case "-", "+", "*", "=", ">", "#":
		return true
	}
	number := strings.TrimRight(word, ".)")
	return len(number) == len(word)-1 && strings.Trim(number, "0123456789") == ""
}

// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/defakepro/defakepro/upconv"
)

// upconvTable writes features as CSV.
type upconvTable struct{ w *csv.Writer }

func newUpconvTable(w io.Writer, points int) upconvTable {
	t := upconvTable{csv.NewWriter(w)}
	head := []string{"fake", "media", "frame"}
	for i := range points {
		head = append(head, "r"+strconv.Itoa(i))
	}
	_ = t.w.Write(head) // the writer keeps its error
	return t
}

func (t upconvTable) write(label upconvLabel, media string, frame int, feature []float64) error {
	row := []string{map[upconvLabel]string{labelFake: "1", labelReal: "0"}[label], media, strconv.Itoa(frame)}
	for _, v := range feature {
		row = append(row, strconv.FormatFloat(v, 'g', 7, 64))
	}
	return t.w.Write(row)
}

func (t upconvTable) flush() error {
	t.w.Flush()
	return t.w.Error()
}

// mostTable is the most bytes of a table of features, unpacked.
const mostTable = 1 << 30

// readUpconvTable reads the columns fake and r0, r1 and so on of a table, plain or gzip-compressed.
func readUpconvTable(path string) (features [][]float64, fake []bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, withoutPath(err))
	}
	defer func() { _ = f.Close() }() // read only
	r := bufio.NewReader(f)
	var in io.Reader = r
	if magic, _ := r.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		if in, err = gzip.NewReader(r); err != nil {
			return nil, nil, fmt.Errorf("%s: damaged gzip: %w", path, err)
		}
	}
	rows := csv.NewReader(io.LimitReader(in, mostTable))
	rows.ReuseRecord = true
	head, err := rows.Read()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: not a table of features: %w", path, err)
	}
	label, columns := -1, []int{}
	for i, name := range head {
		if name == "fake" {
			label = i
		}
		if n, ok := strings.CutPrefix(name, "r"); ok && n == strconv.Itoa(len(columns)) {
			columns = append(columns, i)
		}
	}
	if label < 0 || len(columns) == 0 {
		return nil, nil, fmt.Errorf("%s: not a table of features: the first line must name fake, r0, r1 and so on", path)
	}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return features, fake, nil
		}
		line, _ := rows.FieldPos(0)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", path, err)
		}
		if row[label] != "0" && row[label] != "1" {
			return nil, nil, fmt.Errorf("%s:%d: fake is %.20q: must be 0 or 1", path, line, row[label])
		}
		v := make([]float64, len(columns))
		for k, i := range columns {
			if v[k], err = strconv.ParseFloat(row[i], 64); err != nil {
				return nil, nil, fmt.Errorf("%s:%d: r%d is %.20q: must be a number", path, line, k, row[i])
			}
		}
		features, fake = append(features, v), append(fake, row[label] == "1")
	}
}

func readUpconvModel(path string) (*upconv.Model, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, withoutPath(err))
	}
	defer func() { _ = f.Close() }() // read only
	return upconv.ReadModel(bufio.NewReader(f), path)
}

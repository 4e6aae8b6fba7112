// SPDX-FileCopyrightText: 2026 The DeFakePro Authors
// SPDX-License-Identifier: Apache-2.0

package capability

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"
)

// Audit is a file of decisions, each with the hash of the one before it, so that none can be changed or taken out of the middle
// without all that follow being rewritten. It is appended to alone. When it is full it is kept under its name with ".1", in
// place of the one before, and the chain goes on in a new file: the disk is never filled. It is safe for concurrent use.
type Audit struct {
	mu   sync.Mutex
	path string
	most int64
	file *os.File
	size int64
	last Record

	worthless time.Time // when the last refusal of a worthless token was kept
	skipped   uint64    // how many were not, since
}

// Record is a decision.
type Record struct {
	// Number counts from 1.
	Number uint64 `json:"number"`
	// Time is when it was made.
	Time time.Time `json:"time"`
	// Holder is whose token it was, where that could be read: what the token says, whoever signed it.
	Holder string `json:"holder,omitempty"`
	// Token is the last of the token's IDs, in hexadecimal: to revoke that is to revoke this token. It reveals nothing that could be
	// used. Until is when the token expires.
	Token string    `json:"token,omitempty"`
	Until time.Time `json:"until,omitzero"`
	// Operation, Resource and Zone are what was asked for.
	Operation string `json:"operation"`
	Resource  string `json:"resource,omitempty"`
	Zone      string `json:"zone,omitempty"`
	// Refused is why it was not allowed; empty if it was.
	Refused string `json:"refused,omitempty"`
	// Skipped is how many refusals of worthless tokens, and of none, came since the last one of them that was kept, and were not:
	// one a second is, so that nobody can flush the file with forgeries.
	Skipped uint64 `json:"skipped,omitempty"`
	// Before is the Hash of the record before, empty for the first, and Hash the SHA-256 of this one without it, both in
	// hexadecimal.
	Before string `json:"before,omitempty"`
	Hash   string `json:"hash"`
}

// MaxAudit is the size, in bytes, at which a file of an [Audit] is full where nobody says.
const MaxAudit = 64 << 20

// maxRecord is the most bytes of a record's line.
const maxRecord = 16 << 10

// OpenAudit opens the file at path, which it makes readable by its owner alone where there is none, to go on after its last
// record. most is its size in bytes; 0 is [MaxAudit]. A file whose chain is broken is an error: nothing is added to it. A last line
// that is cut short, as by a loss of power, is taken away.
func OpenAudit(path string, most int64) (*Audit, error) {
	if most <= 0 {
		most = MaxAudit
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	a := &Audit{path: path, most: most, file: f}
	if a.last, a.size, err = readAudit(f, func(Record) {}); err == nil && a.last.Number == 0 {
		err = a.before()
	}
	if err == nil {
		err = f.Truncate(a.size)
	}
	if err == nil {
		_, err = f.Seek(a.size, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("audit %s: %w", path, err), f.Close())
	}
	return a, nil
}

// before takes the chain up from the file that was full, where the new one has no record yet.
func (a *Audit) before() error {
	full, err := os.Open(a.path + ".1")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	a.last, _, err = readAudit(full, func(Record) {})
	return errors.Join(err, full.Close())
}

// Close makes the file durable and closes it.
func (a *Audit) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return errors.Join(a.file.Sync(), a.file.Close())
}

func (a *Audit) add(now time.Time, t Token, r Request, refused error) error {
	record := Record{Time: now.UTC(), Operation: r.Operation, Resource: short(r.Resource), Zone: short(r.Zone)}
	if t.biscuit != nil {
		ids := t.IDs()
		record.Holder, record.Token, record.Until = t.Holder, hex.EncodeToString(ids[len(ids)-1][:]), t.Until()
	}
	if refused != nil {
		record.Refused = short(refused.Error())
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if errors.Is(refused, ErrToken) {
		if since := now.Sub(a.worthless); since >= 0 && since < time.Second {
			a.skipped++
			return nil
		}
		a.worthless, record.Skipped, a.skipped = now, a.skipped, 0
	}
	if a.size >= a.most {
		if err := a.rotate(); err != nil {
			return err
		}
	}
	record.Number, record.Before = a.last.Number+1, a.last.Hash
	record.Hash = record.hash()
	line, err := json.Marshal(record)
	if err != nil {
		return err
	}
	n, err := a.file.Write(append(line, '\n'))
	if err != nil {
		// Half a line is no record, and must not stand before the next.
		return errors.Join(err, a.file.Truncate(a.size), a.seek())
	}
	a.size += int64(n)
	a.last = record
	return nil
}

func (a *Audit) seek() error {
	_, err := a.file.Seek(a.size, io.SeekStart)
	return err
}

func (a *Audit) rotate() error {
	if err := a.file.Sync(); err != nil {
		return err
	}
	if err := os.Rename(a.path, a.path+".1"); err != nil {
		return err
	}
	f, err := os.OpenFile(a.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return errors.Join(err, os.Rename(a.path+".1", a.path)) // to be tried again with the next record
	}
	err = a.file.Close()
	a.file, a.size = f, 0
	return err
}

// short bounds what strangers have in a record, and makes it text: bytes that are none would be others when the record is read,
// and its hash another.
func short(s string) string {
	const most = 500
	return strings.ToValidUTF8(s[:min(len(s), most)], "\uFFFD")
}

func (r Record) hash() string {
	r.Hash = ""
	data, err := json.Marshal(r)
	if err != nil {
		panic(err) // strings and a time
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// ErrChain is wrapped where the chain of an [Audit]'s file is broken.
var ErrChain = errors.New("the chain is broken")

// ReadAudit calls yield with the records of a file of an [Audit], in order, and returns the last one. An error that wraps
// [ErrChain] says where the chain is broken; what follows is not yielded.
func ReadAudit(r io.Reader, yield func(Record)) (Record, error) {
	last, _, err := readAudit(r, yield)
	return last, err
}

// readAudit also returns how many bytes whole records take.
func readAudit(r io.Reader, yield func(Record)) (last Record, size int64, err error) {
	in := bufio.NewReaderSize(r, maxRecord)
	for {
		line, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF): // with half a line perhaps
			return last, size, nil
		case errors.Is(err, bufio.ErrBufferFull):
			return last, size, fmt.Errorf("%w after record %d: a line of more than %d bytes", ErrChain, last.Number, maxRecord)
		case err != nil:
			return last, size, fmt.Errorf("after record %d: %w", last.Number, err)
		}
		var next Record
		if err := json.Unmarshal(line, &next); err != nil {
			return last, size, fmt.Errorf("%w after record %d: the next is none", ErrChain, last.Number)
		}
		follows := next.Number == last.Number+1 && next.Before == last.Hash || size == 0 && next.Number > 0
		if !follows || next.Hash != next.hash() {
			return last, size, fmt.Errorf("%w after record %d: record %d is not the one that was made then", ErrChain, last.Number, next.Number)
		}
		last = next
		size += int64(len(line))
		yield(next)
	}
}
